from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        migrations.AlterField(
            "Item", "person_number", models.ForeignKey("Person", models.PROTECT, db_column="person_number")
        ),
    ]
