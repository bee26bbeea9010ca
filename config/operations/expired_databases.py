"""The databases that restores have replaced, once their time is over.

They cost disk space and nothing else, so that a server which cannot be reached is a `problem`, not an error.
"""

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from django.db import Error
from django.utils.translation import gettext as _

from config.database_errors import explain
from config.databases import OWNER_ALIAS
from config.operations.maintenance import MaintenanceRunning, exclusive_maintenance
from config.operations.neighbours import KeptDatabase, drop, list_expired, server_session
from config.operations.progress import SILENT, Progress
from config.operations.snapshot import Session, separate_connection

_EXPECTED = (psycopg.Error, Error, MaintenanceRunning)


@dataclass(frozen=True, kw_only=True)
class ExpiredDatabases:
    """`databases` are or would be dropped; where not all could be, `problem` says why."""

    databases: tuple[KeptDatabase, ...] = ()
    problem: str = ""


def find_expired_databases(*, now: datetime, alias: str = OWNER_ALIAS) -> ExpiredDatabases:
    try:
        with _server(alias) as (server, live):
            return ExpiredDatabases(databases=list_expired(server=server, live=live, now=now))
    except _EXPECTED as error:
        return ExpiredDatabases(problem=_explain(error, alias))


def drop_expired_databases(
    *,
    folder: Path,
    now: datetime,
    only: Collection[str],
    progress: Progress = SILENT,
    alias: str = OWNER_ALIAS,
) -> ExpiredDatabases:
    """Drop those of `only`, the names that were agreed to, which still are expired.

    Nothing is dropped while a backup or a restore is running, or while there is no live database.
    """
    dropped: list[KeptDatabase] = []
    try:
        with (
            exclusive_maintenance(folder=folder, task="prune_backups", now=now, alias=alias),
            _server(alias) as (server, live),
        ):
            for expired in list_expired(server=server, live=live, now=now):
                if expired.name in only:
                    progress.step(_("Dropping %(name)s") % {"name": expired.name})
                    drop(server=server, name=expired.name)
                    dropped.append(expired)
    except _EXPECTED as error:
        return ExpiredDatabases(databases=tuple(dropped), problem=_explain(error, alias))
    return ExpiredDatabases(databases=tuple(dropped))


@contextlib.contextmanager
def _server(alias: str) -> Iterator[tuple[Session, str]]:
    """Yield a session of the server and the name of the live database."""
    with separate_connection(alias=alias) as connection, server_session(connection=connection) as server:
        yield server, str(connection.settings_dict["NAME"])


def _explain(error: Exception, alias: str) -> str:
    explanation = explain(error, alias=alias)
    return f"{explanation.cause}\n→ {explanation.remedy}" if explanation else str(error).strip()
