from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        migrations.AddField("Item", "approver", models.ForeignKey("Person", models.PROTECT, null=True)),
    ]
