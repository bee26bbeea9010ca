import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0005_events"),
    ]

    operations = [
        migrations.CreateModel(
            name="Budget",
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
                        db_comment="The event it plans; one budget for an event",
                        error_messages={"unique": "This event has a budget already."},
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="budget",
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
                        related_name="created_budgets",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="author",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("DRAFT", "Draft"),
                            ("SUBMITTED", "Submitted"),
                            ("APPROVED", "Approved"),
                            ("REJECTED", "Rejected"),
                        ],
                        db_comment="DRAFT, SUBMITTED, APPROVED or REJECTED",
                        db_default="DRAFT",
                        default="DRAFT",
                        max_length=20,
                        verbose_name="status",
                    ),
                ),
                (
                    "submitted_at",
                    models.DateTimeField(
                        blank=True,
                        db_comment="When it was submitted last",
                        null=True,
                        verbose_name="submitted at",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        db_comment="Who approved or rejected it; never the author",
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decided_budgets",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="decided by",
                    ),
                ),
                (
                    "decided_at",
                    models.DateTimeField(
                        blank=True,
                        db_comment="When it was approved or rejected",
                        null=True,
                        verbose_name="decided at",
                    ),
                ),
                (
                    "rejection_reason",
                    models.TextField(
                        blank=True,
                        db_comment="Required when REJECTED",
                        db_default="",
                        default="",
                        verbose_name="reason for rejection",
                    ),
                ),
                (
                    "deposit_account",
                    models.CharField(
                        blank=True,
                        db_comment="Bank and number of the account the subsidy goes to",
                        db_default="",
                        default="",
                        max_length=100,
                        verbose_name="deposit account",
                    ),
                ),
                (
                    "account_holder",
                    models.CharField(
                        blank=True,
                        db_comment="수취인",
                        db_default="",
                        default="",
                        max_length=100,
                        verbose_name="account holder",
                    ),
                ),
                (
                    "version",
                    models.IntegerField(
                        db_comment="1, and one more for each amendment (추경)",
                        db_default=1,
                        default=1,
                        verbose_name="version",
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
                "verbose_name": "budget",
                "verbose_name_plural": "budgets",
                "db_table": "budgets",
                "db_table_comment": "Budgets (예산서), one for an event",
                "indexes": [
                    models.Index(fields=["status", "submitted_at"], name="budgets_by_status"),
                    models.Index(fields=["created_by"], name="budgets_by_author"),
                    models.Index(fields=["decided_by"], name="budgets_by_decider"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["DRAFT", "SUBMITTED", "APPROVED", "REJECTED"])),
                        name="budget_status_valid",
                        violation_error_message="Choose one of the listed states for this budget.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status", "DRAFT"), ("submitted_at__isnull", False), _connector="OR"
                        ),
                        name="budget_submitted_at_known",
                        violation_error_message="A submitted budget needs the time of its submission.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["DRAFT", "SUBMITTED"]),
                            models.Q(("decided_at__isnull", False), ("decided_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="budget_decision_known",
                        violation_error_message="A decided budget needs who decided it, and when.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("decided_by", models.F("created_by")), _negated=True),
                        name="budget_not_decided_by_author",
                        violation_error_message="Nobody decides on a budget of their own. Ask another approver.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "REJECTED"), _negated=True),
                            ("rejection_reason__regex", "\\S"),
                            _connector="OR",
                        ),
                        name="budget_rejection_has_reason",
                        violation_error_message="Say why the budget is rejected.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)),
                        name="budget_version_positive",
                        violation_error_message="Versions of a budget count from 1.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON budgets
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON budgets",
        ),
    ]
