"""Applies what is pending, the way production needs it: looked at, approved, backed up, guarded, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _

from config.databases import OWNER_ALIAS
from config.operations.health import Status
from config.operations.models import Direction
from config.operations.schema_change.approval import require_approval
from config.operations.schema_change.deploys import (
    Conclusion,
    DeployOrder,
    UnableToMigrate,
    alone,
    conclude,
    explained,
    refuse_unclear_history,
    require_backup,
    run_deploy,
    save_first,
)
from config.operations.schema_change.execution import MigrationOutcome
from config.operations.schema_change.lint.findings import Finding, open_errors
from config.operations.schema_change.lint.linter import lint
from config.operations.schema_change.planning import Plan, read_plan
from config.operations.schema_change.preview import Preview, preview_plan
from config.operations.schema_change.sizes import read_sizes
from config.operations.schemas import require_schema
from config.operations.steps import Steps


@dataclass(frozen=True, kw_only=True)
class SafeMigration:
    """What happened; `backup` is None where there was nothing to save, `seconds` is step → duration."""

    preview: Preview
    outcomes: tuple[MigrationOutcome, ...]
    backup: str | None
    conclusion: Conclusion
    seconds: dict[str, float]

    @property
    def is_healthy(self) -> bool:
        now = self.conclusion
        return not now.pending and not now.problems and now.health is not Status.FAIL


def look(*, alias: str = OWNER_ALIAS) -> Preview:
    """Return what `migrate_safely` would do now. Nothing is written, and nobody is kept waiting."""
    connection = cast("DatabaseWrapper", connections[alias])
    with explained():
        require_schema(alias=alias)
        return _look(connection)[1]


def prepare(*, order: DeployOrder) -> Preview:
    """Do all that `migrate_safely` does before the first write, and raise what it would raise."""
    with explained(), alone(alias=order.alias):
        return _prepare(order)[1]


def migrate_safely(*, order: DeployOrder) -> SafeMigration:
    """Back up, apply what is pending, and check what came of it.

    Raises UnableToMigrate before, and MigrationStopped after the first change; run again, it goes on.
    """
    steps, backup = Steps(order.progress), None
    outcomes: tuple[MigrationOutcome, ...] = ()
    with explained(), alone(alias=order.alias):
        with steps.step("look", _("Looking at what is pending")):
            plan, preview = _prepare(order)
        if plan.migrations:
            backup = save_first(order=order, steps=steps, reason=_("before migrate_safely"))
            with steps.step("apply", _("Applying the migrations")):
                outcomes = run_deploy(order=order, plan=plan, direction=Direction.APPLY, backup=backup)
        with steps.step("check", _("Checking the data and the health")):
            conclusion = conclude(order=order)
    return SafeMigration(
        preview=preview, outcomes=outcomes, backup=backup, conclusion=conclusion, seconds=steps.seconds
    )


def _look(connection: DatabaseWrapper) -> tuple[Plan, Preview]:
    sizes = read_sizes(connection=connection)
    plan = read_plan(connection=connection, sizes=sizes)
    findings = lint(plan=plan, sizes=sizes)
    return plan, preview_plan(connection=connection, plan=plan, sizes=sizes, findings=findings)


def _prepare(order: DeployOrder) -> tuple[Plan, Preview]:
    refuse_unclear_history(connection=order.connection)
    plan, preview = _look(order.connection)
    if plan.migrations:
        _refuse_findings(preview.findings)
        if order.has_tables:
            require_approval(plan=plan, approval=order.approval)
        require_backup(order=order)
    return plan, preview


def _refuse_findings(findings: Sequence[Finding]) -> None:
    errors = open_errors(findings)
    if errors:
        raise UnableToMigrate(
            _(
                "The linter objects to %(names)s.\n"
                "→ See why, and the safe form: manage.py migrate_safely --check-only"
            )
            % {"names": ", ".join(sorted({f"{each.migration} ({each.rule})" for each in errors}))}
        )
