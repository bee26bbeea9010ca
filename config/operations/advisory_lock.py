"""One process at a time, agreed on through the database itself."""

import contextlib
import time
from collections.abc import Callable, Iterator

from django.db import connections
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper

_PAUSE_SECONDS = 0.2


@contextlib.contextmanager
def advisory_lock(*, name: str, alias: str, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock `name` of the database; where another process has it, call `on_wait` once and wait.

    The lock belongs to a connection of its own, so that it outlives what the work does to the other,
    and ends with the process.
    """
    connection = connections[alias].copy(alias=NO_DB_ALIAS)
    try:
        if not _acquire(connection, name):
            on_wait()
            # Waiting inside the server would hold a snapshot, for which CREATE INDEX CONCURRENTLY of the
            # holder waits in its turn: a circle that the server does not see.
            while not _acquire(connection, name):
                time.sleep(_PAUSE_SECONDS)
        yield
    finally:
        connection.close()


def _acquire(connection: BaseDatabaseWrapper, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])
