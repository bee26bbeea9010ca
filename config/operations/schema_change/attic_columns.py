"""Copies the values of a column into the attic, with the keys of their rows, and back by these."""

import contextlib
import copy
import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.models import NOT_PROVIDED, Field, Model
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.migration_operations.failures import OperationFailed
from config.operations.schema_change.attic_entries import (
    Entry,
    Place,
    describe_entry,
    new_name,
    remove_entry,
    require_attic,
)

# The primary key, or another one that no row is without, but for the column itself.
_KEY = """
    SELECT array_agg(quote_ident(attname) ORDER BY place)
      FROM pg_index, unnest(indkey) WITH ORDINALITY AS part (number, place), pg_attribute
     WHERE indrelid = %(table)s::regclass AND indisunique AND indisvalid AND indpred IS NULL
       AND indimmediate AND attrelid = indrelid AND attnum = number AND place <= indnkeyatts
     GROUP BY indexrelid, indisprimary, indnkeyatts
    HAVING bool_and(attnotnull AND attname <> %(column)s) AND count(*) = indnkeyatts
     ORDER BY indisprimary DESC, count(*)
     LIMIT 1
"""
_EXISTS = """
    SELECT EXISTS (SELECT FROM pg_attribute
                    WHERE attrelid = to_regclass(%s) AND attname = %s AND NOT attisdropped)
"""
_TRIGGERS = """
    SELECT quote_ident(tgname), tgenabled::text
      FROM pg_trigger
     WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled <> 'D'
     ORDER BY tgname
"""
_ENABLING = {"O": "ENABLE TRIGGER", "R": "ENABLE REPLICA TRIGGER", "A": "ENABLE ALWAYS TRIGGER"}


class RowsWithoutValue(OperationFailed):
    """Rows that came after the column was dropped cannot be without a value; the message says how many."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """All names come quoted; `key` is empty where no row can be told from the others."""

    table: str
    name: str
    key: tuple[str, ...]
    keeps_nulls: bool

    @property
    def joined(self) -> str:
        return joined(key=self.key)

    @property
    def not_null(self) -> str:
        return f"ALTER TABLE {self.table} ALTER COLUMN {self.name} SET NOT NULL"

    @property
    def selection(self) -> str:
        """Return the query of all that is kept."""
        where = "" if self.keeps_nulls else f" WHERE {self.name} IS NOT NULL"
        columns = ", ".join([*self.key, self.name]) if self.key else "*"
        return f"SELECT {columns} FROM {self.table}{where}"  # noqa: S608 - quoted names


def joined(*, key: Sequence[str]) -> str:
    """Return the condition that a row of the attic, `kept`, belongs to a row of the table, `live`."""
    return " AND ".join(f"kept.{part} = live.{part}" for part in key)


def column_exists(*, connection: DatabaseWrapper, place: Place) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_EXISTS, [connection.ops.quote_name(place.table), place.column])
        return bool(cursor.fetchone()[0])


def read_column(*, connection: DatabaseWrapper, place: Place, field: "Field[Any, Any]") -> Column:
    quote = connection.ops.quote_name
    table = quote(place.table)
    with connection.cursor() as cursor:
        cursor.execute(_KEY, {"table": table, "column": place.column})
        row = cursor.fetchone()
    # Only where a row that came later gets something else does its absence not mean NULL.
    keeps_nulls = field.null and (field.has_default() or field.has_db_default())
    return Column(
        table=table, name=quote(place.column), key=tuple(row[0]) if row else (), keeps_nulls=keeps_nulls
    )


def new_entry(
    *,
    connection: DatabaseWrapper,
    place: Place,
    column: Column,
    field: "Field[Any, Any]",
    at: datetime.datetime,
) -> Entry:
    details = {"key": list(column.key), "type": field.db_type(connection)}
    return Entry(name=new_name(place=place), place=place, at=at, details=details)


def copy_out(
    *, connection: DatabaseWrapper, place: Place, field: "Field[Any, Any]", at: datetime.datetime
) -> Entry:
    """Copy the values of a column that is about to be dropped in the same transaction."""
    require_attic(connection=connection)
    column = read_column(connection=connection, place=place, field=field)
    entry = new_entry(connection=connection, place=place, column=column, field=field, at=at)
    with connection.cursor() as cursor:
        # Nothing may be written between the copy and the drop.
        cursor.execute(f"LOCK TABLE {column.table} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"CREATE TABLE {entry.quoted} AS {column.selection}")
        if column.key:
            cursor.execute(f"ALTER TABLE {entry.quoted} ADD PRIMARY KEY ({', '.join(column.key)})")
    describe_entry(connection=connection, entry=entry)
    return entry


def can_come_back(*, connection: DatabaseWrapper, entry: Entry, field: "Field[Any, Any]") -> bool:
    """Whether the values find their rows, and are still of the type of the column."""
    return bool(entry.details.get("key")) and entry.details.get("type") == field.db_type(connection)


def bring_back(
    *, editor: DatabaseSchemaEditor, model: type[Model], field: "Field[Any, Any]", entry: Entry
) -> None:
    """Make the column, give each row its value, and the others the default. Raises RowsWithoutValue."""
    returning = Returning.of(editor=editor, field=field)
    DatabaseSchemaEditor.add_field(editor, model, returning.added)
    column = read_column(connection=editor.connection, place=entry.place, field=field)
    returning.fill(connection=editor.connection, column=column, entry=entry)
    if returning.needs_values:
        require_values(connection=editor.connection, column=column)
        editor.execute(column.not_null)
    remove_entry(connection=editor.connection, entry=entry)


def require_values(*, connection: DatabaseWrapper, column: Column) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {column.table} WHERE {column.name} IS NULL")  # noqa: S608
        [count] = cursor.fetchone()
    if count:
        raise RowsWithoutValue(describe_rows_without_value(table=column.table, name=column.name, count=count))


def describe_rows_without_value(*, table: str, name: str, count: int) -> str:
    sentence = ngettext(
        "%(count)d row of %(table)s came after the column %(column)s was dropped, and has no value for it.",
        "%(count)d rows of %(table)s came after the column %(column)s was dropped, and have no value for it.",
        count,
    ) % {"count": count, "table": table, "column": name}
    remedy = _("→ Give the field a default in the migration, or go back to a backup: manage.py restore")
    return f"{sentence}\n{remedy}"


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A part of a table: a condition on the key of `{row}`, and its parameters."""

    template: str = "true"
    parameters: tuple[str, ...] = ()

    def among(self, row: str) -> str:
        return self.template.replace("{row}", row)


ALL_ROWS = Rows()


@dataclass(frozen=True, kw_only=True)
class Returning:
    """How a column comes back: `added` is the field to begin with, which lets rows be without a value.

    Where the server gives every row the default at once, it is the field itself, and only the others change.
    """

    field: "Field[Any, Any]"
    added: "Field[Any, Any]"
    default: Any

    @classmethod
    def of(cls, *, editor: DatabaseSchemaEditor, field: "Field[Any, Any]") -> "Returning":
        default = None if field.has_db_default() else editor.effective_default(field)
        gets_default = field.has_db_default() or (default is not None and not field.unique)
        added = field if gets_default or field.null else _nullable(field)
        return cls(field=field, added=added, default=default)

    @property
    def needs_values(self) -> bool:
        return self.added is not self.field

    def fill(
        self, *, connection: DatabaseWrapper, column: Column, entry: Entry, rows: Rows = ALL_ROWS
    ) -> int:
        """Write the values back, unseen by the triggers of the table: as far as they know nothing happens."""
        with _triggers_disabled(connection, column.table), connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {column.table} AS live SET {column.name} = kept.{column.name} "  # noqa: S608
                # Twice, because from `live` alone the server does not conclude where to look in the attic.
                f"FROM {entry.quoted} AS kept "
                f"WHERE {column.joined} AND {rows.among('live')} AND {rows.among('kept')}"
                # Not every type can be compared, so only where it saves work.
                f"{'' if self.needs_values or self.default is None else _unlike(column)}",
                rows.parameters * 2,
            )
            count = cursor.rowcount
            if self.needs_values and self.default is not None:
                cursor.execute(
                    f"UPDATE {column.table} AS live SET {column.name} = %s "  # noqa: S608
                    f"WHERE NOT EXISTS (SELECT FROM {entry.quoted} AS kept WHERE {column.joined}) "
                    f"AND {rows.among('live')}",
                    [self.default, *rows.parameters],
                )
                count += cursor.rowcount
        return int(count)


def _unlike(column: Column) -> str:
    return f" AND live.{column.name} IS DISTINCT FROM kept.{column.name}"


@contextlib.contextmanager
def _triggers_disabled(connection: DatabaseWrapper, table: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(_TRIGGERS, [table])
        triggers = cursor.fetchall()
        if triggers:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for name, enabled in triggers:
            cursor.execute(f"ALTER TABLE {table} {_ENABLING[enabled]} {name}")


def _nullable(field: "Field[Any, Any]") -> "Field[Any, Any]":
    nullable = copy.copy(field)
    nullable.null = True
    nullable.default = NOT_PROVIDED
    for name in ("auto_now", "auto_now_add"):
        if hasattr(nullable, name):
            setattr(nullable, name, False)
    return nullable
