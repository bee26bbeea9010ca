"""Refuses PostgreSQL servers that are older than what the project is tested with."""

from typing import Any

from django.db import NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper

from config.cluster import OLDEST_MAJOR


def refuse_old_server(*, connection: BaseDatabaseWrapper, **signal: Any) -> None:
    """Raise NotSupportedError, as Django does for what it cannot use. A receiver of connection_created."""
    version = connection.get_database_version()
    if version < (OLDEST_MAJOR,):
        connection.close()
        raise NotSupportedError(f"PostgreSQL {OLDEST_MAJOR} or later is required (found {version[0]}).")
