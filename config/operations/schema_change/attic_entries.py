"""What lies in the attic: tables there, each with a comment that says where it came from."""

import datetime
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.dateparse import parse_datetime

from config.databases import schema_name
from config.operations.models import Direction
from config.operations.schema import ATTIC
from config.operations.schema_change.sizes import TableSize

# PostgreSQL's names have 63 bytes at most; the indexes of a table get a number more.
_LONGEST_PART = 24
_LIST = """
    SELECT relname, obj_description(oid, 'pg_class'), pg_total_relation_size(oid),
           greatest(reltuples, 0)::bigint,
           EXISTS (SELECT FROM pg_proc WHERE pronamespace = relnamespace AND proname = relname)
      FROM pg_class
     WHERE relnamespace = to_regnamespace(%s) AND relkind = 'r'
     ORDER BY oid
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where data come from and belong to; `column` is empty for a whole table."""

    migration: str
    position: int
    direction: Direction
    table: str
    column: str = ""

    @property
    def way_back(self) -> Direction:
        return Direction.REVERT if self.direction is Direction.APPLY else Direction.APPLY

    def __str__(self) -> str:
        return f"{self.table}.{self.column}" if self.column else self.table


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A table in the attic; the direction of its place is the one in which its migration dropped it.

    `details` is what bringing it back needs. `rows` is an estimate and `bytes` includes indexes. While
    `is_growing`, a trigger still copies what is written to the column.
    """

    name: str
    place: Place
    at: datetime.datetime
    details: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0
    bytes: int = 0
    is_growing: bool = False

    @property
    def is_large(self) -> bool:
        return TableSize(rows=self.rows, bytes=self.bytes).is_large

    @property
    def quoted(self) -> str:
        return f'{ATTIC}."{self.name}"'


def new_name(*, place: Place) -> str:
    parts = [part[:_LONGEST_PART] for part in (place.table, place.column) if part]
    return "_".join([*parts, secrets.token_hex(3)])


def list_attic(*, connection: DatabaseWrapper) -> tuple[Entry, ...]:
    """Return what was dropped from the application's schema, the oldest first."""
    schema = schema_name(database=connection.settings_dict)
    with connection.cursor() as cursor:
        cursor.execute(_LIST, [ATTIC])
        found = [_read(*row, schema=schema) for row in cursor.fetchall()]
    return tuple(sorted((entry for entry in found if entry), key=lambda entry: entry.at))


def find_entry(*, connection: DatabaseWrapper, place: Place, is_growing: bool = False) -> Entry | None:
    """Return what was dropped last at `place`, in its direction, or what is about to be."""
    found = [
        entry
        for entry in list_attic(connection=connection)
        if entry.place == place and entry.is_growing == is_growing
    ]
    return found[-1] if found else None


def describe_entry(*, connection: DatabaseWrapper, entry: Entry) -> None:
    """Write down where the table came from, as the comment that `list_attic` reads."""
    facts = {
        "schema": schema_name(database=connection.settings_dict),
        "migration": entry.place.migration,
        "position": entry.place.position,
        "direction": entry.place.direction.value,
        "table": entry.place.table,
        "column": entry.place.column,
        "at": entry.at.isoformat(),
        **entry.details,
    }
    comment = connection.ops.compose_sql("%s", [json.dumps(facts, ensure_ascii=False)])
    with connection.cursor() as cursor:
        cursor.execute(f"COMMENT ON TABLE {entry.quoted} IS {comment}")


def require_attic(*, connection: DatabaseWrapper) -> None:
    """Create the schema, which the application's role has no way into."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NULL", [ATTIC])
        if cursor.fetchone()[0]:
            cursor.execute(f"CREATE SCHEMA {ATTIC}")
            cursor.execute(f"COMMENT ON SCHEMA {ATTIC} IS 'What migrations have dropped'")


def remove_entry(*, connection: DatabaseWrapper, entry: Entry) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {entry.quoted}")


def _read(
    name: str, comment: str | None, size: int, rows: int, is_growing: bool, *, schema: str
) -> Entry | None:
    """Return None for a table that somebody else has put there, or that came from another schema."""
    try:
        facts = json.loads(comment or "")
        if facts.pop("schema") != schema:
            return None
        place = Place(
            migration=facts.pop("migration"),
            position=facts.pop("position"),
            direction=Direction(facts.pop("direction")),
            table=facts.pop("table"),
            column=facts.pop("column"),
        )
        at = parse_datetime(facts.pop("at"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if at is None:
        return None
    return Entry(name=name, place=place, at=at, details=facts, rows=rows, bytes=size, is_growing=is_growing)
