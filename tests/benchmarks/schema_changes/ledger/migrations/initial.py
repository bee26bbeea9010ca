from django.db import migrations, models


class Migration(migrations.Migration):
    """Lines of settlements, in the shape of settlement_items."""

    dependencies = [("operations", "0001_deploys_and_migration_runs")]
    operations = [
        migrations.CreateModel(
            "Person", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]
        ),
        migrations.CreateModel(
            "Settlement",
            [("id", models.UUIDField(primary_key=True)), ("title", models.CharField(max_length=200))],
        ),
        migrations.CreateModel(
            "Item",
            [
                ("id", models.UUIDField(primary_key=True)),
                ("settlement", models.ForeignKey("Settlement", models.CASCADE)),
                ("display_order", models.IntegerField()),
                ("category", models.CharField(max_length=100)),
                ("description", models.TextField()),
                ("transacted_on", models.DateField()),
                ("unit_price", models.BigIntegerField()),
                ("quantity", models.IntegerField()),
                ("amount", models.BigIntegerField()),
                ("kind", models.CharField(max_length=10, null=True)),
                ("person_number", models.BigIntegerField()),
                ("serial", models.BigIntegerField()),
                ("note", models.TextField(null=True)),
                ("created_at", models.DateTimeField()),
            ],
        ),
    ]
