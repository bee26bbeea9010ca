import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0010_settlement_items"),
    ]

    operations = [
        migrations.CreateModel(
            name="AnnualAllocation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_comment="UUIDv7 from the application, random from psql",
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_comment="When the row was inserted",
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="created at",
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        db_comment="Last change, kept by a trigger",
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="updated at",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_comment="Who may spend it",
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocations",
                        to="budget.organization",
                        verbose_name="organization",
                    ),
                ),
                ("year", models.IntegerField(db_comment="Budget year, like 2025", verbose_name="year")),
                ("amount", models.BigIntegerField(db_comment="Won", verbose_name="amount")),
            ],
            options={
                "verbose_name": "annual allocation",
                "verbose_name_plural": "annual allocations",
                "db_table": "annual_allocations",
                "db_table_comment": "What the parish allocates to an organization for a year (예산 배정액)",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "year"),
                        name="annual_allocation_unique",
                        violation_error_message="This organization has an allocation for this year already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("year__range", (2000, 2100))),
                        name="annual_allocation_year_range",
                        violation_error_message="Enter a year from 2000 to 2100.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__range", (0, 1000000000000))),
                        name="annual_allocation_amount_range",
                        violation_error_message="An allocation is between 0 and 1 trillion won.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON annual_allocations
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON annual_allocations",
        ),
    ]
