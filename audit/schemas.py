"""The schema that the application's role cannot see: the functions that write the audit trail are there."""

from collections.abc import Mapping
from typing import Any

from psycopg.sql import Identifier

from config.databases import schema_name


def hidden_schema(*, database: Mapping[str, Any]) -> str:
    """Return its name, from one entry of DATABASES; each schema of tables has one of its own."""
    schema = schema_name(database=database)
    return "audit" if schema == "public" else f"{schema}_audit"


def fill_in(sql: str, *, database: Mapping[str, Any]) -> str:
    """Return SQL with the names of the two schemas where it says `{hidden}` and `{tables}`."""
    hidden, tables = hidden_schema(database=database), schema_name(database=database)
    for name, schema in (("{hidden}", hidden), ("{tables}", tables)):
        sql = sql.replace(name, Identifier(schema).as_string())
    return sql
