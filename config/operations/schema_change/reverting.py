"""Takes migrations back, over all apps, in the reverse order of their application."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.operations.backups import list_backups
from config.operations.confirmation import NotConfirmed
from config.operations.health import Status, check_health
from config.operations.inspection import pending_migrations
from config.operations.integrity import check_without_models, find_problems
from config.operations.manifest import Level, Manifest, State
from config.operations.models import Direction
from config.operations.schema_change.attic_effects import Effects, read_effects
from config.operations.schema_change.deploys import (
    Conclusion,
    DeployOrder,
    MigrationStopped,
    UnableToMigrate,
    alone,
    explained,
    refuse_unclear_history,
    require_backup,
    run_deploy,
    save_first,
)
from config.operations.schema_change.execution import MigrationOutcome
from config.operations.schema_change.planning import Plan
from config.operations.schema_change.runs import applied_migrations
from config.operations.schema_change.way_back import NoWayBack, WayBack, plan_way_back
from config.operations.schema_change.wording import describe_operation
from config.operations.steps import Steps

MOST_TABLES = 5


@dataclass(frozen=True, kw_only=True)
class RevertPreview:
    """What `revert` would do; `effects` is what it means for the data."""

    plan: Plan
    effects: Effects


@dataclass(frozen=True, kw_only=True)
class Revert:
    """What happened; `seconds` is step → duration."""

    preview: RevertPreview
    outcomes: tuple[MigrationOutcome, ...]
    backup: str | None
    conclusion: Conclusion
    seconds: dict[str, float]

    @property
    def is_healthy(self) -> bool:
        return not self.conclusion.problems and self.conclusion.health is not Status.FAIL


def prepare_revert(*, order: DeployOrder, way_back: WayBack) -> RevertPreview:
    """Do all that `revert` does before the first write, and raise what it would raise."""
    with explained(), alone(alias=order.alias):
        return _prepare(order, way_back)


def revert(
    *, order: DeployOrder, way_back: WayBack, confirm: Callable[[RevertPreview], bool]
) -> Revert | None:
    """Back up, take back what `confirm` agrees to, and check what came of it; None where nothing is to do.

    Raises UnableToMigrate before, and MigrationStopped after the first change; run again, it goes on.
    """
    steps = Steps(order.progress)
    with explained(), alone(alias=order.alias):
        with steps.step("look", _("Looking at what would be taken back")):
            preview = _prepare(order, way_back)
        if not preview.plan.migrations:
            return None
        order.progress.rest()
        if not confirm(preview):
            raise NotConfirmed(_("Nothing was changed."))
        backup = save_first(order=order, steps=steps, reason=_("before revert"))
        with steps.step("revert", _("Taking the migrations back")):
            outcomes = _run(order, preview.plan, backup)
        with steps.step("check", _("Checking the data and the health")):
            conclusion = _conclude(order)
    return Revert(
        preview=preview, outcomes=outcomes, backup=backup, conclusion=conclusion, seconds=steps.seconds
    )


def _run(order: DeployOrder, plan: Plan, backup: str | None) -> tuple[MigrationOutcome, ...]:
    try:
        return run_deploy(order=order, plan=plan, direction=Direction.REVERT, backup=backup)
    except MigrationStopped as error:
        applied = set(applied_migrations(connection=order.connection))
        left = sum(1 for migration in plan.migrations if migration.name in applied)
        if not left:
            raise
        sentence = ngettext(
            "→ %(count)d migration is left to be taken back: manage.py revert --steps %(count)d",
            "→ %(count)d migrations are left to be taken back: manage.py revert --steps %(count)d",
            left,
        )
        raise MigrationStopped(f"{error}\n{sentence % {'count': left}}") from error


def _prepare(order: DeployOrder, way_back: WayBack) -> RevertPreview:
    refuse_unclear_history(connection=order.connection)
    try:
        plan = plan_way_back(connection=order.connection, way_back=way_back)
    except NoWayBack as error:
        raise UnableToMigrate(str(error)) from error
    _refuse_irreversible(order, plan)
    effects = read_effects(connection=order.connection, plan=plan)
    if effects.obstacles:
        raise UnableToMigrate("\n".join(effects.obstacles))
    if plan.migrations:
        _require_approver(order)
        require_backup(order=order)
    return RevertPreview(plan=plan, effects=effects)


def _refuse_irreversible(order: DeployOrder, plan: Plan) -> None:
    lines = [
        _("%(migration)s cannot be taken back: %(operation)s")
        % {"migration": migration.name, "operation": describe_operation(operation=each.operation)}
        for migration in plan.migrations
        for each in migration.operations
        if not each.is_reversible
    ]
    if lines:
        lines.extend(describe_restore_instead(order=order))
        raise UnableToMigrate("\n".join(lines))


def _require_approver(order: DeployOrder) -> None:
    if settings.ENVIRONMENT == "production" and not order.approval.approver:
        raise UnableToMigrate(
            _(
                "In production somebody has to approve that migrations are taken back.\n"
                "→ Show it: manage.py revert --dry-run\n"
                "→ Then add: --approved-by NAME"
            )
        )


def describe_restore_instead(*, order: DeployOrder) -> Iterator[str]:
    """Yield what going back to the newest backup that is proved would cost."""
    manifest = _newest_verified(order.folder)
    if manifest is None:
        yield _("There is no verified backup to go back to either. → manage.py list_backups")
        return
    yield _("Instead, a backup can be restored: %(name)s, taken %(minutes)d minutes ago.") % {
        "name": manifest.id,
        "minutes": (order.now - manifest.started_at) // timedelta(minutes=1),
    }
    proof = manifest.proof
    if proof is not None and proof.level is Level.RESTORED:
        yield _("Restoring it to prove it took %(seconds).1f s.") % {"seconds": proof.seconds}
    yield from _describe_written(order.connection, manifest)
    yield _("→ See what would be lost: manage.py restore %(name)s --dry-run") % {"name": manifest.id}


def _newest_verified(folder: Path) -> Manifest | None:
    for backup in list_backups(folder=folder):
        if backup.is_restorable and backup.state == State.VERIFIED:
            return backup.manifest
    return None


def _describe_written(connection: DatabaseWrapper, manifest: Manifest) -> Iterator[str]:
    """Yield how the number of rows has changed since; changes within rows are not seen."""
    changes = []
    with connection.cursor() as cursor:
        for table, fingerprint in sorted(manifest.tables.items()):
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
            if cursor.fetchone()[0]:
                cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - quoted in the manifest
                [rows] = cursor.fetchone()
                if rows != fingerprint.rows:
                    changes.append(f"{table} {fingerprint.rows} → {rows}")
    if changes:
        sentence = ngettext(
            "Since then %(count)d table has got another number of rows: %(tables)s",
            "Since then %(count)d tables have got another number of rows: %(tables)s",
            len(changes),
        )
        shown = ", ".join(changes[:MOST_TABLES]) + (", …" if len(changes) > MOST_TABLES else "")
        yield sentence % {"count": len(changes), "tables": shown}


def _conclude(order: DeployOrder) -> Conclusion:
    """Check what can be checked: the apps' own checks are for the schema of their models."""
    pending = tuple(str(each) for each in pending_migrations(connection=order.connection))
    problems = check_without_models(using=order.alias) if pending else find_problems(using=order.alias)
    return Conclusion(
        tables=len(order.connection.introspection.table_names()),
        pending=pending,
        problems=tuple(problems),
        health=check_health().status,
    )
