"""Ends one session of the database, or only the statement that it runs."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, ProgrammingError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from config.operations.activity import Session, read_activity
from config.operations.confirmation import NotConfirmed

PATIENCE_SECONDS = 5
_PAUSE_SECONDS = 0.1

# The process id alone may belong to somebody else by the time that the question was answered.
TERMINATE = """
    SELECT pg_terminate_backend(pid, %s)
      FROM pg_stat_activity
     WHERE pid = %s AND backend_start = %s AND datname = current_database()
"""
CANCEL = """
    SELECT pg_cancel_backend(pid)
      FROM pg_stat_activity
     WHERE pid = %s AND backend_start = %s AND query_start = %s AND state = 'active'
           AND datname = current_database()
"""


class UnableToEnd(Exception):
    """The process is nothing that may be ended from here; the message says why, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What was asked of the server, and whether the session, or its statement, has ended."""

    session: Session
    only_statement: bool
    ended: bool


def end_session(
    *,
    pid: int,
    only_statement: bool,
    confirm: Callable[[Session], bool],
    alias: str = DEFAULT_DB_ALIAS,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Ending:
    """End a client of this database, after `confirm` has seen and approved it, and wait until it is gone.

    Raises UnableToEnd, or NotConfirmed.
    """
    connection = connections[alias]
    session = _find_client(pid, connection)
    if only_statement and not session.is_active:
        raise UnableToEnd(
            _(
                "Session %(pid)d runs no statement that could be cancelled.\n"
                "→ To end the session: manage.py database_activity --terminate %(pid)d"
            )
            % {"pid": pid}
        )
    if not confirm(session):
        raise NotConfirmed(_("Not confirmed; nothing was done."))
    end = _cancel if only_statement else _terminate
    return Ending(
        session=session, only_statement=only_statement, ended=end(session, connection, patience_seconds)
    )


def _find_client(pid: int, connection: BaseDatabaseWrapper) -> Session:
    sessions = {session.pid: session for session in read_activity(alias=connection.alias).sessions}
    session = sessions.get(pid)
    if session is None:
        raise UnableToEnd(_why_unknown(pid, connection))
    if not session.visible:
        raise UnableToEnd(_lacks_privilege(session, connection))
    if not session.is_client:
        raise UnableToEnd(
            _("Process %(pid)d is no client but belongs to the server (%(kind)s), which ends it by itself.")
            % {"pid": pid, "kind": session.kind}
        )
    return session


def _why_unknown(pid: int, connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid = pg_backend_pid(), coalesce(datname, '') FROM pg_stat_activity WHERE pid = %s", [pid]
        )
        row = cursor.fetchone()
    if row is None:
        return _gone(pid)
    own, database = row
    if own:
        return _("Process %(pid)d is this command itself.") % {"pid": pid}
    if not database:
        return _("Process %(pid)d belongs to the server itself, not to a database.") % {"pid": pid}
    return _("Process %(pid)d does not use this database but “%(database)s”.") % {
        "pid": pid,
        "database": database,
    }


def _gone(pid: int) -> str:
    return _("There is no process %(pid)d any more.\n→ See who is there now: manage.py database_activity") % {
        "pid": pid
    }


def _lacks_privilege(session: Session, connection: BaseDatabaseWrapper) -> str:
    return _(
        "%(user)s may not end session %(pid)d, which belongs to %(owner)s.\n"
        '→ As a superuser: GRANT pg_signal_backend, pg_read_all_stats TO "%(user)s"'
        " (the sessions of a superuser only a superuser can end)."
    ) % {"user": connection.settings_dict["USER"], "pid": session.pid, "owner": session.user}


def _terminate(session: Session, connection: BaseDatabaseWrapper, patience_seconds: float) -> bool:
    milliseconds = int(patience_seconds * 1000)
    ended = _signal(session, connection, TERMINATE, milliseconds, session.pid, session.connected_at)
    if ended is None:
        raise UnableToEnd(_gone(session.pid))
    return ended


def _cancel(session: Session, connection: BaseDatabaseWrapper, patience_seconds: float) -> bool:
    started_at = session.statement_started_at
    if not _signal(session, connection, CANCEL, session.pid, session.connected_at, started_at):
        return True  # It has ended by itself meanwhile.
    deadline = time.monotonic() + patience_seconds
    while _still_runs(session, connection):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _signal(session: Session, connection: BaseDatabaseWrapper, query: str, *parameters: Any) -> bool | None:
    """Return what the server answers, or None if there is no such process any more."""
    try:
        # The refusal of a privilege would spoil a transaction that is open around us.
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(query, parameters)
            row = cursor.fetchone()
    except ProgrammingError as error:
        raise UnableToEnd(_lacks_privilege(session, connection)) from error
    return None if row is None else bool(row[0])


def _still_runs(session: Session, connection: BaseDatabaseWrapper) -> bool:
    sessions = read_activity(alias=connection.alias).sessions
    return any(
        (now.pid, now.statement_started_at, now.state)
        == (session.pid, session.statement_started_at, "active")
        for now in sessions
    )
