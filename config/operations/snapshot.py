"""Sessions that see one moment of the database, however much is written meanwhile."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from django.db import connections
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql.base import DatabaseWrapper

from config.operations.postgres import LOCK_WAIT

Session = psycopg.Connection[tuple[Any, ...]]

# What rows look like as text depends on the first group. A role or a server may have set limits that would
# end a long look at the data; the last one lets the server notice that the client of a long query has died.
_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmlbinary": "base64",
    "search_path": "",
    "row_security": "off",
    "jit": "off",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": LOCK_WAIT,
    "client_connection_check_interval": "2s",
}
_APPLY = """
    SELECT set_config(name, new.value, false)
      FROM unnest(%s::text[], %s::text[]) AS new (name, value) JOIN pg_settings USING (name)
"""  # A server that does not know a setting yet goes without it.
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@dataclass(frozen=True)
class Snapshot:
    """An exported snapshot; it can be joined for as long as `session` keeps its transaction open."""

    identifier: str
    session: Session


@contextlib.contextmanager
def separate_connection(*, alias: str) -> Iterator[DatabaseWrapper]:
    """Yield a connection of its own to the database `alias`, so that nobody else's transaction is touched.

    It has no alias itself: django.contrib.postgres would open the one that goes by it as well, which may lead
    to a database that is not there.
    """
    connection = cast("DatabaseWrapper", connections[alias].copy(alias=NO_DB_ALIAS))
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def open_session(*, connection: DatabaseWrapper) -> Iterator[Session]:
    """Yield a session in which equal rows read as equal text, on every server of one major version."""
    parameters = connection.get_connection_params()
    with contextlib.closing(psycopg.connect(**parameters, autocommit=True)) as session:
        session.execute(_APPLY, [list(_SETTINGS), list(_SETTINGS.values())])
        yield session


@contextlib.contextmanager
def exported_snapshot(*, connection: DatabaseWrapper) -> Iterator[Snapshot]:
    with open_session(connection=connection) as session:
        session.execute(_BEGIN)
        [[identifier]] = session.execute("SELECT pg_export_snapshot()").fetchall()
        yield Snapshot(identifier=identifier, session=session)


@contextlib.contextmanager
def joined_sessions(
    *, connection: DatabaseWrapper, snapshot: Snapshot, count: int
) -> Iterator[tuple[Session, ...]]:
    """Yield further sessions that see the same moment."""
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(open_session(connection=connection)) for _number in range(count)]
        for session in sessions:
            session.execute(_BEGIN)
            session.execute(f"SET TRANSACTION SNAPSHOT '{snapshot.identifier}'")
        yield tuple(sessions)
