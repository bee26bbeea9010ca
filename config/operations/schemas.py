"""The PostgreSQL schema of DB_SCHEMA, which holds the tables."""

from typing import cast

from django.conf import settings
from django.db import connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper

from audit.schemas import hidden_schema
from config.databases import schema_name
from config.operations.privileges import grant_privileges

_LOCK_TIMEOUT = "10s"


class NotDevelopment(Exception):
    """Only a development database may be emptied."""


def require_schema(*, alias: str) -> None:
    """Raise the server's own error when the schema is missing; a test database, being new, gets it."""
    connection = connections[alias]
    schema = schema_name(database=connection.settings_dict)
    with connection.cursor() as cursor:
        if settings.ENVIRONMENT == "test":
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {connection.ops.quote_name(schema)}")
        else:
            # Otherwise the tables would go to the next schema of the search path, without a word.
            cursor.execute("SELECT %s::regnamespace", [schema])


def recreate_schema(*, alias: str) -> str:
    """Drop the schema with everything in it and what records it, create it empty, and return its name."""
    if settings.ENVIRONMENT != "development":
        raise NotDevelopment(settings.ENVIRONMENT)
    connection = connections[alias]
    schema = schema_name(database=connection.settings_dict)
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
        for name in (schema, hidden_schema(database=connection.settings_dict)):
            cursor.execute(f"DROP SCHEMA IF EXISTS {connection.ops.quote_name(name)} CASCADE")
        cursor.execute(f"CREATE SCHEMA {connection.ops.quote_name(schema)}")
    grant_privileges(connection=cast("DatabaseWrapper", connection))
    return schema
