import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AuditTrail",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_comment="Time-ordered key",
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "occurred_at",
                    models.DateTimeField(
                        db_comment="When it happened",
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="time",
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("INSERT", "Insert"),
                            ("UPDATE", "Update"),
                            ("DELETE", "Delete"),
                            ("SUBMIT", "Submit"),
                            ("APPROVE", "Approve"),
                            ("REJECT", "Reject"),
                            ("REOPEN", "Reopen"),
                            ("COMPLETE", "Complete"),
                            ("PUBLISH", "Publish"),
                            ("LOGIN", "Sign-in"),
                            ("LOGIN_FAILED", "Failed sign-in"),
                            ("EXPORT", "Export"),
                            ("VIEW_SENSITIVE", "View of sensitive data"),
                        ],
                        db_comment="What the database or a person did",
                        max_length=20,
                        verbose_name="action",
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[("INFO", "Information"), ("WARNING", "Warning"), ("CRITICAL", "Critical")],
                        db_comment="INFO, WARNING or CRITICAL",
                        db_default="INFO",
                        default="INFO",
                        max_length=10,
                        verbose_name="severity",
                    ),
                ),
                (
                    "table_name",
                    models.CharField(
                        blank=True,
                        db_comment="Table of the row",
                        db_default="",
                        default="",
                        max_length=63,
                        verbose_name="table",
                    ),
                ),
                (
                    "record_id",
                    models.UUIDField(
                        blank=True, db_comment="Key of the row", null=True, verbose_name="record"
                    ),
                ),
                (
                    "old_values",
                    models.JSONField(
                        blank=True,
                        db_comment="Column → value; only what an UPDATE changed",
                        null=True,
                        verbose_name="values before",
                    ),
                ),
                (
                    "new_values",
                    models.JSONField(
                        blank=True,
                        db_comment="Column → value; only what an UPDATE changed",
                        null=True,
                        verbose_name="values after",
                    ),
                ),
                (
                    "changed_fields",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=63),
                        blank=True,
                        db_comment="Columns that an UPDATE changed",
                        db_default=[],
                        default=list,
                        size=None,
                        verbose_name="changed fields",
                    ),
                ),
                (
                    "actor_id",
                    models.UUIDField(
                        blank=True, db_comment="Key in users at the time", null=True, verbose_name="person"
                    ),
                ),
                (
                    "actor_name",
                    models.CharField(
                        blank=True,
                        db_comment="Copy of the name",
                        db_default="",
                        default="",
                        max_length=100,
                        verbose_name="name of the person",
                    ),
                ),
                (
                    "actor_email",
                    models.CharField(
                        blank=True,
                        db_comment="Copy of the address",
                        db_default="",
                        default="",
                        max_length=254,
                        verbose_name="e-mail of the person",
                    ),
                ),
                (
                    "organization_id",
                    models.UUIDField(
                        blank=True, db_comment="Whose record it is", null=True, verbose_name="organization"
                    ),
                ),
                (
                    "session_hash",
                    models.CharField(
                        blank=True,
                        db_comment="SHA-256 of the key",
                        db_default="",
                        default="",
                        max_length=64,
                        verbose_name="session",
                    ),
                ),
                (
                    "ip_address",
                    models.GenericIPAddressField(
                        blank=True, db_comment="Address of the client", null=True, verbose_name="address"
                    ),
                ),
                (
                    "user_agent",
                    models.TextField(
                        blank=True,
                        db_comment="User-Agent of the client",
                        db_default="",
                        default="",
                        verbose_name="browser",
                    ),
                ),
                (
                    "request_id",
                    models.UUIDField(
                        blank=True, db_comment="Groups one request", null=True, verbose_name="request"
                    ),
                ),
                (
                    "command",
                    models.CharField(
                        blank=True,
                        db_comment="Management command, if one acted",
                        db_default="",
                        default="",
                        max_length=100,
                        verbose_name="command",
                    ),
                ),
                (
                    "reason",
                    models.TextField(
                        blank=True, db_comment="Why", db_default="", default="", verbose_name="reason"
                    ),
                ),
                (
                    "transaction_id",
                    models.BigIntegerField(
                        blank=True,
                        db_comment="Groups the changes of one transaction",
                        null=True,
                        verbose_name="transaction",
                    ),
                ),
            ],
            options={
                "verbose_name": "audit trail entry",
                "verbose_name_plural": "audit trail",
                "db_table": "audit_trails",
                "db_table_comment": "Audit trail (감사 추적), append-only",
                "indexes": [
                    models.Index(fields=["-occurred_at", "-id"], name="audit_trails_by_time"),
                    models.Index(
                        fields=["table_name", "record_id", "-occurred_at"], name="audit_trails_by_record"
                    ),
                    models.Index(
                        fields=["organization_id", "-occurred_at"], name="audit_trails_by_organization"
                    ),
                    models.Index(fields=["actor_id", "-occurred_at"], name="audit_trails_by_actor"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "action__in",
                                [
                                    "INSERT",
                                    "UPDATE",
                                    "DELETE",
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
                                ],
                            )
                        ),
                        name="audit_trail_action_valid",
                        violation_error_message="Choose one of the listed actions.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("severity__in", ["INFO", "WARNING", "CRITICAL"])),
                        name="audit_trail_severity_valid",
                        violation_error_message="Choose one of the listed severities.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("action__in", ["INSERT", "UPDATE", "DELETE"]), _negated=True),
                            models.Q(("table_name", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="audit_trail_change_names_table",
                        violation_error_message="A change of data names its table.",
                    ),
                ],
            },
        ),
    ]
