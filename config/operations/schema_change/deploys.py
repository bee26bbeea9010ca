"""What applying and reverting have in common: one at a time, a backup, a record, a check afterwards."""

import contextlib
import datetime
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.files.storage import Storage, default_storage
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _

from config.databases import OWNER_ALIAS
from config.env import BASE_DIR
from config.log_files import MIGRATIONS_LOGGER
from config.migration_operations.guard import PatienceEnded
from config.operations.advisory_lock import Holder, LockHeld, advisory_lock_at_once
from config.operations.backup import BackupNotProved, UnableToBackUp, create_backup
from config.operations.health import Status, check_health
from config.operations.inspection import inspect_migrations, pending_migrations
from config.operations.integrity import find_problems
from config.operations.maintenance import MaintenanceRunning, exclusive_maintenance
from config.operations.manifest import Kind, Level, State
from config.operations.models import Deploy, Direction, Result
from config.operations.privileges import RoleMissing, grant_privileges
from config.operations.progress import SILENT, Progress
from config.operations.schema_change.approval import NO_APPROVAL, Approval, NotApproved
from config.operations.schema_change.attic import AtticKeeper
from config.operations.schema_change.execution import (
    PATIENCE_SECONDS,
    DumpRunning,
    MigrationFailed,
    MigrationOutcome,
    StoppedHalfway,
    UnfinishedMigration,
    run_plan,
)
from config.operations.schema_change.lint.squawk import SquawkFailed
from config.operations.schema_change.planning import Plan
from config.operations.schema_change.release import read_release
from config.operations.schema_change.runs import finish_deploy, start_deploy
from config.operations.schemas import require_schema
from config.operations.steps import Steps

logger = logging.getLogger(MIGRATIONS_LOGGER)

_TASK = "migrate_safely"
_EXPECTED = (
    BackupNotProved,
    DumpRunning,
    MaintenanceRunning,
    NotApproved,
    PatienceEnded,
    SquawkFailed,
    UnableToBackUp,
    UnfinishedMigration,
)


class UnableToMigrate(Exception):
    """Nothing was changed; the message says why, and what to type."""


class MigrationStopped(Exception):
    """Something may have been changed, but not all; the message says what is left, and what to type."""


@dataclass(frozen=True, kw_only=True)
class DeployOrder:
    """What `migrate_safely` or `revert` was asked for."""

    folder: Path
    now: datetime.datetime
    approval: Approval = NO_APPROVAL
    patience_seconds: float = PATIENCE_SECONDS
    saves_first: bool = True
    alias: str = OWNER_ALIAS
    storage: Storage = default_storage
    progress: Progress = SILENT

    @property
    def connection(self) -> DatabaseWrapper:
        return cast("DatabaseWrapper", connections[self.alias])

    @property
    def has_tables(self) -> bool:
        """Whether there is anything that could be lost: an empty database is filled without ceremony."""
        return bool(self.connection.introspection.table_names())


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """How things are afterwards; `tables` is their number."""

    tables: int
    pending: tuple[str, ...]
    problems: tuple[CheckMessage, ...]
    health: Status


@contextlib.contextmanager
def alone(*, alias: str) -> Iterator[None]:
    require_schema(alias=alias)
    with advisory_lock_at_once(name=MIGRATIONS_LOGGER, alias=alias):
        yield


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn whatever is expected to go wrong before the first change into UnableToMigrate."""
    try:
        yield
    except LockHeld as error:
        raise UnableToMigrate(_describe_holder(error.holder)) from error
    except _EXPECTED as error:
        raise UnableToMigrate(str(error)) from error
    except InconsistentMigrationHistory as error:
        sentence = _("The record of the migrations contradicts the code: %(reason)s\n→ manage.py preflight")
        raise UnableToMigrate(sentence % {"reason": error}) from error


def _describe_holder(holder: Holder | None) -> str:
    if holder is None:
        return _("Somebody else has just been migrating this database.\n→ Try again.")
    return _(
        "Somebody else is migrating this database: %(user)s%(client)s, process %(pid)d, since %(since)s.\n"
        "→ Wait for the end, or look: manage.py database_activity"
    ) % {
        "user": holder.user,
        "client": f" ({holder.client})" if holder.client else "",
        "pid": holder.pid,
        "since": f"{holder.since:%H:%M:%S}" if holder.since else _("an unknown time"),
    }


def refuse_unclear_history(*, connection: DatabaseWrapper) -> None:
    """Refuse where what is applied is not what this code would have applied."""
    unknown = inspect_migrations(connection=connection).unknown
    if unknown:
        raise UnableToMigrate(
            _(
                "The database is newer than this code: it has migrations that are not here (%(names)s).\n"
                "→ Check out the release that wrote them. What it looks like: manage.py preflight"
            )
            % {"names": ", ".join(f"{each.app}.{each.name}" for each in unknown)}
        )
    MigrationLoader(connection).check_consistent_history(connection)


def save_first(*, order: DeployOrder, steps: Steps, reason: str) -> str | None:
    """Return the name of a backup that was restored and compared; None where there is nothing to lose."""
    if not order.has_tables or not order.saves_first:
        return None
    with steps.step("backup", _("Backing up, and proving the backup")):
        backup = create_backup(
            folder=order.folder,
            level=Level.RESTORED,
            now=order.now,
            kind=Kind.MIGRATION,
            reason=reason,
            alias=order.alias,
            storage=order.storage,
        )
    if backup.manifest.state is not State.VERIFIED:
        sentence = _("The backup %(name)s is not what was backed up.\n→ manage.py verify_backup %(name)s")
        raise UnableToMigrate(sentence % {"name": backup.manifest.id})
    return backup.manifest.id


def require_backup(*, order: DeployOrder) -> None:
    if settings.ENVIRONMENT == "production" and not order.saves_first and order.has_tables:
        raise UnableToMigrate(
            _("In production the schema is not changed without a backup.\n→ Leave out --without-backup.")
        )


def run_deploy(
    *, order: DeployOrder, plan: Plan, direction: Direction, backup: str | None
) -> tuple[MigrationOutcome, ...]:
    """Run the plan under a Deploy of its own, and give the application's role its privileges."""
    deploy = start_deploy(
        connection=order.connection,
        direction=direction,
        plan=plan.fingerprint,
        approved_by=order.approval.approver,
        release=read_release(folder=BASE_DIR),
        backup=backup or "",
    )
    try:
        # No dump may begin meanwhile, and nobody may restore another database in the place of this one.
        with exclusive_maintenance(folder=order.folder, task=_TASK, now=order.now, alias=order.alias):
            outcomes = run_plan(
                connection=order.connection,
                plan=plan,
                patience_seconds=order.patience_seconds,
                progress=order.progress,
                deploy=deploy,
                keeper=AtticKeeper(now=order.now),
            )
    except BaseException as error:
        _finish(order, deploy, Result.FAILED, str(error))
        if isinstance(error, MigrationFailed | StoppedHalfway):
            raise MigrationStopped(str(error)) from error
        raise
    _finish(order, deploy, Result.DONE)
    logger.info("%s: %s", direction, ", ".join(outcome.name for outcome in outcomes))
    try:
        grant_privileges(connection=order.connection)
    except RoleMissing as error:
        sentence = _("The migrations are done, but the application is not let in. %(reason)s")
        raise MigrationStopped(sentence % {"reason": error}) from error
    return outcomes


def _finish(order: DeployOrder, deploy: Deploy | None, result: Result, error: str = "") -> None:
    if deploy is not None:
        finish_deploy(connection=order.connection, deploy=deploy, result=result, error=error)


def conclude(*, order: DeployOrder) -> Conclusion:
    return Conclusion(
        tables=len(order.connection.introspection.table_names()),
        pending=tuple(str(each) for each in pending_migrations(connection=order.connection)),
        problems=tuple(find_problems(using=order.alias)),
        health=check_health().status,
    )
