"""How many rows stand against a rule that was to be made; never what they say."""

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

# Rows that have the same values as another one. An index that could not be built tells what it was to hold.
_INDEX = """
    SELECT array(SELECT pg_get_indexdef(indexrelid, place, true)
                   FROM generate_series(1, indnkeyatts::integer) AS place),
           coalesce(pg_get_expr(indpred, indrelid), 'true'),
           indnullsnotdistinct
      FROM pg_index
     WHERE indexrelid = (SELECT oid FROM pg_class WHERE relname = %s AND relnamespace = (
               SELECT relnamespace FROM pg_class WHERE oid = to_regclass(%s)))
"""
_CONSTRAINT = """
    SELECT contype, pg_get_expr(conbin, conrelid), confrelid::regclass::text,
           array(SELECT format('own.%%I = other.%%I', own.attname, other.attname)
                   FROM unnest(conkey, confkey) AS pair (own_number, other_number)
                   JOIN pg_attribute AS own ON own.attrelid = conrelid AND own.attnum = own_number
                   JOIN pg_attribute AS other ON other.attrelid = confrelid AND other.attnum = other_number),
           array(SELECT format('own.%%I IS NOT NULL', attname) FROM pg_attribute
                  WHERE attrelid = conrelid AND attnum = ANY (conkey))
      FROM pg_constraint
     WHERE conname = %s AND conrelid = to_regclass(%s)
"""


@dataclass(frozen=True, kw_only=True)
class Violation:
    rule: str
    table: str
    rows: int


def count_duplicates(*, connection: BaseDatabaseWrapper, table: str, index: str) -> Violation:
    """Count the rows of which a unique index, which is there but invalid, would have to refuse some."""
    quoted = connection.ops.quote_name(table)
    with connection.cursor() as cursor:
        cursor.execute(_INDEX, [index, quoted])
        row = cursor.fetchone()
        if row is None:
            return Violation(rule=index, table=table, rows=0)
        expressions, condition, nulls_count = row
        if not nulls_count:
            condition = " AND ".join([f"({condition})", *(f"({each}) IS NOT NULL" for each in expressions)])
        cursor.execute(
            f"SELECT coalesce(sum(count), 0) FROM (SELECT count(*) FROM {quoted} WHERE {condition}"  # noqa: S608 - of the catalogue
            f" GROUP BY {', '.join(expressions)} HAVING count(*) > 1) AS same"
        )
        return Violation(rule=index, table=table, rows=int(cursor.fetchone()[0]))


def count_violations(*, connection: BaseDatabaseWrapper, table: str, constraint: str) -> Violation:
    """Count the rows against a CHECK or a foreign key, which is there but not validated."""
    quoted = connection.ops.quote_name(table)
    with connection.cursor() as cursor:
        cursor.execute(_CONSTRAINT, [constraint, quoted])
        kind, expression, other, pairs, filled = cursor.fetchone()
        rule = constraint if kind == "f" else f"{constraint} {expression}"
        if kind == "f":
            condition = (
                f"{' AND '.join(filled)} AND NOT EXISTS "
                f"(SELECT FROM {other} AS other WHERE {' AND '.join(pairs)})"
            )
        else:
            condition = f"NOT ({expression})"
        cursor.execute(f"SELECT count(*) FROM {quoted} AS own WHERE {condition}")  # noqa: S608 - the same
        return Violation(rule=rule, table=table, rows=int(cursor.fetchone()[0]))
