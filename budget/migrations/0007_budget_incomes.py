import django.contrib.postgres.functions
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0006_budgets"),
    ]

    operations = [
        migrations.CreateModel(
            name="BudgetIncome",
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
                    "budget",
                    models.ForeignKey(
                        db_comment="The budget it belongs to",
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="incomes",
                        to="budget.budget",
                        verbose_name="budget",
                    ),
                ),
                (
                    "display_order",
                    models.IntegerField(
                        db_comment="Place in the budget, smallest first", verbose_name="order"
                    ),
                ),
                (
                    "title",
                    models.CharField(
                        db_comment="항목: 참가비, 본당지원금, 후원금", max_length=100, verbose_name="item"
                    ),
                ),
                ("amount", models.BigIntegerField(db_comment="Won", verbose_name="amount")),
                (
                    "is_parish_subsidy",
                    models.BooleanField(
                        db_comment="Counts as 본당보조예산",
                        db_default=False,
                        default=False,
                        verbose_name="parish subsidy",
                    ),
                ),
                (
                    "note",
                    models.CharField(
                        blank=True,
                        db_comment="비고",
                        db_default="",
                        default="",
                        max_length=300,
                        verbose_name="note",
                    ),
                ),
            ],
            options={
                "verbose_name": "budget income",
                "verbose_name_plural": "budget incomes",
                "db_table": "budget_incomes",
                "db_table_comment": "Lines of planned income (예산수입내역)",
                "constraints": [
                    models.UniqueConstraint(
                        deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                        fields=("budget", "display_order"),
                        name="budget_income_order_unique",
                        violation_error_message="Two lines have the same place in the order.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__range", (1, 1000000000000))),
                        name="budget_income_amount_range",
                        violation_error_message="An amount is between 1 and 1 trillion won.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("title__regex", "\\S")),
                        name="budget_income_title_present",
                        violation_error_message="Name the item of this line.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON budget_incomes
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON budget_incomes",
        ),
    ]
