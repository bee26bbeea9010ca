from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        migrations.AddConstraint(
            "Item", models.UniqueConstraint(fields=["serial"], name="item_serial_unique")
        ),
    ]
