"""Brings a backup back: into a new database beside the live one, proved there, then exchanged by name.

Until the exchange nothing of the live database has been touched, and after it that database is still there
under another name; so whatever goes wrong, and whenever, nothing is lost.
"""

import contextlib
import datetime
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.files.storage import Storage, default_storage
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _

from config.databases import OWNER_ALIAS
from config.operations.backup import BackupOrder, UnableToBackUp, write_backup
from config.operations.backups import NoSuchBackup, NotRestorable, find_restorable, newer_migrations
from config.operations.confirmation import NotConfirmed
from config.operations.durable_files import NotEnoughSpace, require_space
from config.operations.encryption import NO_IDENTITIES, DamagedFile, Identities, NoFittingKey, require_key
from config.operations.exchange import Exchange, UnableToExchange, exchange_databases
from config.operations.fingerprints import count_rows
from config.operations.maintenance import MaintenanceRunning, exclusive_folder, exclusive_maintenance
from config.operations.manifest import Kind, Level, Manifest
from config.operations.neighbours import (
    Replacement,
    create_restored,
    drop,
    drop_expired,
    drop_unfinished,
    exists,
    server_session,
)
from config.operations.postgres import ProgramFailed, ProgramMissing
from config.operations.privileges import RoleMissing, grant_privileges
from config.operations.progress import SILENT, Progress
from config.operations.restored_database import fill_database
from config.operations.returned_files import return_files
from config.operations.sealed_files import opened_dump
from config.operations.snapshot import Session, open_session, separate_connection
from config.operations.steps import Steps
from config.operations.verification import compare_hashes, compare_with_manifest

_RESTORED_PART = 1.5  # How much the restored database may exceed the one that was backed up.
_EXPECTED = (
    DamagedFile,
    MaintenanceRunning,
    NoFittingKey,
    NoSuchBackup,
    NotEnoughSpace,
    NotRestorable,
    ProgramFailed,
    ProgramMissing,
    RoleMissing,
    UnableToExchange,
    OSError,
)


class UnableToRestore(Exception):
    """The live database is as it was; the message says why."""


@dataclass(frozen=True, kw_only=True)
class RowChange:
    """How many rows a table has now, and how many it will have; None where there is no such table."""

    table: str
    now: int | None
    then: int | None


@dataclass(frozen=True, kw_only=True)
class RestorePlan:
    """What would happen: `changes` are the tables whose number of rows will differ."""

    backup: Manifest
    database: str
    is_there: bool
    changes: tuple[RowChange, ...]


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """What happened: `kept` is where the replaced database is now, None where there was none."""

    backup: Manifest
    database: str
    kept: str | None
    safety_backup: str | None
    returned_files: int
    newer_migrations: tuple[str, ...]
    dropped: tuple[str, ...]
    refused_seconds: float
    seconds: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What the caller wants."""

    folder: Path
    name: str
    now: datetime.datetime
    alias: str
    progress: Progress = SILENT
    identities: Identities = NO_IDENTITIES
    saves_first: bool = True
    storage: Storage = default_storage


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What all the steps of one restore need to know."""

    order: _Order
    backup: Manifest
    path: Path
    live: str
    server: Session
    steps: Steps

    @property
    def is_there(self) -> bool:
        return exists(server=self.server, name=self.live)


def restore_backup(
    *,
    folder: Path,
    name: str,
    now: datetime.datetime,
    confirm: Callable[[RestorePlan], bool],
    progress: Progress = SILENT,
    identities: Identities = NO_IDENTITIES,
    saves_first: bool = True,
    alias: str = OWNER_ALIAS,
    storage: Storage = default_storage,
) -> Restoration:
    """Put the backup `name` in the place of the live database, after `confirm` has approved of the plan.

    Unless `saves_first` is False, the live database and the files are backed up before. Raises
    UnableToRestore or NotConfirmed; errors of the driver pass, and mean the same as the first.
    """
    order = _Order(
        folder=folder,
        name=name,
        now=now,
        alias=alias,
        progress=progress,
        identities=identities,
        saves_first=saves_first,
        storage=storage,
    )
    with _explained(), _prepared(order) as work:
        drop_unfinished(server=work.server, live=work.live)
        dropped = drop_expired(server=work.server, live=work.live, now=now)
        plan = _plan(work)
        progress.rest()
        if not confirm(plan):
            raise NotConfirmed(_("Not confirmed; nothing was done."))
        return _restore(work, dropped)


def plan_restore(
    *,
    folder: Path,
    name: str,
    now: datetime.datetime,
    identities: Identities = NO_IDENTITIES,
    alias: str = OWNER_ALIAS,
) -> RestorePlan:
    """Check what `restore_backup` checks before it writes, and write nothing."""
    order = _Order(folder=folder, name=name, now=now, alias=alias, identities=identities)
    with _explained(), _prepared(order) as work:
        return _plan(work)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except UnableToBackUp as error:
        sentence = _(
            "What is there now could not be backed up first: %(reason)s\n"
            "→ Mend that, or go without: manage.py restore … --without-safety-backup\n"
            "The database that is replaced is kept for a week either way."
        )
        raise UnableToRestore(sentence % {"reason": error}) from error
    except _EXPECTED as error:
        raise UnableToRestore(str(error)) from error


@contextlib.contextmanager
def _prepared(order: _Order) -> Iterator[_Work]:
    """Hold the locks of the folder and of the live database; find the backup and look at it closely."""
    alias = order.alias
    with separate_connection(alias=alias) as connection, server_session(connection=connection) as server:
        live, steps = str(connection.settings_dict["NAME"]), Steps(order.progress)
        with exclusive_exchange(folder=order.folder, server=server, live=live, now=order.now, alias=alias):
            path, manifest = find_restorable(folder=order.folder, name=order.name)
            if manifest.is_encrypted:
                require_key(identities=order.identities)
            with steps.step("hash", _("Comparing sizes and hashes")):
                _refuse(list(compare_hashes(path=path, manifest=manifest, progress=order.progress)))
            yield _Work(order=order, backup=manifest, path=path, live=live, server=server, steps=steps)


def exclusive_exchange(
    *, folder: Path, server: Session, live: str, now: datetime.datetime, alias: str
) -> contextlib.AbstractContextManager[None]:
    """Hold the folder of the backups and, where there is one, the live database."""
    if exists(server=server, name=live):
        return exclusive_maintenance(folder=folder, task="restore", now=now, alias=alias)
    return exclusive_folder(folder=folder, task="restore", now=now)


def _refuse(problems: list[str]) -> None:
    if problems:
        sentence = _("The backup is not what was written:\n%(problems)s\n→ Look for another one: %(command)s")
        words = {"problems": "\n".join(problems), "command": "manage.py list_backups"}
        raise UnableToRestore(sentence % words)


def _plan(work: _Work) -> RestorePlan:
    is_there = work.is_there
    now = _count_rows(work) if is_there and work.order.saves_first else {}
    then = {table: fingerprint.rows for table, fingerprint in work.backup.tables.items()}
    return RestorePlan(
        backup=work.backup,
        database=work.live,
        is_there=is_there,
        changes=tuple(
            RowChange(table=table, now=now.get(table), then=then.get(table))
            for table in sorted(now.keys() | then.keys())
            if now.get(table) != then.get(table)
        ),
    )


def _count_rows(work: _Work) -> dict[str, int]:
    with (
        separate_connection(alias=work.order.alias) as connection,
        open_session(connection=connection) as session,
    ):
        return count_rows(session=session)


def _restore(work: _Work, dropped: tuple[str, ...]) -> Restoration:
    _require_space(work.backup)
    successor = create_restored(
        server=work.server, live=work.live, facts=work.backup.database, now=work.order.now
    )
    try:
        _fill(work, successor)
        safety_backup = _save(work) if work.order.saves_first and work.is_there else None
        returned = _return_files(work)
        exchange = _exchange(work, successor, safety_backup)
    except BaseException as error:
        # A connection that a signal has interrupted in its making stays half open while the traceback holds
        # it, and DROP DATABASE waits a minute for what serves it.
        traceback.clear_frames(error.__traceback__)
        with contextlib.suppress(psycopg.Error):  # The server may be gone; the next restore drops it.
            drop(server=work.server, name=successor)
        raise
    return Restoration(
        backup=work.backup,
        database=work.live,
        kept=exchange.kept,
        safety_backup=safety_backup,
        returned_files=returned,
        newer_migrations=newer_migrations(manifest=work.backup),
        dropped=dropped,
        refused_seconds=exchange.refused_seconds,
        seconds=work.steps.seconds,
    )


def _require_space(backup: Manifest) -> None:
    if settings.CLUSTER is not None:  # How much room another machine has, its server does not tell.
        require_space(folder=settings.CLUSTER.folder, needed=int(backup.database.size * _RESTORED_PART))


def _fill(work: _Work, successor: str) -> None:
    """Restore into the new database and prove it."""
    progress, manifest = work.order.progress, work.backup
    with separate_connection(alias=work.order.alias) as connection:
        connection.settings_dict["NAME"] = successor
        with work.steps.step("restore", _("Restoring into the new database %(name)s") % {"name": successor}):
            _fill_from(work, connection)
        grant_privileges(connection=connection)  # No dump holds those of the application's role.
        with work.steps.step("statistics", _("Gathering statistics for the planner")):
            _analyze(connection)
        with work.steps.step("compare", _("Comparing the restored database with the manifest")):
            found = compare_with_manifest(connection=connection, manifest=manifest, progress=progress)
            _refuse(list(found))


def _fill_from(work: _Work, connection: DatabaseWrapper) -> None:
    with opened_dump(path=work.path, manifest=work.backup, identities=work.order.identities) as dump:
        fill_database(
            connection=connection,
            dump=dump,
            size=work.backup.database.size,
            progress=work.order.progress,
        )


def _analyze(connection: DatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _save(work: _Work) -> str:
    """Back up what is about to be replaced, for its files: the database itself is kept."""
    with work.steps.step("safety_backup", _("Backing up what is there now")):
        order = BackupOrder(
            folder=work.path.parent,
            level=Level.HASH,
            now=work.order.now,
            kind=Kind.RESTORE,
            reason=_("before the restore of %(name)s") % {"name": work.backup.id},
            alias=work.order.alias,
            storage=work.order.storage,
        )
        backup = write_backup(order=order)
    return backup.path.name


def _return_files(work: _Work) -> int:
    with work.steps.step("files", _("Putting the uploaded files back")):
        return return_files(
            files=work.backup.files,
            folder=work.path.parent,
            storage=work.order.storage,
            identities=work.order.identities,
            progress=work.order.progress,
        )


def _exchange(work: _Work, successor: str, safety_backup: str | None) -> Exchange:
    with work.steps.step("exchange", _("Exchanging the databases")):
        with separate_connection(alias=work.order.alias) as connection:
            exchange = exchange_databases(
                connection=connection,
                live=work.live,
                successor=successor,
                replacement=Replacement(backup=work.backup.id, safety_backup=safety_backup or ""),
                now=work.order.now,
            )
        connections.close_all()  # Ours to the replaced database are dead as well.
    return exchange
