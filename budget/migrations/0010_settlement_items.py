import datetime

import django.contrib.postgres.functions
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0009_settlements"),
    ]

    # The thirteen tables have an order, and the audit trail comes tenth.
    run_before = [("audit", "0001_audit_trails")]

    operations = [
        migrations.CreateModel(
            name="SettlementItem",
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
                    "settlement",
                    models.ForeignKey(
                        db_comment="The settlement it belongs to",
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="budget.settlement",
                        verbose_name="settlement",
                    ),
                ),
                (
                    "item_type",
                    models.CharField(
                        choices=[("INCOME", "Income"), ("EXPENSE", "Expense")],
                        db_comment="INCOME or EXPENSE",
                        max_length=20,
                        verbose_name="type",
                    ),
                ),
                (
                    "display_order",
                    models.IntegerField(
                        db_comment="Place in the settlement, smallest first", verbose_name="order"
                    ),
                ),
                (
                    "category",
                    models.CharField(
                        db_comment="분류: a line of form 3", max_length=100, verbose_name="category"
                    ),
                ),
                (
                    "transacted_on",
                    models.DateField(blank=True, db_comment="일시", null=True, verbose_name="date"),
                ),
                (
                    "vendor",
                    models.CharField(
                        blank=True,
                        db_comment="거래처",
                        db_default="",
                        default="",
                        max_length=200,
                        verbose_name="vendor",
                    ),
                ),
                (
                    "description",
                    models.CharField(
                        blank=True,
                        db_comment="상세",
                        db_default="",
                        default="",
                        max_length=300,
                        verbose_name="description",
                    ),
                ),
                ("amount", models.BigIntegerField(db_comment="Won", verbose_name="amount")),
                (
                    "payment_method",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("DEBIT_CARD", "Debit card"),
                            ("TRANSFER", "Bank transfer"),
                            ("CASH", "Cash"),
                            ("PERSONAL_CARD", "Personal card"),
                        ],
                        db_comment="결제방식; empty for income",
                        db_default="",
                        default="",
                        max_length=20,
                        verbose_name="payment method",
                    ),
                ),
                (
                    "paid_by",
                    models.ForeignKey(
                        blank=True,
                        db_comment="Whom to reimburse; required for PERSONAL_CARD",
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="paid_items",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="paid by",
                    ),
                ),
                (
                    "reimbursed_on",
                    models.DateField(
                        blank=True,
                        db_comment="When paid_by got the money back",
                        null=True,
                        verbose_name="reimbursed on",
                    ),
                ),
                (
                    "missing_receipt_reason",
                    models.CharField(
                        blank=True,
                        db_comment="Why there is no receipt",
                        db_default="",
                        default="",
                        max_length=300,
                        verbose_name="reason for the missing receipt",
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
                "verbose_name": "settlement item",
                "verbose_name_plural": "settlement items",
                "db_table": "settlement_items",
                "db_table_comment": "Lines of actual income and spending (결산내역)",
                "indexes": [
                    models.Index(fields=["paid_by", "reimbursed_on"], name="settlement_items_by_payer")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("transacted_on__range", (datetime.date(2000, 1, 1), datetime.date(2100, 12, 31)))
                        ),
                        name="settlement_item_date_range",
                        violation_error_message="The date of a line is in the years 2000 to 2100.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reimbursed_on__range", (datetime.date(2000, 1, 1), datetime.date(2100, 12, 31)))
                        ),
                        name="settlement_item_reimbursement_date_range",
                        violation_error_message="The date of reimbursement is in the years 2000 to 2100.",
                    ),
                    models.UniqueConstraint(
                        deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                        fields=("settlement", "display_order"),
                        name="settlement_item_order_unique",
                        violation_error_message="Two lines have the same place in the order.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("item_type__in", ["INCOME", "EXPENSE"])),
                        name="settlement_item_type_valid",
                        violation_error_message="Choose income or expense.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("category__regex", "\\S")),
                        name="settlement_item_category_present",
                        violation_error_message="Name the category of this line.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__range", (1, 1000000000000))),
                        name="settlement_item_amount_range",
                        violation_error_message="An amount is between 1 and 1 trillion won.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("payment_method__in", ["", "DEBIT_CARD", "TRANSFER", "CASH", "PERSONAL_CARD"])
                        ),
                        name="settlement_item_payment_method_valid",
                        violation_error_message="Choose one of the listed payment methods.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("payment_method", "PERSONAL_CARD"), _negated=True),
                            ("paid_by__isnull", False),
                            _connector="OR",
                        ),
                        name="settlement_item_personal_card_has_payer",
                        violation_error_message="Say whose personal card it was, so that this person is reimbursed.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reimbursed_on__isnull", True), ("paid_by__isnull", False), _connector="OR"
                        ),
                        name="settlement_item_reimbursement_has_payer",
                        violation_error_message="Say who was reimbursed, or leave the date of reimbursement empty.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON settlement_items
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON settlement_items",
        ),
    ]
