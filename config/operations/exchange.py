"""Puts one database in the place of another, within a moment, or not at all.

Both renames are one transaction. From the first of them on the server lets nobody into either database,
without `ALLOW_CONNECTIONS` having been touched: whenever this process or the server dies, the names are
as before or as afterwards, and everybody can connect.
"""

import datetime
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import psycopg
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _
from psycopg import sql

from config.operations.neighbours import (
    Replacement,
    exists,
    name_for_replaced,
    note_replacement,
    server_session,
)
from config.operations.snapshot import Session

_PATIENCE = "10s"
_PAUSE_SECONDS = 0.02

_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
_WHO = """
    SELECT string_agg(format('%%s (%%s, %%s)', pid, usename, nullif(application_name, '')), ', ')
      FROM pg_stat_activity
     WHERE datname = %s
"""


class UnableToExchange(Exception):
    """Both databases have kept their names; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """`kept` is the new name of what was live before, None where nothing was.

    Nobody could connect for `refused_seconds`.
    """

    kept: str | None
    refused_seconds: float


def exchange_databases(
    *,
    connection: DatabaseWrapper,
    live: str,
    successor: str,
    replacement: Replacement,
    now: datetime.datetime,
) -> Exchange:
    """Give the name `live` to the database `successor`, and keep the one that had it under another name.

    Ends every session of both. Raises UnableToExchange where one cannot be ended.
    """
    with (
        server_session(connection=connection) as renamer,
        server_session(connection=connection) as terminator,
    ):
        renamer.execute("SELECT set_config('lock_timeout', %s, false)", [_PATIENCE])
        kept = name_for_replaced(server=renamer, live=live, now=now)
        started = time.monotonic()
        with renamer.transaction():
            was_live = exists(server=renamer, name=live)
            if was_live:
                _rename(renamer, terminator, live, kept)
                note_replacement(server=renamer, name=kept, replacement=replacement)
            _rename(renamer, terminator, successor, live)
        seconds = round(time.monotonic() - started, 3)
    return Exchange(kept=kept if was_live else None, refused_seconds=seconds)


def _rename(renamer: Session, terminator: Session, name: str, new_name: str) -> None:
    """Rename a database that is in use.

    The server locks it against new sessions, then waits five seconds for the end of those that are there;
    so they are ended while it waits, not before: who is thrown out comes back at once.
    """
    statement = sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (name, new_name)))
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            renaming = pool.submit(renamer.execute, statement)
            while not renaming.done():
                _end_sessions(terminator, name)
                wait([renaming], timeout=_PAUSE_SECONDS)
            renaming.result()
    except (psycopg.errors.ObjectInUse, psycopg.errors.LockNotAvailable) as error:
        raise UnableToExchange(_explain(terminator, name, error)) from error


def _end_sessions(terminator: Session, name: str) -> None:
    for (pid,) in terminator.execute(_SESSIONS, [name]).fetchall():
        try:
            terminator.execute("SELECT pg_terminate_backend(%s)", [pid])
        except psycopg.errors.InsufficientPrivilege:
            continue  # It is named if it is still there at the end.


def _explain(server: Session, name: str, error: psycopg.Error) -> str:
    [[who]] = server.execute(_WHO, [name]).fetchall()
    sentence = _(
        "The database %(name)s is in use by sessions that may not be ended from here: %(who)s.\n"
        "→ End them as a superuser, or close the program; then repeat this command."
    )
    return sentence % {"name": name, "who": who or str(error).strip()}
