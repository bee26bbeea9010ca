"""Django's schema editor without a server: it writes the SQL that it would run, and asks nobody.

What it would look up in a database (the name of a constraint, a sequence) is made up: no rule reads it.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.backends.postgresql.psycopg_any import sql
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.models import Model

from config.cluster import OLDEST_MAJOR

_MADE_UP_NAME = "name_in_the_database"


class NeedsServer(Exception):
    """An operation asks the database something before it knows its SQL."""


class _OfflineOperations(DatabaseOperations):
    def compose_sql(self, query: str, params: Sequence[Any]) -> str:
        return query % tuple(sql.quote(value, None) for value in params)


class OfflineEditor(DatabaseSchemaEditor):
    def _constraint_names(self, model: type[Model], *args: Any, **kwargs: Any) -> list[str]:
        return [_MADE_UP_NAME]

    def _get_sequence_name(self, table: str, column: str) -> None:
        return None

    def _is_collation_deterministic(self, collation_name: str) -> bool:
        return True


class OfflineConnection(DatabaseWrapper):
    SchemaEditorClass = OfflineEditor
    ops_class = _OfflineOperations
    pg_version = OLDEST_MAJOR * 10_000

    def cursor(self) -> NoReturn:
        raise NeedsServer


def offline_connection() -> OfflineConnection:
    return OfflineConnection(connections.settings[DEFAULT_DB_ALIAS], DEFAULT_DB_ALIAS)
