"""The table that changes its type in the tests, and what is looked at before and after."""

from django.db import models

from config.migration_operations.change_type import ChangeTypeOnline
from tests.config.migration_operations.conftest import query

WIDEN = ChangeTypeOnline(
    "Parcel", "weight", models.BigIntegerField(db_index=True, db_comment="Grams", db_default=5)
)
DEFINITIONS = """
    SELECT 'column ' || attname || ' ' || format_type(atttypid, atttypmod)
           || CASE WHEN attnotnull THEN ' not null' ELSE '' END
           || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
           || coalesce(' comment ' || col_description(attrelid, attnum), '')
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = 'budget_parcel'::regclass AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' invalid' END
    FROM pg_index WHERE indrelid = 'budget_parcel'::regclass
    UNION ALL
    SELECT conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE conrelid = 'budget_parcel'::regclass
    UNION ALL
    SELECT pg_get_triggerdef(oid) FROM pg_trigger
    WHERE tgrelid = 'budget_parcel'::regclass AND NOT tgisinternal
    UNION ALL
    SELECT 'function ' || proname FROM pg_proc WHERE proname LIKE 'zz%%'
    UNION ALL
    SELECT 'unfinished ' || step FROM unfinished_steps
    ORDER BY 1
"""


def parcel_of(table, field, *values):
    """Make a table with one column, and a row for each of the values."""
    state = table("Parcel", weight=field)
    for value in values:
        query("INSERT INTO budget_parcel (weight) VALUES (%s)", value)
    return state


def definitions():
    return [definition for (definition,) in query(DEFINITIONS)]


def weights(column="weight"):
    return [weight for (weight,) in query(f"SELECT {column} FROM budget_parcel ORDER BY id")]


def type_of(column="weight"):
    found = query(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'budget_parcel'::regclass AND attname = %s",
        column,
    )
    return found[0][0] if found else None
