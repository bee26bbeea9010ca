from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        migrations.RenameField("Item", "note", "remark"),
    ]
