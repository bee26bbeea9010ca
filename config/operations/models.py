"""The record of how the schema has changed: deploys, their migrations, and what was rehearsed before."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7


def _key() -> "models.UUIDField[Any, Any]":
    return models.UUIDField(
        primary_key=True,
        default=uuid7,
        db_default=RandomUUID(),
        editable=False,
        db_comment="Time-ordered key",
    )


def _text(name: Any, comment: str, **options: Any) -> "models.TextField[str, str]":
    return models.TextField(name, blank=True, default="", db_default="", db_comment=comment, **options)


class Direction(models.TextChoices):
    APPLY = "APPLY", _("Apply")
    REVERT = "REVERT", _("Revert")


class Way(models.TextChoices):
    ATOMIC = "ATOMIC", _("All or nothing")
    ONLINE = "ONLINE", _("Step by step")


class Result(models.TextChoices):
    RUNNING = "RUNNING", _("Running, or killed")
    DONE = "DONE", _("Done")
    FAILED = "FAILED", _("Failed")


def _is_one_of(field: str, choices: type[models.TextChoices], name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": choices.values}), name=name)


class Deploy(models.Model):
    """One call of `migrate_safely` or `revert`; what was applied before it is the point to go back to."""

    id = _key()
    direction = models.CharField(
        _("direction"), max_length=10, choices=Direction, db_comment="APPLY or REVERT"
    )
    result = models.CharField(
        _("result"),
        max_length=10,
        choices=Result,
        default=Result.RUNNING,
        db_default=Result.RUNNING,
        db_comment="RUNNING, DONE or FAILED",
    )
    started_at = models.DateTimeField(_("started at"), db_default=Now(), db_comment="When it began")
    finished_at = models.DateTimeField(
        _("finished at"), null=True, blank=True, db_comment="When it ended, however"
    )
    operator = models.CharField(
        _("operator"), max_length=100, db_comment="Login name of who typed the command"
    )
    approved_by = models.CharField(
        _("approved by"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
        db_comment="Who approved the plan",
    )
    host = models.CharField(_("host"), max_length=255, db_comment="Where the command ran")
    release = _text(_("release"), "Revision of the code, where it is known")
    plan = models.CharField(_("plan"), max_length=64, db_comment="Fingerprint of the plan that ran")
    backup = _text(_("backup"), "Name of the backup taken before")
    applied_before: Any = ArrayField(
        models.TextField(),
        verbose_name=_("applied before"),
        db_comment="Applied migrations, app.name, oldest first",
    )
    applied_after: Any = ArrayField(
        models.TextField(),
        verbose_name=_("applied after"),
        null=True,
        blank=True,
        db_comment="The same when it had ended",
    )
    error = _text(_("error"), "Why it failed, without values of rows")

    class Meta:
        db_table = "deploys"
        db_table_comment = "Calls of migrate_safely and revert"
        verbose_name = _("deploy")
        verbose_name_plural = _("deploys")
        constraints = (
            _is_one_of("direction", Direction, "deploy_direction_known"),
            _is_one_of("result", Result, "deploy_result_known"),
        )

    def __str__(self) -> str:
        return f"{self.direction} {self.started_at:%Y-%m-%d %H:%M} {self.operator}@{self.host}"


class MigrationRun(models.Model):
    """One migration that was applied or reverted, by whichever command."""

    id = _key()
    deploy = models.ForeignKey(
        Deploy,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("deploy"),
        db_comment="Empty for plain migrate",
    )
    migration = _text(_("migration"), "app.name")
    direction = models.CharField(
        _("direction"), max_length=10, choices=Direction, db_comment="APPLY or REVERT"
    )
    way = models.CharField(_("way"), max_length=10, choices=Way, db_comment="ATOMIC or ONLINE")
    result = models.CharField(
        _("result"), max_length=10, choices=Result, db_comment="RUNNING, DONE or FAILED"
    )
    previous = _text(_("from"), "Newest applied migration of the app before, empty for none")
    reached = _text(_("to"), "Newest applied migration of the app after, empty for none")
    operator = models.CharField(
        _("operator"), max_length=100, db_comment="Login name of who typed the command"
    )
    host = models.CharField(_("host"), max_length=255, db_comment="Where the command ran")
    started_at = models.DateTimeField(_("started at"), db_comment="When it began")
    seconds = models.FloatField(_("seconds"), db_default=0, default=0, db_comment="Duration")
    attempts = models.IntegerField(
        _("attempts"), db_default=1, default=1, db_comment="1, and one for each lock that was not got in time"
    )
    waited_seconds = models.FloatField(
        _("waited"), db_default=0, default=0, db_comment="Seconds spent on waiting for others"
    )
    error = _text(_("error"), "Why it failed, without values of rows")

    class Meta:
        db_table = "migration_runs"
        db_table_comment = "Migrations that were applied or reverted"
        verbose_name = _("migration run")
        verbose_name_plural = _("migration runs")
        constraints = (
            _is_one_of("direction", Direction, "migration_run_direction_known"),
            _is_one_of("result", Result, "migration_run_result_known"),
            _is_one_of("way", Way, "migration_run_way_known"),
        )
        # The last duration of a migration, for the preview.
        indexes = (models.Index(fields=["migration", "-started_at"], name="migration_run_latest"),)

    def __str__(self) -> str:
        return f"{self.direction} {self.migration} {self.started_at:%Y-%m-%d %H:%M}"


class Rehearsal(models.Model):
    """Pending migrations tried on a restored backup; `report` is what the command printed with --json."""

    id = _key()
    at = models.DateTimeField(_("time"), db_comment="When it began")
    plan = models.CharField(_("plan"), max_length=64, db_comment="Fingerprint of the plan that was tried")
    backup = models.TextField(_("backup"), db_comment="Name of the backup it ran on")
    passed = models.BooleanField(_("passed"), db_comment="Whether the plan may run")
    report = models.JSONField(_("report"), db_comment="Times, locks and differences for each migration")

    class Meta:
        db_table = "rehearsals"
        db_table_comment = "Plans of migrations, tried on a restored backup"
        verbose_name = _("rehearsal")
        verbose_name_plural = _("rehearsals")
        indexes = (models.Index(fields=["plan", "-at"], name="rehearsal_latest_of_plan"),)

    def __str__(self) -> str:
        return f"{self.plan[:12]} {self.at:%Y-%m-%d %H:%M}"


class UnfinishedStep(models.Model):
    """How far a migration is that does not fit into one transaction; the row goes when the step is done."""

    step = models.TextField(
        _("step"), primary_key=True, db_comment="app.migration or app.name, and which part"
    )
    state = models.JSONField(_("state"), db_comment="What the step needs to continue")
    started_at = models.DateTimeField(_("started at"), db_default=Now(), db_comment="When it began")
    updated_at = models.DateTimeField(_("updated at"), db_default=Now(), db_comment="Last progress")

    class Meta:
        db_table = "unfinished_steps"
        db_table_comment = "Steps of migrations that go on where they were interrupted"
        verbose_name = _("unfinished step")
        verbose_name_plural = _("unfinished steps")

    def __str__(self) -> str:
        return self.step
