"""What the catalogue of a database tells about a statement that the statement itself does not."""

import functools
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper

from config.databases import schema_name

# Names as in the application's SQL: with the schema only where it is another one.
_NAME = "CASE WHEN nspname = %(schema)s THEN relname ELSE nspname || '.' || relname END"
_TABLE_NAMES = f"""
    table_names AS (
        SELECT pg_class.oid, {_NAME} AS name, relkind
          FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE nspname <> 'information_schema' AND nspname !~ '^pg_'
    )
"""  # noqa: S608 - no value from outside
_COLUMNS = f"""
    WITH {_TABLE_NAMES}
    SELECT name, attname, format_type(atttypid, atttypmod), attnotnull
      FROM table_names JOIN pg_attribute ON attrelid = table_names.oid
     WHERE relkind IN ('r', 'p', 'm', 'v', 'f') AND attnum > 0 AND NOT attisdropped
"""  # noqa: S608
_CONSTRAINTS = f"""
    WITH {_TABLE_NAMES}
    SELECT own.name, conname, contype::text, convalidated, coalesce(other.name, ''),
           ARRAY(SELECT attname::text FROM pg_attribute
                  WHERE attrelid = conrelid AND attnum = ANY (conkey)),
           ARRAY(SELECT attname::text FROM pg_attribute
                  WHERE attrelid = confrelid AND attnum = ANY (confkey)),
           pg_get_constraintdef(pg_constraint.oid)
      FROM pg_constraint
      JOIN table_names AS own ON own.oid = conrelid
      LEFT JOIN table_names AS other ON other.oid = confrelid
     WHERE contype IN ('c', 'f', 'p', 'u', 'x')
"""  # noqa: S608
# Of an expression or a condition only the dependencies tell which columns it names.
_INDEXES = f"""
    WITH {_TABLE_NAMES}
    SELECT own.name, indexed.name,
           ARRAY(SELECT attname::text FROM pg_depend
                   JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
                  WHERE classid = 'pg_class'::regclass AND objid = indexrelid
                    AND refclassid = 'pg_class'::regclass AND refobjid = indrelid
                  UNION
                 SELECT attname::text FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY (indkey)),
           indexprs IS NULL AND indpred IS NULL
      FROM pg_index
      JOIN table_names AS own ON own.oid = indexrelid
      JOIN table_names AS indexed ON indexed.oid = indrelid
"""  # noqa: S608
_CHILDREN = f"""
    WITH {_TABLE_NAMES}
    SELECT parent.name, child.name
      FROM pg_inherits
      JOIN table_names AS parent ON parent.oid = inhparent AND parent.relkind IN ('r', 'p')
      JOIN table_names AS child ON child.oid = inhrelid
"""  # noqa: S608
_VOLATILE_FUNCTIONS = "SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v'"
# A domain with a constraint, even of a domain below it, is checked for each row.
_DOMAINS = "SELECT typname FROM pg_type WHERE typtype = 'd'"
_BINARY_CASTS = """
    SELECT format_type(castsource, NULL), format_type(casttarget, NULL) FROM pg_cast WHERE castmethod = 'b'
"""
_TIME_ZONE = "SELECT current_setting('TimeZone')"


@dataclass(frozen=True, kw_only=True)
class Column:
    type: str
    is_not_null: bool


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """`kind` is the letter of pg_constraint: c, f, p, u or x."""

    table: str
    name: str
    kind: str
    is_validated: bool
    columns: tuple[str, ...]
    other_table: str
    other_columns: tuple[str, ...]
    definition: str


@dataclass(frozen=True, kw_only=True)
class Index:
    """`is_plain` if it is of columns only, and of all rows."""

    table: str
    columns: tuple[str, ...]
    is_plain: bool


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A copy, read at one moment."""

    schema: str
    columns: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    indexes: Mapping[str, Index] = field(default_factory=dict)
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    volatile_functions: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    binary_casts: frozenset[tuple[str, str]] = frozenset()
    time_zone: str = ""

    def column(self, table: str, name: str) -> Column | None:
        return self.columns.get(table, {}).get(name)

    def foreign_keys_of(self, table: str) -> tuple[Constraint, ...]:
        return tuple(found for found in self.constraints if found.kind == "f" and found.table == table)

    def foreign_keys_to(self, table: str) -> tuple[Constraint, ...]:
        return tuple(found for found in self.constraints if found.kind == "f" and found.other_table == table)

    def constraint(self, table: str, name: str) -> Constraint | None:
        return next((found for found in self.constraints if (found.table, found.name) == (table, name)), None)

    def constraints_of_column(self, table: str, column: str) -> tuple[Constraint, ...]:
        return tuple(found for found in self.constraints if found.table == table and column in found.columns)

    def proves_not_null(self, table: str, column: str) -> bool:
        """Tell whether a validated CHECK says so, alone or as one of several conditions joined by AND."""
        condition = re.compile(rf'\("?{re.escape(column)}"? IS NOT NULL\)')
        return any(
            item.kind == "c" and item.is_validated and condition.search(item.definition)
            for item in self.constraints_of_column(table, column)
            if not re.search(r"\b(OR|CASE|NOT \()", item.definition)
        )

    def fragile_indexes(self, table: str, column: str) -> tuple[str, ...]:
        """Return the indexes of a column that are built again whenever its type changes."""
        return tuple(
            name
            for name, index in self.indexes.items()
            if index.table == table and column in index.columns and not index.is_plain
        )

    def descendants(self, table: str) -> tuple[str, ...]:
        """Return the partitions of a table, and what else inherits from it, all the way down."""
        children = self.children.get(table, ())
        return (*children, *(below for child in children for below in self.descendants(child)))


def read_catalogue(*, connection: DatabaseWrapper) -> Catalogue:
    schema = schema_name(database=connection.settings_dict)
    rows = functools.partial(_rows, connection, schema)
    tables: dict[str, dict[str, Column]] = defaultdict(dict)
    for table, name, type_, is_not_null in rows(_COLUMNS):
        tables[table][name] = Column(type=type_, is_not_null=is_not_null)
    children: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for parent, child in rows(_CHILDREN):
        children[parent] += (child,)
    [(time_zone,)] = rows(_TIME_ZONE)
    return Catalogue(
        schema=schema,
        columns=dict(tables),
        constraints=tuple(_constraint(*row) for row in rows(_CONSTRAINTS)),
        indexes={
            name: Index(table=table, columns=tuple(columns), is_plain=is_plain)
            for name, table, columns, is_plain in rows(_INDEXES)
        },
        children=dict(children),
        volatile_functions=frozenset(name for (name,) in rows(_VOLATILE_FUNCTIONS)),
        domains=frozenset(name for (name,) in rows(_DOMAINS)),
        binary_casts=frozenset(rows(_BINARY_CASTS)),
        time_zone=time_zone,
    )


def _constraint(
    table: str,
    name: str,
    kind: str,
    is_validated: bool,
    other_table: str,
    columns: list[str],
    other_columns: list[str],
    definition: str,
) -> Constraint:
    return Constraint(
        table=table,
        name=name,
        kind=kind,
        is_validated=is_validated,
        columns=tuple(columns),
        other_table=other_table,
        other_columns=tuple(other_columns),
        definition=definition,
    )


def _rows(connection: DatabaseWrapper, schema: str, query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"schema": schema})
        rows: list[Any] = cursor.fetchall()
    return rows
