from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        migrations.AddField("Item", "state", models.CharField(max_length=10, default="DRAFT")),
    ]
