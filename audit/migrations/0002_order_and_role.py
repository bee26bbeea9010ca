import django.contrib.postgres.indexes
from django.db import migrations, models

CHANGES = ["INSERT", "UPDATE", "DELETE"]
ACTIONS = [
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


class Migration(migrations.Migration):
    """The order of insertion, who was signed in to the database, and indexes that page by key."""

    dependencies = [("audit", "0001_audit_trails")]

    # lint: accept column-rewrites-table because nothing has written to the table before
    # lint: accept blocking-constraint because nothing has written to the table before
    # lint: accept blocking-index because nothing has written to the table before
    operations = [
        migrations.RunSQL("CREATE SEQUENCE audit_trails_position", "DROP SEQUENCE audit_trails_position"),
        migrations.AddField(
            model_name="audittrail",
            name="position",
            field=models.BigIntegerField(
                db_comment="Order of insertion, for the seals",
                db_default=models.Func(models.Value("audit_trails_position"), function="nextval"),
                editable=False,
                verbose_name="position",
            ),
        ),
        migrations.RunSQL(
            "ALTER SEQUENCE audit_trails_position OWNED BY audit_trails.position",
            "ALTER SEQUENCE audit_trails_position OWNED BY NONE",
        ),
        migrations.AddField(
            model_name="audittrail",
            name="database_role",
            field=models.CharField(
                blank=True,
                db_comment="Role that was signed in to the database",
                db_default="",
                default="",
                max_length=63,
                verbose_name="database role",
            ),
        ),
        migrations.AlterField(
            model_name="audittrail",
            name="action",
            field=models.CharField(
                choices=[
                    ("INSERT", "Insert"),
                    ("UPDATE", "Update"),
                    ("DELETE", "Delete"),
                    ("TRUNCATE", "Emptying of a table"),
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
        migrations.RemoveConstraint(model_name="audittrail", name="audit_trail_action_valid"),
        migrations.AddConstraint(
            model_name="audittrail",
            constraint=models.CheckConstraint(
                condition=models.Q(action__in=[*CHANGES, "TRUNCATE", *ACTIONS]),
                name="audit_trail_action_valid",
                violation_error_message="Choose one of the listed actions.",
            ),
        ),
        migrations.RemoveConstraint(model_name="audittrail", name="audit_trail_change_names_table"),
        migrations.AddConstraint(
            model_name="audittrail",
            constraint=models.CheckConstraint(
                condition=~models.Q(action__in=[*CHANGES, "TRUNCATE"]) | ~models.Q(table_name=""),
                name="audit_trail_change_names_table",
                violation_error_message="A change of data names its table.",
            ),
        ),
        migrations.RemoveIndex(model_name="audittrail", name="audit_trails_by_time"),
        migrations.RemoveIndex(model_name="audittrail", name="audit_trails_by_record"),
        migrations.RemoveIndex(model_name="audittrail", name="audit_trails_by_organization"),
        migrations.RemoveIndex(model_name="audittrail", name="audit_trails_by_actor"),
        migrations.AddIndex(
            model_name="audittrail",
            index=models.Index(fields=["record_id", "id"], name="audit_trails_by_record"),
        ),
        migrations.AddIndex(
            model_name="audittrail",
            index=models.Index(fields=["organization_id", "id"], name="audit_trails_by_organization"),
        ),
        migrations.AddIndex(
            model_name="audittrail",
            index=models.Index(
                condition=models.Q(actor_id__isnull=False),
                fields=["actor_id", "id"],
                name="audit_trails_by_actor",
            ),
        ),
        migrations.AddIndex(
            model_name="audittrail",
            index=models.Index(
                condition=~models.Q(action__in=CHANGES), fields=["id"], name="audit_trails_of_actions"
            ),
        ),
        migrations.AddIndex(
            model_name="audittrail",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["position"], name="audit_trails_by_position"
            ),
        ),
    ]
