"""Fills an empty database from a dump, and tells meanwhile how large it has become."""

import contextlib
from pathlib import Path

import psycopg
from django.db.backends.postgresql.base import DatabaseWrapper

from config.operations.neighbours import server_session
from config.operations.postgres import restore_archive
from config.operations.progress import BYTES, Progress
from config.operations.snapshot import Session


def fill_database(*, connection: DatabaseWrapper, dump: Path, size: int, progress: Progress) -> None:
    """Restore `dump` into the database of `connection`; `size` is the one, in bytes, that was dumped."""
    name, seen, sessions = connection.settings_dict["NAME"], 0, contextlib.ExitStack()
    server: Session | None = None

    def read_size() -> int:
        nonlocal server, seen
        with contextlib.suppress(psycopg.Error):  # The server may be about to end.
            server = server or sessions.enter_context(server_session(connection=connection))
            [[seen]] = server.execute("SELECT pg_database_size(%s)", [name]).fetchall()
        return seen

    with sessions, progress.watch(size, unit=BYTES, read=read_size):
        restore_archive(connection=connection, file=dump)
