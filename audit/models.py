"""The audit trail: who changed what, when, from what to what. Rows are only ever added."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7


class AuditTrail(models.Model):
    """One change or one business action.

    It has no foreign keys, because deleting a person must not edit history; names are copied.
    """

    class Action(models.TextChoices):
        INSERT = "INSERT", _("Insert")
        UPDATE = "UPDATE", _("Update")
        DELETE = "DELETE", _("Delete")
        TRUNCATE = "TRUNCATE", _("Emptying of a table")
        SUBMIT = "SUBMIT", _("Submit")
        APPROVE = "APPROVE", _("Approve")
        REJECT = "REJECT", _("Reject")
        REOPEN = "REOPEN", _("Reopen")
        COMPLETE = "COMPLETE", _("Complete")
        PUBLISH = "PUBLISH", _("Publish")
        LOGIN = "LOGIN", _("Sign-in")
        LOGIN_FAILED = "LOGIN_FAILED", _("Failed sign-in")
        EXPORT = "EXPORT", _("Export")
        VIEW_SENSITIVE = "VIEW_SENSITIVE", _("View of sensitive data")

    class Severity(models.TextChoices):
        INFO = "INFO", _("Information")
        WARNING = "WARNING", _("Warning")
        CRITICAL = "CRITICAL", _("Critical")

    id = models.UUIDField(
        primary_key=True,
        default=uuid7,
        db_default=RandomUUID(),
        editable=False,
        db_comment="Time-ordered key",
    )
    occurred_at = models.DateTimeField(_("time"), db_default=Now(), db_comment="When it happened")
    action = models.CharField(
        _("action"), max_length=20, choices=Action, db_comment="What the database or a person did"
    )
    severity = models.CharField(
        _("severity"),
        max_length=10,
        choices=Severity,
        default=Severity.INFO,
        db_default=Severity.INFO,
        db_comment="INFO, WARNING or CRITICAL",
    )
    table_name = models.CharField(
        _("table"), max_length=63, blank=True, default="", db_default="", db_comment="Table of the row"
    )
    record_id = models.UUIDField(_("record"), null=True, blank=True, db_comment="Key of the row")
    old_values = models.JSONField(
        _("values before"), null=True, blank=True, db_comment="Column → value; only what an UPDATE changed"
    )
    new_values = models.JSONField(
        _("values after"), null=True, blank=True, db_comment="Column → value; only what an UPDATE changed"
    )
    changed_fields = ArrayField(
        models.CharField(max_length=63),
        verbose_name=_("changed fields"),
        default=list,
        db_default=[],
        blank=True,
        db_comment="Columns that an UPDATE changed",
    )
    actor_id = models.UUIDField(_("person"), null=True, blank=True, db_comment="Key in users at the time")
    actor_name = models.CharField(
        _("name of the person"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
        db_comment="Copy of the name",
    )
    actor_email = models.CharField(
        _("e-mail of the person"),
        max_length=254,
        blank=True,
        default="",
        db_default="",
        db_comment="Copy of the address",
    )
    organization_id = models.UUIDField(
        _("organization"), null=True, blank=True, db_comment="Whose record it is"
    )
    session_hash = models.CharField(
        _("session"), max_length=64, blank=True, default="", db_default="", db_comment="SHA-256 of the key"
    )
    ip_address = models.GenericIPAddressField(
        _("address"), null=True, blank=True, db_comment="Address of the client"
    )
    user_agent = models.TextField(
        _("browser"), blank=True, default="", db_default="", db_comment="User-Agent of the client"
    )
    request_id = models.UUIDField(_("request"), null=True, blank=True, db_comment="Groups one request")
    command = models.CharField(
        _("command"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
        db_comment="Management command, if one acted",
    )
    reason = models.TextField(_("reason"), blank=True, default="", db_default="", db_comment="Why")
    transaction_id = models.BigIntegerField(
        _("transaction"), null=True, blank=True, db_comment="Groups the changes of one transaction"
    )
    # The order of insertion, which a seal covers without gaps in what it has seen.
    position = models.BigIntegerField(
        _("position"),
        db_default=models.Func(models.Value("audit_trails_position"), function="nextval"),
        editable=False,
        db_comment="Order of insertion, for the seals",
    )
    database_role = models.CharField(
        _("database role"),
        max_length=63,
        blank=True,
        default="",
        db_default="",
        db_comment="Role that was signed in to the database",
    )

    class Meta:
        db_table = "audit_trails"
        db_table_comment = "Audit trail (감사 추적), append-only"
        verbose_name = _("audit trail entry")
        verbose_name_plural = _("audit trail")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(
                    action__in=[
                        "INSERT",
                        "UPDATE",
                        "DELETE",
                        "TRUNCATE",
                        "SUBMIT",
                        "APPROVE",
                        "REJECT",
                        "REOPEN",
                        "COMPLETE",
                        "PUBLISH",
                        "LOGIN",
                        "LOGIN_FAILED",
                        "EXPORT",
                        "VIEW_SENSITIVE",
                    ]
                ),
                name="audit_trail_action_valid",
                violation_error_message=_("Choose one of the listed actions."),
            ),
            models.CheckConstraint(
                condition=models.Q(severity__in=["INFO", "WARNING", "CRITICAL"]),
                name="audit_trail_severity_valid",
                violation_error_message=_("Choose one of the listed severities."),
            ),
            models.CheckConstraint(
                condition=~models.Q(action__in=["INSERT", "UPDATE", "DELETE", "TRUNCATE"])
                | ~models.Q(table_name=""),
                name="audit_trail_change_names_table",
                violation_error_message=_("A change of data names its table."),
            ),
        )
        # Keys follow the time, so that a list pages by key and a period is a range of keys.
        indexes = (
            # The history page of one record.
            models.Index(fields=["record_id", "id"], name="audit_trails_by_record"),
            # The list filtered by organization: all that an auditor sees.
            models.Index(fields=["organization_id", "id"], name="audit_trails_by_organization"),
            # The list filtered by person.
            models.Index(
                fields=["actor_id", "id"],
                condition=models.Q(actor_id__isnull=False),
                name="audit_trails_by_actor",
            ),
            # The list of what people did, among the many changes of data.
            models.Index(
                fields=["id"],
                condition=~models.Q(action__in=["INSERT", "UPDATE", "DELETE"]),
                name="audit_trails_of_actions",
            ),
            # The range of a seal.
            BrinIndex(fields=["position"], name="audit_trails_by_position"),
        )

    def __str__(self) -> str:
        record = f"{self.table_name} {self.record_id or ''}".strip()
        return f"{self.occurred_at:%Y-%m-%d %H:%M:%S} {self.action} {record}".rstrip()
