"""What a change of a column's type would have to do: asked of PostgreSQL, on tables that never come to be."""

from collections.abc import Iterable

from django.db import NotSupportedError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import truncate_name

from config.migration_operations.conversion import PLACEHOLDER
from config.migration_operations.statement_parts import LONGEST_NAME, quoted

_IS_SAME = """
    SELECT count(DISTINCT (atttypid, atttypmod, attcollation)) = 1 FROM pg_attribute
    WHERE attrelid IN (to_regclass(%(table)s), to_regclass(%(model)s)) AND attname = %(column)s
"""
# A table or index that is rewritten gets another file. Checks of the column are tested with every row.
_FILES = """
    SELECT array_agg(pg_relation_filenode(oid) ORDER BY oid), EXISTS (
            SELECT FROM pg_constraint
            JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey) AND attname = %(column)s
            WHERE conrelid = to_regclass(%(table)s) AND contype = 'c'
        )
    FROM pg_class
    WHERE oid = to_regclass(%(table)s)
        OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = to_regclass(%(table)s))
"""


def has_type(connection: BaseDatabaseWrapper, *, table: str, column: str, definition: str) -> bool:
    """Return whether the column is what `definition`, a type with its collation, would make it."""
    model = truncate_name(f"{table}__type", LONGEST_NAME)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {quoted(model)} ({quoted(column)} {definition})")
        cursor.execute(_IS_SAME, {"table": quoted(table), "model": quoted(model), "column": column})
        (is_same,) = cursor.fetchone()
        transaction.set_rollback(True, using=connection.alias)
    return bool(is_same)


def reads_all_rows(
    connection: BaseDatabaseWrapper,
    *,
    table: str,
    column: str,
    besides: Iterable[str],
    definition: str,
    expression: str,
) -> bool:
    """Return whether ALTER COLUMN TYPE would rewrite or read the table or an index of it, under its lock.

    The columns `besides`, where they are, do not count.
    """
    copy = truncate_name(f"{table}__type", LONGEST_NAME)
    parameters = {"table": quoted(copy), "column": column}
    alter = f"ALTER TABLE {quoted(copy)} ALTER COLUMN {quoted(column)}"
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {quoted(copy)} (LIKE {quoted(table)} INCLUDING ALL)")
        for each in besides:
            cursor.execute(f"ALTER TABLE {quoted(copy)} DROP COLUMN IF EXISTS {quoted(each)} CASCADE")
        cursor.execute(_FILES, parameters)
        before, has_checks = cursor.fetchone()
        cursor.execute(f"{alter} DROP DEFAULT")
        try:
            cursor.execute(
                f"{alter} TYPE {definition} USING {expression.replace(PLACEHOLDER, quoted(column))}"
            )
            cursor.execute(_FILES, parameters)
            after, _has_checks = cursor.fetchone()
        except NotSupportedError:  # Something uses the column; what that is, others find out.
            after = None
        transaction.set_rollback(True, using=connection.alias)
    return bool(has_checks or after != before)
