"""What the catalogue of a database tells about a statement that the statement itself does not."""

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
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
# What a view reads, by the columns that its rule depends on.
_VIEWS = f"""
    WITH {_TABLE_NAMES}
    SELECT DISTINCT view.name, source.name, coalesce(attname::text, '')
      FROM pg_rewrite
      JOIN table_names AS view ON view.oid = ev_class AND view.relkind IN ('v', 'm')
      JOIN pg_depend ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
                    AND refclassid = 'pg_class'::regclass AND refobjid <> ev_class
      JOIN table_names AS source ON source.oid = refobjid
      LEFT JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid AND attnum > 0
"""  # noqa: S608
_SEQUENCE_USERS = f"""
    WITH {_TABLE_NAMES}
    SELECT sequence.name, user_table.name
      FROM pg_depend
      JOIN table_names AS sequence ON sequence.oid = refobjid AND sequence.relkind = 'S'
      JOIN pg_attrdef ON pg_attrdef.oid = objid
      JOIN table_names AS user_table ON user_table.oid = adrelid
     WHERE classid = 'pg_attrdef'::regclass AND refclassid = 'pg_class'::regclass
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
    views: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    sequence_users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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

    def constraints_on(self, table: str, column: str) -> tuple[Constraint, ...]:
        return tuple(found for found in self.constraints if found.table == table and column in found.columns)

    def proves_not_null(self, table: str, column: str) -> bool:
        """Tell whether a validated CHECK says so, alone or as one of several conditions joined by AND."""
        condition = re.compile(rf'(?<![\w."])"?{re.escape(column)}"? IS NOT NULL\b', re.IGNORECASE)
        return any(
            item.table == table
            and item.kind == "c"
            and item.is_validated
            and condition.search(item.definition)
            for item in self.constraints
            if not re.search(r"\b(?:OR|CASE|NOT \()", item.definition, re.IGNORECASE)
        )

    def indexes_on(self, table: str, column: str) -> tuple[Index, ...]:
        return tuple(item for item in self.indexes.values() if item.table == table and column in item.columns)

    def views_of(self, table: str, column: str = "") -> tuple[str, ...]:
        """Return the views of a table, or of one of its columns, and the views of those."""
        direct = [
            view
            for view, sources in self.views.items()
            if any(source == table and column in ("", name) for source, name in sources)
        ]
        return (*direct, *(above for view in direct for above in self.views_of(view)))

    def sources_of(self, view: str) -> tuple[str, ...]:
        """Return the tables that a view reads, and the views on the way to them."""
        direct = dict.fromkeys(source for source, _column in self.views.get(view, ()))
        return (*direct, *(below for source in direct for below in self.sources_of(source)))

    def descendants(self, table: str) -> tuple[str, ...]:
        """Return the partitions of a table, and what else inherits from it, all the way down."""
        children = self.children.get(table, ())
        return (*children, *(below for child in children for below in self.descendants(child)))


def read_catalogue(*, connection: DatabaseWrapper) -> Catalogue:
    """Read what may matter to any statement: a handful of queries, none of them of a table of ours."""
    schema = schema_name(database=connection.settings_dict)
    rows = functools.partial(_rows, connection, schema)
    columns: dict[str, dict[str, Column]] = defaultdict(dict)
    for table, name, type_, is_not_null in rows(_COLUMNS):
        columns[table][name] = Column(type=type_, is_not_null=is_not_null)
    [(time_zone,)] = rows(_TIME_ZONE)
    return Catalogue(
        schema=schema,
        columns=dict(columns),
        constraints=tuple(_constraint(*row) for row in rows(_CONSTRAINTS)),
        indexes={name: _index(*row) for name, *row in rows(_INDEXES)},
        children=_grouped(rows(_CHILDREN)),
        views={
            view: frozenset(sources)
            for view, sources in _grouped((view, tuple(source)) for view, *source in rows(_VIEWS)).items()
        },
        sequence_users=_grouped(rows(_SEQUENCE_USERS)),
        volatile_functions=frozenset(name for (name,) in rows(_VOLATILE_FUNCTIONS)),
        domains=frozenset(name for (name,) in rows(_DOMAINS)),
        binary_casts=frozenset(rows(_BINARY_CASTS)),
        time_zone=time_zone,
    )


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, tuple[Any, ...]]:
    groups: dict[str, tuple[Any, ...]] = defaultdict(tuple)
    for name, value in pairs:
        groups[name] += (value,)
    return dict(groups)


def _index(table: str, columns: list[str], is_plain: bool) -> Index:
    return Index(table=table, columns=tuple(columns), is_plain=is_plain)


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
