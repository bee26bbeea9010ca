from decimal import Decimal

import django.contrib.postgres.functions
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.math
import django.db.models.lookups
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0007_budget_incomes"),
    ]

    operations = [
        migrations.CreateModel(
            name="BudgetExpense",
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
                        related_name="expenses",
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
                    "category",
                    models.CharField(
                        db_comment="분류: a line of form 1", max_length=100, verbose_name="category"
                    ),
                ),
                (
                    "detail",
                    models.CharField(
                        blank=True,
                        db_comment="상세",
                        db_default="",
                        default="",
                        max_length=200,
                        verbose_name="detail",
                    ),
                ),
                ("unit_price", models.BigIntegerField(db_comment="Won for one", verbose_name="unit price")),
                (
                    "quantity",
                    models.DecimalField(
                        db_comment="How many; 1 where it does not apply",
                        db_default=Decimal("1"),
                        decimal_places=2,
                        default=Decimal("1"),
                        max_digits=10,
                        verbose_name="quantity",
                    ),
                ),
                (
                    "quantity_unit",
                    models.CharField(
                        blank=True,
                        db_comment="명, 팀, 대; empty where a quantity does not apply",
                        db_default="",
                        default="",
                        max_length=20,
                        verbose_name="unit of quantity",
                    ),
                ),
                (
                    "times",
                    models.DecimalField(
                        db_comment="How often; 1 where it does not apply",
                        db_default=Decimal("1"),
                        decimal_places=2,
                        default=Decimal("1"),
                        max_digits=10,
                        verbose_name="times",
                    ),
                ),
                (
                    "times_unit",
                    models.CharField(
                        blank=True,
                        db_comment="박, 회, 일; empty where a count does not apply",
                        db_default="",
                        default="",
                        max_length=20,
                        verbose_name="unit of times",
                    ),
                ),
                (
                    "amount",
                    models.GeneratedField(
                        db_comment="Won: unit_price × quantity × times, rounded",
                        db_persist=True,
                        expression=django.db.models.functions.comparison.Cast(
                            django.db.models.functions.math.Round(
                                models.ExpressionWrapper(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.functions.comparison.Cast(
                                                "unit_price",
                                                models.DecimalField(decimal_places=0, max_digits=19),
                                            ),
                                            "*",
                                            models.F("quantity"),
                                        ),
                                        "*",
                                        models.F("times"),
                                    ),
                                    output_field=models.DecimalField(),
                                )
                            ),
                            models.BigIntegerField(),
                        ),
                        output_field=models.BigIntegerField(verbose_name="amount"),
                        verbose_name="amount",
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
                "verbose_name": "budget expense",
                "verbose_name_plural": "budget expenses",
                "db_table": "budget_expenses",
                "db_table_comment": "Lines of planned spending (예산상세내역)",
                "constraints": [
                    models.UniqueConstraint(
                        deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                        fields=("budget", "display_order"),
                        name="budget_expense_order_unique",
                        violation_error_message="Two lines have the same place in the order.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("category__regex", "\\S")),
                        name="budget_expense_category_present",
                        violation_error_message="Name the category of this line.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("unit_price__range", (0, 1000000000000))),
                        name="budget_expense_unit_price_range",
                        violation_error_message="A unit price is between 0 and 1 trillion won.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gt", 0)),
                        name="budget_expense_quantity_positive",
                        violation_error_message="A quantity is more than 0; leave it at 1 where it does not apply.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("times__gt", 0)),
                        name="budget_expense_times_positive",
                        violation_error_message="A count is more than 0; leave it at 1 where it does not apply.",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            models.ExpressionWrapper(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.functions.comparison.Cast(
                                            "unit_price", models.DecimalField(decimal_places=0, max_digits=19)
                                        ),
                                        "*",
                                        models.F("quantity"),
                                    ),
                                    "*",
                                    models.F("times"),
                                ),
                                output_field=models.DecimalField(),
                            ),
                            1000000000000,
                        ),
                        name="budget_expense_amount_range",
                        violation_error_message="The amount of a line is at most 1 trillion won.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON budget_expenses
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON budget_expenses",
        ),
    ]
