import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0008_budget_expenses"),
    ]

    operations = [
        migrations.CreateModel(
            name="Settlement",
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
                    "event",
                    models.OneToOneField(
                        db_comment="The event it settles; one settlement for an event",
                        error_messages={"unique": "This event has a settlement already."},
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement",
                        to="budget.event",
                        verbose_name="event",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        db_comment="Who wrote it",
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="created_settlements",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="author",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("DRAFT", "Draft"), ("IN_REVIEW", "In review"), ("COMPLETED", "Completed")],
                        db_comment="DRAFT, IN_REVIEW or COMPLETED",
                        db_default="DRAFT",
                        default="DRAFT",
                        max_length=20,
                        verbose_name="status",
                    ),
                ),
                (
                    "account_balance",
                    models.BigIntegerField(
                        db_comment="계좌잔액, won", db_default=0, default=0, verbose_name="account balance"
                    ),
                ),
                (
                    "cash_balance",
                    models.BigIntegerField(
                        db_comment="현금잔액, won", db_default=0, default=0, verbose_name="cash balance"
                    ),
                ),
                (
                    "return_amount",
                    models.BigIntegerField(
                        db_comment="반환 예정 금액, won",
                        db_default=0,
                        default=0,
                        verbose_name="amount to return",
                    ),
                ),
                (
                    "reviewed_by",
                    models.ForeignKey(
                        blank=True,
                        db_comment="Who completed it; never the author",
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reviewed_settlements",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="reviewed by",
                    ),
                ),
                (
                    "completed_at",
                    models.DateTimeField(
                        blank=True,
                        db_comment="When it was completed and locked",
                        null=True,
                        verbose_name="completed at",
                    ),
                ),
                (
                    "notes",
                    models.TextField(
                        blank=True, db_comment="Free text", db_default="", default="", verbose_name="notes"
                    ),
                ),
            ],
            options={
                "verbose_name": "settlement",
                "verbose_name_plural": "settlements",
                "db_table": "settlements",
                "db_table_comment": "Settlements (결산서), one for an event",
                "indexes": [
                    models.Index(fields=["status", "created_at"], name="settlements_by_status"),
                    models.Index(fields=["created_by"], name="settlements_by_author"),
                    models.Index(fields=["reviewed_by"], name="settlements_by_reviewer"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("account_balance__range", (-1000000000000, 1000000000000)),
                            ("cash_balance__range", (-1000000000000, 1000000000000)),
                        ),
                        name="settlement_balances_range",
                        violation_error_message="A balance has at most 1 trillion won on either side of zero.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["DRAFT", "IN_REVIEW", "COMPLETED"])),
                        name="settlement_status_valid",
                        violation_error_message="Choose one of the listed states for this settlement.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("return_amount__range", (0, 1000000000000))),
                        name="settlement_return_amount_range",
                        violation_error_message="The amount to return is between 0 and 1 trillion won.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "COMPLETED"), _negated=True),
                            models.Q(("completed_at__isnull", False), ("reviewed_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="settlement_review_known",
                        violation_error_message="A completed settlement needs who reviewed it, and when.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reviewed_by", models.F("created_by")), _negated=True),
                        name="settlement_not_reviewed_by_author",
                        violation_error_message="Nobody reviews a settlement of their own. Ask another reviewer.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON settlements
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON settlements",
        ),
    ]
