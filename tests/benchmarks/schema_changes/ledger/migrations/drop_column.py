from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        migrations.RemoveField("Item", "note"),
    ]
