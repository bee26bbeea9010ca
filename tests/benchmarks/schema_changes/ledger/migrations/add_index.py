from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        migrations.AddIndex(
            "Item", models.Index(fields=["category", "transacted_on"], name="item_category_day")
        ),
    ]
