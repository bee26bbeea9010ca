from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        migrations.AddField("Item", "vendor", models.CharField(max_length=100, null=True)),
    ]
