"""Takes a restore back: the database that was replaced returns under its own name."""

import contextlib
import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.core.files.storage import Storage, default_storage
from django.db import connections
from django.utils.translation import gettext as _

from config.databases import OWNER_ALIAS
from config.operations.backups import NoSuchBackup, find_backup
from config.operations.confirmation import NotConfirmed
from config.operations.encryption import NO_IDENTITIES, DamagedFile, Identities, NoFittingKey
from config.operations.exchange import UnableToExchange, exchange_databases
from config.operations.maintenance import MaintenanceRunning
from config.operations.manifest import UnreadableManifest, read_manifest
from config.operations.neighbours import KeptDatabase, Replacement, list_kept, server_session
from config.operations.progress import SILENT, Progress
from config.operations.restore import exclusive_exchange
from config.operations.returned_files import return_files
from config.operations.snapshot import Session, separate_connection


class UnableToUndo(Exception):
    """Nothing has changed; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Undone:
    """`returned` is the database that is live again; `kept` is where the restored one is now.

    `returned_files` is None where the files as they were are in no backup any more.
    """

    database: str
    returned: KeptDatabase
    kept: str | None
    returned_files: int | None
    refused_seconds: float


def undo_restore(
    *,
    folder: Path,
    now: datetime.datetime,
    confirm: Callable[[KeptDatabase], bool],
    progress: Progress = SILENT,
    identities: Identities = NO_IDENTITIES,
    alias: str = OWNER_ALIAS,
    storage: Storage = default_storage,
) -> Undone:
    """Exchange the live database with the one it has last replaced. Raises UnableToUndo or NotConfirmed."""
    with separate_connection(alias=alias) as connection, server_session(connection=connection) as server:
        live = str(connection.settings_dict["NAME"])
        try:
            with exclusive_exchange(folder=folder, server=server, live=live, now=now, alias=alias):
                replaced = _find_replaced(server, live)
                if not confirm(replaced):
                    raise NotConfirmed(_("Not confirmed; nothing was done."))
                progress.step(_("Putting the uploaded files back"))
                returned_files = _return_files(replaced, folder, storage, identities, progress)
                progress.step(_("Exchanging the databases"))
                exchange = exchange_databases(
                    connection=connection,
                    live=live,
                    successor=replaced.name,
                    replacement=_reverse(replaced.replacement),
                    now=now,
                )
        except (DamagedFile, MaintenanceRunning, NoFittingKey, UnableToExchange, OSError) as error:
            raise UnableToUndo(str(error)) from error
    connections.close_all()  # Ours to the database that was live are dead.
    return Undone(
        database=live,
        returned=replaced,
        kept=exchange.kept,
        returned_files=returned_files,
        refused_seconds=exchange.refused_seconds,
    )


def find_replaced(*, alias: str = OWNER_ALIAS) -> KeptDatabase:
    """Return the database that an undo would bring back, or raise UnableToUndo."""
    with separate_connection(alias=alias) as connection, server_session(connection=connection) as server:
        return _find_replaced(server, str(connection.settings_dict["NAME"]))


def _find_replaced(server: Session, live: str) -> KeptDatabase:
    kept = list_kept(server=server, live=live)
    if not kept:
        sentence = _(
            "No database is kept that %(database)s has replaced, so there is nothing to take back.\n"
            "→ To bring a backup back: manage.py list_backups, then manage.py restore NAME"
        )
        raise UnableToUndo(sentence % {"database": live})
    return kept[0]


def _reverse(replacement: Replacement) -> Replacement:
    """Say of the restored database, when it is replaced in its turn, in which backup its files are."""
    return Replacement(backup=replacement.safety_backup, safety_backup=replacement.backup)


def _return_files(
    replaced: KeptDatabase, folder: Path, storage: Storage, identities: Identities, progress: Progress
) -> int | None:
    with contextlib.suppress(NoSuchBackup, UnreadableManifest):
        path = find_backup(folder=folder, name=replaced.replacement.safety_backup)
        files = read_manifest(folder=path).files
        return return_files(
            files=files, folder=folder, storage=storage, identities=identities, progress=progress
        )
    return None
