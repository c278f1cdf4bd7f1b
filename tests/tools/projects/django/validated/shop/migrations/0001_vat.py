"""The tables that are there already, and orders have a VAT rate."""

from django.db import migrations, models
from integratedb_companion.migrations.django import ValidateContracts


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    "Customer",
                    fields=[("id", models.BigAutoField(primary_key=True)), ("email", models.TextField(unique=True))],
                    options={"db_table": "customers"},
                ),
                migrations.CreateModel(
                    "Order",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True)),
                        ("customer", models.ForeignKey("shop.Customer", models.PROTECT)),
                    ],
                    options={"db_table": "orders"},
                ),
            ]
        ),
        migrations.AddField("Order", "vat", models.DecimalField(max_digits=5, decimal_places=2, null=True)),
        ValidateContracts(),
    ]
