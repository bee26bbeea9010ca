from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        migrations.AlterField("Item", "kind", models.CharField(max_length=10)),
    ]
