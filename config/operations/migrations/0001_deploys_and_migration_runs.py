import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    # After the thirteen tables, which are the first thing that a database gets.
    dependencies = [("receipts", "0003_receipt_validations")]

    operations = [
        migrations.CreateModel(
            name="UnfinishedStep",
            fields=[
                (
                    "step",
                    models.TextField(
                        db_comment="app.migration or app.name, and which part",
                        primary_key=True,
                        serialize=False,
                        verbose_name="step",
                    ),
                ),
                (
                    "state",
                    models.JSONField(db_comment="What the step needs to continue", verbose_name="state"),
                ),
                (
                    "started_at",
                    models.DateTimeField(
                        db_comment="When it began",
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="started at",
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        db_comment="Last progress",
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="updated at",
                    ),
                ),
            ],
            options={
                "verbose_name": "unfinished step",
                "verbose_name_plural": "unfinished steps",
                "db_table": "unfinished_steps",
                "db_table_comment": "Steps of migrations that go on where they were interrupted",
            },
        ),
        migrations.CreateModel(
            name="Deploy",
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
                    "direction",
                    models.CharField(
                        choices=[("APPLY", "Apply"), ("REVERT", "Revert")],
                        db_comment="APPLY or REVERT",
                        max_length=10,
                        verbose_name="direction",
                    ),
                ),
                (
                    "result",
                    models.CharField(
                        choices=[("RUNNING", "Running, or killed"), ("DONE", "Done"), ("FAILED", "Failed")],
                        db_comment="RUNNING, DONE or FAILED",
                        db_default="RUNNING",
                        default="RUNNING",
                        max_length=10,
                        verbose_name="result",
                    ),
                ),
                (
                    "started_at",
                    models.DateTimeField(
                        db_comment="When it began",
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="started at",
                    ),
                ),
                (
                    "finished_at",
                    models.DateTimeField(
                        blank=True, db_comment="When it ended, however", null=True, verbose_name="finished at"
                    ),
                ),
                (
                    "operator",
                    models.CharField(
                        db_comment="Login name of who typed the command",
                        max_length=100,
                        verbose_name="operator",
                    ),
                ),
                (
                    "approved_by",
                    models.CharField(
                        blank=True,
                        db_comment="Who approved the plan",
                        db_default="",
                        default="",
                        max_length=100,
                        verbose_name="approved by",
                    ),
                ),
                (
                    "host",
                    models.CharField(db_comment="Where the command ran", max_length=255, verbose_name="host"),
                ),
                (
                    "release",
                    models.TextField(
                        blank=True,
                        db_comment="Revision of the code, where it is known",
                        db_default="",
                        default="",
                        verbose_name="release",
                    ),
                ),
                (
                    "plan",
                    models.CharField(
                        db_comment="Fingerprint of the plan that ran", max_length=64, verbose_name="plan"
                    ),
                ),
                (
                    "backup",
                    models.TextField(
                        blank=True,
                        db_comment="Name of the backup taken before",
                        db_default="",
                        default="",
                        verbose_name="backup",
                    ),
                ),
                (
                    "applied_before",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        db_comment="Applied migrations, app.name, oldest first",
                        size=None,
                        verbose_name="applied before",
                    ),
                ),
                (
                    "applied_after",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        blank=True,
                        db_comment="The same when it had ended",
                        null=True,
                        size=None,
                        verbose_name="applied after",
                    ),
                ),
                (
                    "error",
                    models.TextField(
                        blank=True,
                        db_comment="Why it failed, without values of rows",
                        db_default="",
                        default="",
                        verbose_name="error",
                    ),
                ),
            ],
            options={
                "verbose_name": "deploy",
                "verbose_name_plural": "deploys",
                "db_table": "deploys",
                "db_table_comment": "Calls of migrate_safely and revert",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("direction__in", ["APPLY", "REVERT"])),
                        name="deploy_direction_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("result__in", ["RUNNING", "DONE", "FAILED"])),
                        name="deploy_result_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Rehearsal",
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
                ("at", models.DateTimeField(db_comment="When it began", verbose_name="time")),
                (
                    "plan",
                    models.CharField(
                        db_comment="Fingerprint of the plan that was tried",
                        max_length=64,
                        verbose_name="plan",
                    ),
                ),
                (
                    "backup",
                    models.TextField(db_comment="Name of the backup it ran on", verbose_name="backup"),
                ),
                ("passed", models.BooleanField(db_comment="Whether the plan may run", verbose_name="passed")),
                (
                    "report",
                    models.JSONField(
                        db_comment="Times, locks and differences for each migration", verbose_name="report"
                    ),
                ),
            ],
            options={
                "verbose_name": "rehearsal",
                "verbose_name_plural": "rehearsals",
                "db_table": "rehearsals",
                "db_table_comment": "Plans of migrations, tried on a restored backup",
                "indexes": [models.Index(fields=["plan", "-at"], name="rehearsal_latest_of_plan")],
            },
        ),
        migrations.CreateModel(
            name="MigrationRun",
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
                    "migration",
                    models.TextField(
                        blank=True, db_comment="app.name", db_default="", default="", verbose_name="migration"
                    ),
                ),
                (
                    "direction",
                    models.CharField(
                        choices=[("APPLY", "Apply"), ("REVERT", "Revert")],
                        db_comment="APPLY or REVERT",
                        max_length=10,
                        verbose_name="direction",
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[("ATOMIC", "All or nothing"), ("ONLINE", "Step by step")],
                        db_comment="ATOMIC or ONLINE",
                        max_length=10,
                        verbose_name="way",
                    ),
                ),
                (
                    "result",
                    models.CharField(
                        choices=[("RUNNING", "Running, or killed"), ("DONE", "Done"), ("FAILED", "Failed")],
                        db_comment="RUNNING, DONE or FAILED",
                        max_length=10,
                        verbose_name="result",
                    ),
                ),
                (
                    "previous",
                    models.TextField(
                        blank=True,
                        db_comment="Newest applied migration of the app before, empty for none",
                        db_default="",
                        default="",
                        verbose_name="from",
                    ),
                ),
                (
                    "reached",
                    models.TextField(
                        blank=True,
                        db_comment="Newest applied migration of the app after, empty for none",
                        db_default="",
                        default="",
                        verbose_name="to",
                    ),
                ),
                (
                    "operator",
                    models.CharField(
                        db_comment="Login name of who typed the command",
                        max_length=100,
                        verbose_name="operator",
                    ),
                ),
                (
                    "host",
                    models.CharField(db_comment="Where the command ran", max_length=255, verbose_name="host"),
                ),
                ("started_at", models.DateTimeField(db_comment="When it began", verbose_name="started at")),
                (
                    "seconds",
                    models.FloatField(db_comment="Duration", db_default=0, default=0, verbose_name="seconds"),
                ),
                (
                    "attempts",
                    models.IntegerField(
                        db_comment="1, and one for each lock that was not got in time",
                        db_default=1,
                        default=1,
                        verbose_name="attempts",
                    ),
                ),
                (
                    "waited_seconds",
                    models.FloatField(
                        db_comment="Seconds spent on waiting for others",
                        db_default=0,
                        default=0,
                        verbose_name="waited",
                    ),
                ),
                (
                    "error",
                    models.TextField(
                        blank=True,
                        db_comment="Why it failed, without values of rows",
                        db_default="",
                        default="",
                        verbose_name="error",
                    ),
                ),
                (
                    "deploy",
                    models.ForeignKey(
                        blank=True,
                        db_comment="Empty for plain migrate",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runs",
                        to="operations.deploy",
                        verbose_name="deploy",
                    ),
                ),
            ],
            options={
                "verbose_name": "migration run",
                "verbose_name_plural": "migration runs",
                "db_table": "migration_runs",
                "db_table_comment": "Migrations that were applied or reverted",
                "indexes": [models.Index(fields=["migration", "-started_at"], name="migration_run_latest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("direction__in", ["APPLY", "REVERT"])),
                        name="migration_run_direction_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("result__in", ["RUNNING", "DONE", "FAILED"])),
                        name="migration_run_result_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("way__in", ["ATOMIC", "ONLINE"])), name="migration_run_way_known"
                    ),
                ],
            },
        ),
    ]
