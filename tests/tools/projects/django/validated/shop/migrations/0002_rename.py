"""An email is an email address."""

from django.db import migrations, models
from integratedb_companion.migrations.django import ValidateContracts


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_vat")]
    operations = [
        migrations.AddField("Order", "channel", models.TextField(null=True)),
        migrations.AlterField("Order", "vat", models.DecimalField(max_digits=5, decimal_places=2, default=0)),
        migrations.RenameField("Customer", "email", "email_address"),
        ValidateContracts(),
    ]
