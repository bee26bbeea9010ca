"""What each action of an ALTER TABLE does: the lock it needs, and whether it reads or writes the whole table.

https://www.postgresql.org/docs/current/sql-altertable.html and AlterTableGetLockLevel in PostgreSQL's source.
"""

import re
from collections.abc import Iterator

from config.operations.schema_change.column_types import read_type, rewrites
from config.operations.schema_change.effects import LockMode, StatementKind, TableLock
from config.operations.schema_change.forms import NAME, Form, Found, form
from config.operations.schema_change.phrases import Phrase

# What needs no catalogue to be known: these are the same for all rows.
_STABLE_FUNCTIONS = {"now", "statement_timestamp", "transaction_timestamp", "coalesce", "cast"}
_CALL = re.compile(r"(?<!:: )(?P<name>\"\d+\"|[^\s\"'()\[\]]+) (?P<arguments>\(\d+\))")
_GROUP = re.compile(r"[(\[]\d+[)\]]")
_DEFAULT = re.compile(
    r"(?<!SET )\bDEFAULT\b (.*?)(?= (?:NOT NULL|NULL|CONSTRAINT|REFERENCES|CHECK|UNIQUE|PRIMARY KEY)\b|\Z)",
    re.IGNORECASE,
)
_SERIAL = re.compile(r"(small|big)?serial[248]?\b", re.IGNORECASE)


def _needs_type(found: Found) -> bool:
    """Whether the change of a type writes the table anew; unknown types do."""
    column = found.catalogue.column(found.table, found.name())
    if column is None or not _keeps_values(found):
        return True
    return rewrites(
        old=read_type(column.type),
        new=read_type(found.text("type")),
        binary_casts=found.catalogue.binary_casts,
        time_zone=found.catalogue.time_zone,
    )


def _keeps_values(found: Found) -> bool:
    """Whether USING says nothing but what PostgreSQL does without it."""
    using = found.text("using").lower().replace('"', "").replace(" ", "")
    plain = found.name().replace(" ", "").lower()
    type_ = found.text("type").lower().replace('"', "").replace(" ", "")
    return using in ("", plain, f"({plain})", f"{plain}::{type_}", f"({plain}::{type_})")


def _type_needs_scan(found: Found) -> bool:
    """Whether a CHECK is looked at again, or an index is built again, although the rows stay."""
    catalogue, table, column = found.catalogue, found.table, found.name()
    checks = any(item.kind == "c" for item in catalogue.constraints_of_column(table, column))
    return checks or bool(found.match["collation"]) or bool(catalogue.fragile_indexes(table, column))


def _not_null_is_unproven(found: Found) -> bool:
    column = found.catalogue.column(found.table, found.name())
    if column is not None and column.is_not_null:
        return False
    return not found.catalogue.proves_not_null(found.table, found.name())


def _column_rewrites(found: Found) -> bool:
    definition = found.match["definition"]
    if re.search(r"\bGENERATED (ALWAYS|BY DEFAULT) AS IDENTITY\b|\bSTORED\b", definition, re.IGNORECASE):
        return True
    if _SERIAL.match(definition) or found.phrase.name(definition.split(" ")[0]) in found.catalogue.domains:
        return True
    default = _DEFAULT.search(definition)
    return default is not None and _is_volatile(found.phrase.between(*_span(found, default)), found)


def _span(found: Found, within: re.Match[str]) -> tuple[int, int]:
    offset = found.match.start("definition")
    return offset + within.start(1), offset + within.end(1)


def _is_volatile(expression: Phrase, found: Found) -> bool:
    known = found.around.catalogue
    for call in _CALL.finditer(expression.outline):
        name = expression.name(call["name"]).rpartition(".")[2]
        if name in known.volatile_functions if known else name not in _STABLE_FUNCTIONS:
            return True
    return any(_is_volatile(expression.inner(place), found) for place in _GROUP.findall(expression.outline))


def _column_needs_scan(found: Found) -> bool:
    definition = found.match["definition"]
    if re.search(r"\b(UNIQUE|PRIMARY KEY|CHECK)\b", definition, re.IGNORECASE):
        return True
    return bool(re.search(r"\bREFERENCES\b", definition, re.IGNORECASE)) and bool(_DEFAULT.search(definition))


def _referenced(found: Found) -> Iterator[TableLock]:
    if found.name("other"):
        yield TableLock(found.name("other"), LockMode.SHARE_ROW_EXCLUSIVE)


def _linked_by_column(found: Found) -> Iterator[TableLock]:
    """The tables at the other end of the column's foreign keys, whose triggers go or come."""
    catalogue, table, column = found.catalogue, found.table, found.name()
    own = (item.other_table for item in catalogue.foreign_keys_of(table) if column in item.columns)
    others = (item.table for item in catalogue.foreign_keys_to(table) if column in item.other_columns)
    for other in (*own, *others):
        yield TableLock(other, LockMode.ACCESS_EXCLUSIVE)


def _linked_by_constraint(found: Found) -> Iterator[TableLock]:
    catalogue = found.catalogue
    constraint = catalogue.constraint(found.table, found.name())
    if constraint is None:
        return
    if constraint.kind == "f":
        yield TableLock(constraint.other_table, LockMode.ACCESS_EXCLUSIVE)
    if constraint.kind in "pu":
        for item in catalogue.foreign_keys_to(found.table):
            if set(item.other_columns) == set(constraint.columns):
                yield TableLock(item.table, LockMode.ACCESS_EXCLUSIVE)


def _read_for_validation(found: Found) -> Iterator[TableLock]:
    constraint = found.catalogue.constraint(found.table, found.name())
    if constraint is not None and constraint.kind == "f":
        yield TableLock(constraint.other_table, LockMode.ROW_SHARE)


def _has_catalogue(found: Found) -> bool:
    return found.has_catalogue


_K, _M = StatementKind, LockMode
_IF_EXISTS = "(?: IF EXISTS)?"
_CONSTRAINT = "ADD(?: CONSTRAINT {name})?"
_COLUMN = "ALTER(?: COLUMN)? {name}"

# The first that fits counts.
ACTIONS: tuple[Form, ...] = (
    form(rf"{_CONSTRAINT} CHECK .*NOT VALID", _K.ADD_CHECK, _M.ACCESS_EXCLUSIVE),
    form(rf"{_CONSTRAINT} CHECK", _K.ADD_CHECK, _M.ACCESS_EXCLUSIVE, scans=True),
    form(
        rf"{_CONSTRAINT} FOREIGN KEY \(\d+\) REFERENCES {{other}}.* NOT VALID",
        _K.ADD_FOREIGN_KEY,
        _M.SHARE_ROW_EXCLUSIVE,
        others=_referenced,
    ),
    form(
        rf"{_CONSTRAINT} FOREIGN KEY \(\d+\) REFERENCES {{other}}",
        _K.ADD_FOREIGN_KEY,
        _M.SHARE_ROW_EXCLUSIVE,
        scans=True,
        others=_referenced,
    ),
    form(rf"{_CONSTRAINT} UNIQUE USING INDEX", _K.ADD_UNIQUE, _M.ACCESS_EXCLUSIVE),
    form(rf"{_CONSTRAINT} UNIQUE", _K.ADD_UNIQUE, _M.ACCESS_EXCLUSIVE, scans=True),
    form(rf"{_CONSTRAINT} PRIMARY KEY USING INDEX", _K.ADD_PRIMARY_KEY, _M.ACCESS_EXCLUSIVE),
    form(rf"{_CONSTRAINT} PRIMARY KEY", _K.ADD_PRIMARY_KEY, _M.ACCESS_EXCLUSIVE, scans=True),
    form(rf"{_CONSTRAINT} EXCLUDE", _K.ADD_EXCLUSION, _M.ACCESS_EXCLUSIVE, scans=True),
    form(
        r"ADD(?: COLUMN)?(?: IF NOT EXISTS)? {name} (?P<definition>(?:.* REFERENCES {other})?.*)",
        _K.ADD_COLUMN,
        _M.ACCESS_EXCLUSIVE,
        scans=_column_needs_scan,
        rewrites=_column_rewrites,
        others=_referenced,
    ),
    form(
        r"VALIDATE CONSTRAINT {name}",
        _K.VALIDATE,
        _M.SHARE_UPDATE_EXCLUSIVE,
        scans=True,
        others=_read_for_validation,
        is_complete=_has_catalogue,
    ),
    form(r"ALTER CONSTRAINT {name}", _K.ALTER_CONSTRAINT, _M.ACCESS_EXCLUSIVE),
    form(
        rf"DROP CONSTRAINT{_IF_EXISTS} {{name}}",
        _K.DROP_CONSTRAINT,
        _M.ACCESS_EXCLUSIVE,
        others=_linked_by_constraint,
        is_complete=_has_catalogue,
    ),
    form(
        rf"DROP(?: COLUMN)?{_IF_EXISTS} {{name}}",
        _K.DROP_COLUMN,
        _M.ACCESS_EXCLUSIVE,
        others=_linked_by_column,
        is_complete=_has_catalogue,
    ),
    form(
        rf"{_COLUMN}(?: SET DATA)? TYPE (?P<type>.*?)(?P<collation> COLLATE {NAME})?"
        r"(?: USING (?P<using>.*))?\Z",
        _K.ALTER_TYPE,
        _M.ACCESS_EXCLUSIVE,
        scans=_type_needs_scan,
        rewrites=_needs_type,
        others=_linked_by_column,
        is_complete=_has_catalogue,
    ),
    form(rf"{_COLUMN} SET DEFAULT", _K.SET_DEFAULT, _M.ACCESS_EXCLUSIVE),
    form(rf"{_COLUMN} DROP DEFAULT", _K.DROP_DEFAULT, _M.ACCESS_EXCLUSIVE),
    form(rf"{_COLUMN} SET NOT NULL", _K.SET_NOT_NULL, _M.ACCESS_EXCLUSIVE, scans=_not_null_is_unproven),
    form(rf"{_COLUMN} DROP NOT NULL", _K.DROP_NOT_NULL, _M.ACCESS_EXCLUSIVE),
    form(rf"{_COLUMN} ADD GENERATED .*AS IDENTITY", _K.IDENTITY, _M.ACCESS_EXCLUSIVE),
    form(rf"{_COLUMN} DROP IDENTITY", _K.IDENTITY, _M.ACCESS_EXCLUSIVE),
    form(
        rf"{_COLUMN} (?:RESTART|SET (?:GENERATED|INCREMENT|MINVALUE|MAXVALUE|START|RESTART|CACHE|CYCLE|NO))",
        _K.IDENTITY,
        _M.ACCESS_EXCLUSIVE,
    ),
    form(rf"{_COLUMN} SET EXPRESSION", _K.ALTER_TABLE, _M.ACCESS_EXCLUSIVE, rewrites=True),
    form(rf"{_COLUMN} DROP EXPRESSION", _K.ALTER_TABLE, _M.ACCESS_EXCLUSIVE),
    form(rf"{_COLUMN} SET (?:STORAGE|COMPRESSION)", _K.ALTER_TABLE, _M.ACCESS_EXCLUSIVE),
    form(rf"{_COLUMN} (?:SET STATISTICS|(?:SET|RESET) \(\d+\))", _K.ALTER_TABLE, _M.SHARE_UPDATE_EXCLUSIVE),
    form(r"RENAME TO {new_name}", _K.RENAME_TABLE, _M.ACCESS_EXCLUSIVE),
    form(r"RENAME CONSTRAINT {name} TO {new_name}", _K.RENAME_CONSTRAINT, _M.ACCESS_EXCLUSIVE),
    form(r"RENAME(?: COLUMN)? {name} TO {new_name}", _K.RENAME_COLUMN, _M.ACCESS_EXCLUSIVE),
    form(r"SET SCHEMA {new_name}", _K.SET_SCHEMA, _M.ACCESS_EXCLUSIVE),
    form(
        r"SET (?:LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)",
        _K.ALTER_TABLE,
        _M.ACCESS_EXCLUSIVE,
        rewrites=True,
    ),
    form(r"(?:SET|RESET) \(\d+\)|CLUSTER ON|SET WITHOUT CLUSTER", _K.ALTER_TABLE, _M.SHARE_UPDATE_EXCLUSIVE),
    form(r"(?:ENABLE|DISABLE)(?: REPLICA| ALWAYS)? TRIGGER {name}", _K.ALTER_TRIGGER, _M.SHARE_ROW_EXCLUSIVE),
    form(r"(?:ENABLE|DISABLE)(?: REPLICA| ALWAYS)? RULE", _K.ALTER_TABLE, _M.ACCESS_EXCLUSIVE),
    form(r"(?:ENABLE|DISABLE|FORCE|NO FORCE) ROW LEVEL SECURITY", _K.ALTER_TABLE, _M.ACCESS_EXCLUSIVE),
    form(r"OWNER TO|REPLICA IDENTITY|OF|NOT OF|SET WITHOUT OIDS", _K.ALTER_TABLE, _M.ACCESS_EXCLUSIVE),
    form(r"(?:NO )?INHERIT {other}", _K.ALTER_TABLE, _M.ACCESS_EXCLUSIVE),
    form(r"ATTACH PARTITION {other}", _K.ALTER_TABLE, _M.SHARE_UPDATE_EXCLUSIVE),
    form(r"DETACH PARTITION {other}", _K.ALTER_TABLE, _M.ACCESS_EXCLUSIVE),
)
