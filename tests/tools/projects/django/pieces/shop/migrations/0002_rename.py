"""An email is an email address."""

from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0001_vat")]
    operations = [
        migrations.AddField("Order", "channel", models.TextField(null=True)),
        migrations.RenameField("Customer", "email", "email_address"),
    ]
