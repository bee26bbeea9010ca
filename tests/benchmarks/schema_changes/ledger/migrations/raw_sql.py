from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE ledger_item ADD COLUMN vendor text", "ALTER TABLE ledger_item DROP COLUMN vendor"
        ),
    ]
