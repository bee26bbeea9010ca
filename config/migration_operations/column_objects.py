"""What hangs on a column: indexes and constraints, and how each would read on another column.

PostgreSQL itself rewrites the definitions, on an empty copy of the table in a transaction that is rolled
back. It only reads the definition of the table, which stands in nobody's way.
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import truncate_name

from config.migration_operations.statement_parts import LONGEST_NAME, quoted


class Kind(enum.Enum):
    INDEX = "index"
    UNIQUE = "unique constraint"
    CHECK = "check constraint"
    FOREIGN_KEY = "foreign key"


@dataclass(frozen=True, kw_only=True)
class ColumnObject:
    """`definition` is what follows the name of the index or constraint, on the other column.

    For indexes that is what follows USING. `refers_to` is the table a foreign key leads to.
    """

    kind: Kind
    name: str
    definition: str
    is_unique: bool = False
    deferrable: str = ""
    is_valid: bool = True
    refers_to: str = ""

    @property
    def temporary_name(self) -> str:
        return truncate_name(f"{self.name}__new", LONGEST_NAME)

    @property
    def is_index(self) -> bool:
        return self.kind in (Kind.INDEX, Kind.UNIQUE)


_NUMBER = """
    SELECT attnum FROM pg_attribute
    WHERE attrelid = to_regclass(%(table)s) AND attname = %(column)s AND NOT attisdropped
"""
_INDEXES = """
    SELECT relname, substring(pg_get_indexdef(pg_index.indexrelid) FROM ' USING (.*)$'), indisunique,
           conname IS NOT NULL,
           CASE WHEN condeferred THEN ' DEFERRABLE INITIALLY DEFERRED'
                WHEN condeferrable THEN ' DEFERRABLE' ELSE '' END
    FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid
    LEFT JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u', 'x')
    WHERE indrelid = to_regclass(%(table)s) AND (
        %(number)s = ANY (indkey::int2[])
        OR EXISTS (
            SELECT FROM pg_depend
            WHERE classid = 'pg_class'::regclass AND objid = indexrelid
                AND refclassid = 'pg_class'::regclass AND refobjid = indrelid
                AND refobjsubid = %(number)s
        )
    )
    ORDER BY relname
"""
_CONSTRAINTS = """
    SELECT conname, contype = 'f', regexp_replace(pg_get_constraintdef(pg_constraint.oid), ' NOT VALID$', ''),
           convalidated, coalesce(relname, ''),
           ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS key (number, position)
                 JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY position)
    FROM pg_constraint LEFT JOIN pg_class ON pg_class.oid = confrelid
    WHERE conrelid = to_regclass(%(table)s) AND contype IN ('c', 'f') AND %(number)s = ANY (conkey)
    ORDER BY conname
"""
# All but what is rebuilt, and the column's own default. A primary key may be referred to from anywhere.
_OBSTACLES = """
    SELECT pg_describe_object(classid, objid, objsubid)
    FROM pg_depend
    WHERE refclassid = 'pg_class'::regclass AND refobjid = to_regclass(%(table)s)
        AND refobjsubid = %(number)s
        AND CASE classid
            WHEN 'pg_constraint'::regclass THEN NOT EXISTS (
                SELECT FROM pg_constraint
                WHERE oid = objid AND conrelid = refobjid AND contype IN ('c', 'f', 'u')
                    AND (contype <> 'f' OR confrelid <> conrelid OR NOT %(number)s = ANY (confkey)))
            WHEN 'pg_attrdef'::regclass THEN NOT EXISTS (
                SELECT FROM pg_attrdef
                JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
                WHERE pg_attrdef.oid = objid AND adnum = refobjsubid AND attgenerated = '')
            WHEN 'pg_class'::regclass THEN NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = objid)
            ELSE true END
    UNION
    SELECT format('%%s.%%s: %%s', attrelid::regclass, attname, attacl) FROM pg_attribute
    WHERE attrelid = to_regclass(%(table)s) AND attnum = %(number)s AND attacl IS NOT NULL
    ORDER BY 1
"""
_COPIED_INDEXES = """
    SELECT indexrelid, substring(pg_get_indexdef(indexrelid) FROM ' USING (.*)$')
    FROM pg_index WHERE indrelid = to_regclass(%(table)s)
"""


def read_column_objects(
    connection: BaseDatabaseWrapper, *, table: str, column: str, other: str
) -> tuple[ColumnObject, ...]:
    """Return what hangs on `column`, defined on `other`, which exists; what is of both is left out."""
    indexes, checks = _definitions_on_other(connection, table, column, other)
    return (
        *_read_indexes(connection, table, column, indexes),
        *_read_constraints(connection, table, column, other, checks),
    )


def _definitions_on_other(
    connection: BaseDatabaseWrapper, table: str, column: str, other: str
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the definitions of indexes, by what they are now, and of checks, by name."""
    copy = truncate_name(f"{table}__definitions", LONGEST_NAME)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {quoted(copy)} (LIKE {quoted(table)} INCLUDING ALL)")
        cursor.execute(f"ALTER TABLE {quoted(copy)} DROP COLUMN {quoted(other)} CASCADE")
        before = dict(_query(connection, _COPIED_INDEXES, table=copy))
        cursor.execute(f"ALTER TABLE {quoted(copy)} RENAME {quoted(column)} TO {quoted(other)}")
        after = dict(_query(connection, _COPIED_INDEXES, table=copy))
        checks = _query(connection, _CONSTRAINTS, table=copy, column=other)
        transaction.set_rollback(True, using=connection.alias)
    indexes = {before[index]: after[index] for index in before}
    return indexes, {name: definition for name, _is_key, definition, *_rest in checks}


def _read_indexes(
    connection: BaseDatabaseWrapper, table: str, column: str, definitions: Mapping[str, str]
) -> Iterator[ColumnObject]:
    rows = _query(connection, _INDEXES, table=table, column=column)
    for name, definition, is_unique, is_constraint, deferrable in rows:
        yield ColumnObject(
            kind=Kind.UNIQUE if is_constraint else Kind.INDEX,
            name=name,
            definition=definitions[definition],
            is_unique=is_unique,
            deferrable=deferrable,
        )


def _read_constraints(
    connection: BaseDatabaseWrapper, table: str, column: str, other: str, checks: Mapping[str, str]
) -> Iterator[ColumnObject]:
    rows = _query(connection, _CONSTRAINTS, table=table, column=column)
    for name, is_key, definition, is_valid, refers_to, columns in rows:
        if is_key:
            own = ", ".join(quoted(other if each == column else each) for each in columns)
            definition = f"FOREIGN KEY ({own}) REFERENCES{definition.partition(') REFERENCES')[2]}"
        elif name not in checks:
            continue
        yield ColumnObject(
            kind=Kind.FOREIGN_KEY if is_key else Kind.CHECK,
            name=name,
            definition=definition if is_key else checks[name],
            is_valid=is_valid,
            refers_to=refers_to,
        )


def find_obstacles(connection: BaseDatabaseWrapper, *, table: str, column: str) -> tuple[str, ...]:
    """Return, as the server describes it, what else depends on the column and would stay behind with it."""
    return tuple(name for (name,) in _query(connection, _OBSTACLES, table=table, column=column))


def _query(connection: BaseDatabaseWrapper, query: str, *, table: str, column: str = "") -> Any:
    parameters = {"table": quoted(table), "column": column}
    with connection.cursor() as cursor:
        cursor.execute(_NUMBER, parameters)
        number = (cursor.fetchone() or [0])[0]
        cursor.execute(query, {**parameters, "number": number})
        return cursor.fetchall()
