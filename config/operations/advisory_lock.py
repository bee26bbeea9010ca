"""One process at a time, agreed on through the database itself."""

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import connections
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper

_PAUSE_SECONDS = 0.2
# The lock of one number shows its upper and its lower half in two columns.
_HOLDER = """
    SELECT pid, coalesce(usename::text, ''), coalesce(host(client_addr), ''), backend_start
      FROM pg_locks JOIN pg_stat_activity USING (pid),
           (SELECT hashtextextended(%s, 0)) AS of_name (key)
     WHERE locktype = 'advisory' AND objsubid = 1 AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND classid::bigint = (key >> 32) & 4294967295 AND objid::bigint = key & 4294967295
"""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who has the lock; `client` is empty for a connection of the same machine.

    When the session of another role has begun, a role may not be allowed to see.
    """

    pid: int
    user: str
    client: str
    since: datetime.datetime | None


class LockHeld(Exception):
    """Another process has the lock; None if it has let go meanwhile."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(holder)
        self.holder = holder


@contextlib.contextmanager
def advisory_lock(*, name: str, alias: str, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock `name` of the database; where another process has it, call `on_wait` once and wait.

    The lock belongs to a connection of its own, so that it outlives what the work does to the other,
    and ends with the process.
    """
    with _separate_connection(alias) as connection:
        if not _acquire(connection, name):
            on_wait()
            # Waiting inside the server would hold a snapshot, for which CREATE INDEX CONCURRENTLY of the
            # holder waits in its turn: a circle that the server does not see.
            while not _acquire(connection, name):
                time.sleep(_PAUSE_SECONDS)
        yield


@contextlib.contextmanager
def advisory_lock_at_once(*, name: str, alias: str) -> Iterator[None]:
    """Hold the lock `name` of the database, or raise LockHeld."""
    with _separate_connection(alias) as connection:
        if not _acquire(connection, name):
            raise LockHeld(_find_holder(connection, name))
        yield


@contextlib.contextmanager
def _separate_connection(alias: str) -> Iterator[BaseDatabaseWrapper]:
    connection = connections[alias].copy(alias=NO_DB_ALIAS)
    try:
        yield connection
    finally:
        connection.close()


def _acquire(connection: BaseDatabaseWrapper, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])


def _find_holder(connection: BaseDatabaseWrapper, name: str) -> Holder | None:
    with connection.cursor() as cursor:
        cursor.execute(_HOLDER, [name])
        row = cursor.fetchone()
    if row is None:
        return None
    pid, user, client, since = row
    return Holder(pid=pid, user=user, client=client, since=since)
