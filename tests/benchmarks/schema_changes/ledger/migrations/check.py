from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        migrations.AddConstraint(
            "Item", models.CheckConstraint(condition=models.Q(amount__gte=0), name="item_amount_not_negative")
        ),
    ]
