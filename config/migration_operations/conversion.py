"""How the values of one column become values of another type, and which ones cannot."""

import re
from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import truncate_name
from django.utils.translation import gettext as _

from config.migration_operations.failures import OperationFailed
from config.migration_operations.statement_parts import LONGEST_NAME, quoted

PLACEHOLDER = "{column}"

_SHOWN_KEYS = 5
_MODIFIERS = re.compile(r"\s*\([^)]*\)")
_TEXTS = ("varchar", "char", "text")
_FAILS = """
CREATE FUNCTION {function}(value {old_type}) RETURNS boolean LANGUAGE plpgsql AS $fails$
DECLARE
    converted {new_type};
BEGIN
    converted := {expression};
    RETURN converted IS DISTINCT FROM {expression};
EXCEPTION WHEN OTHERS THEN
    RETURN true;
END
$fails$
"""
_FIND = """
    WITH unconverted AS MATERIALIZED (SELECT {key} AS key FROM {table} WHERE {function}({column}))
    SELECT (SELECT count(*) FROM unconverted),
           ARRAY(SELECT key::text FROM unconverted ORDER BY key LIMIT %s)
"""
_TYPE = """
    SELECT format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attname = %s
"""


class ValuesNotConverted(OperationFailed):
    """The type was not changed; the message says which rows, or which constraint, forbid it."""


@dataclass(frozen=True, kw_only=True)
class Unconverted:
    """Values of a column that do not become another type: how many, and the keys of a few."""

    table: str
    column: str
    new_type: str
    count: int
    keys: str

    def refusal(self) -> ValuesNotConverted:
        return ValuesNotConverted(
            _(
                "Values of %(column)s in the table %(table)s that do not become %(new_type)s: "
                "%(count)d (%(keys)s). Nothing was changed.\n"
                "→ Correct these rows, or convert them with `using`; then repeat the command."
            )
            % asdict(self)
        )


def conversion(*, old_type: str, new_type: str, collation: str, using: str) -> str:
    """Return the expression that makes {column} a `new_type`, around the developer's own if there is one."""
    old, new = (_MODIFIERS.sub("", each) for each in (old_type, new_type))
    if not using and old in _TEXTS and new in _TEXTS:
        return f"({PLACEHOLDER} {collate(collation)})"
    # A cast that is written out would cut text off in silence, an assignment refuses it.
    cast = f"({using or PLACEHOLDER})::{new if new in _TEXTS else new_type}"
    return f"({cast} {collate(collation)})"


def collate(collation: str) -> str:
    return f"COLLATE {quoted(collation)}" if collation else ""


def find_unconverted(
    connection: BaseDatabaseWrapper, *, table: str, key: str, column: str, new_type: str, expression: str
) -> Unconverted:
    """Look through the whole table for values that `expression` fails on, or that do not fit the type."""
    function = quoted(truncate_name(f"{table}_{column}__fails", LONGEST_NAME))
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(_TYPE, [quoted(table), column])
        (old_type,) = cursor.fetchone()
        value = expression.replace(PLACEHOLDER, "value")
        types = {"old_type": old_type, "new_type": new_type}
        cursor.execute(_FAILS.format(function=function, expression=value, **types))
        names = {"table": quoted(table), "column": quoted(column), "key": quoted(key)}
        cursor.execute(_FIND.format(function=function, **names), [_SHOWN_KEYS + 1])
        count, keys = cursor.fetchone()
        transaction.set_rollback(True, using=connection.alias)
    shown = ", ".join(keys[:_SHOWN_KEYS]) + (", …" if count > _SHOWN_KEYS else "")
    return Unconverted(table=table, column=column, new_type=new_type, count=count, keys=shown)
