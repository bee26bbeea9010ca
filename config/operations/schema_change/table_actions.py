"""What each action of an ALTER TABLE does: the lock it needs, and whether it reads or writes the whole table.

https://www.postgresql.org/docs/current/sql-altertable.html and AlterTableGetLockLevel in PostgreSQL's source
"""

import functools
import re
from collections.abc import Iterator

from config.operations.schema_change.column_types import read_type, rewrites
from config.operations.schema_change.effects import LockMode, StatementKind, TableLock
from config.operations.schema_change.forms import NAME, Form, Found, form, has_catalogue
from config.operations.schema_change.phrases import Phrase

# Without the catalogue any other function may be volatile.
_STABLE_FUNCTIONS = {
    "coalesce",
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "now",
    "statement_timestamp",
    "transaction_timestamp",
}
# What follows a `::` is a type with its length.
_CALL = re.compile(rf"(?<!\S)(?<!:: )(?P<name>{NAME}) \(\d+\)")
_DEFAULT = re.compile(
    r"(?<!SET )\bDEFAULT (.*?)(?= (?:NOT NULL|NULL|CONSTRAINT|REFERENCES|CHECK|UNIQUE|PRIMARY KEY)\b|\Z)",
    re.IGNORECASE,
)
_FILLED_BY_THE_SERVER = re.compile(
    r"\bGENERATED (?:ALWAYS|BY DEFAULT) AS IDENTITY\b|\bSTORED\b|\A(?:small|big)?serial[248]?\b",
    re.IGNORECASE,
)
_INDEXED_OR_CHECKED = re.compile(r"\b(?:UNIQUE|PRIMARY KEY|CHECK)\b", re.IGNORECASE)
_SAME_OPERATORS = {"character varying", "text"}


def _type_rewrites(found: Found) -> bool:
    column = found.catalogue.column(found.table, found.name("column"))
    if column is None or not _converts_as_usual(found):
        return True
    return rewrites(
        old=read_type(column.type),
        new=read_type(str(found.part("type"))),
        binary_casts=found.catalogue.binary_casts,
        time_zone=found.catalogue.time_zone,
    )


def _converts_as_usual(found: Found) -> bool:
    """Whether USING says nothing but what PostgreSQL does without it."""
    using, type_ = (re.sub(r'[\s"]', "", str(found.part(group) or "")) for group in ("using", "type"))
    column = re.sub(r'[\s"]', "", found.name("column"))
    return using.lower() in {"", column.lower(), f"{column}::{type_}".lower()}


def _type_scans(found: Found) -> bool:
    """Whether a CHECK is looked at again, or an index is built again, although the rows stay."""
    catalogue, table, column = found.catalogue, found.table, found.name("column")
    known = catalogue.column(table, column)
    names = {read_type(known.type).name if known else "", read_type(str(found.part("type"))).name}
    has_same_operators = (len(names) == 1 or names == _SAME_OPERATORS) and found.part("collation") is None
    checks = any(item.kind == "c" and item.is_validated for item in catalogue.constraints_on(table, column))
    return checks or any(
        not (index.is_plain and has_same_operators) for index in catalogue.indexes_on(table, column)
    )


def _tables_checked_again(found: Found) -> Iterator[str]:
    if _type_rewrites(found):
        for item in found.catalogue.foreign_keys_to(found.table):
            if found.name("column") in item.other_columns:
                yield item.table


def _may_have_nulls(found: Found) -> bool:
    column = found.catalogue.column(found.table, found.name("column"))
    if column is not None and column.is_not_null:
        return False
    return not found.catalogue.proves_not_null(found.table, found.name("column"))


def _index_may_have_nulls(found: Found) -> bool:
    index = found.catalogue.indexes.get(found.name("index"))
    columns = found.catalogue.columns.get(found.table, {})
    return index is None or not all(name in columns and columns[name].is_not_null for name in index.columns)


def _column_rewrites(found: Found) -> bool:
    definition = found.part("definition")
    if definition is None or _FILLED_BY_THE_SERVER.search(definition.outline):
        return definition is not None
    type_ = definition.name(definition.outline.split(" ")[0]).rpartition(".")[2]
    default = _DEFAULT.search(definition.outline)
    is_volatile = default is not None and _is_volatile(definition.between(*default.span(1)), found)
    return is_volatile or type_ in found.catalogue.domains


def _is_volatile(expression: Phrase, found: Found) -> bool:
    names = {expression.name(call["name"]).rpartition(".")[2] for call in _CALL.finditer(expression.outline)}
    known = found.around.catalogue
    if names & known.volatile_functions if known else names - _STABLE_FUNCTIONS:
        return True
    return any(_is_volatile(inner, found) for inner in expression.groups())


def _column_scans(found: Found) -> bool:
    definition = found.match["definition"]
    return bool(_INDEXED_OR_CHECKED.search(definition)) or bool(
        found.match["other"] and _DEFAULT.search(definition)
    )


def _is_not_valid(found: Found) -> bool:
    return bool(re.search(r" NOT VALID\Z", found.phrase.outline, re.IGNORECASE))


def _is_validated_now(found: Found) -> bool:
    return not _is_not_valid(found)


def _referenced(found: Found) -> Iterator[TableLock]:
    if other := found.name("other"):
        yield TableLock(other, LockMode.SHARE_ROW_EXCLUSIVE)


def _linked_to_column(found: Found) -> Iterator[TableLock]:
    """The tables at the other end of foreign keys, whose triggers go or are made again; and the views."""
    catalogue, table, column = found.catalogue, found.table, found.name("column")
    own = [item.other_table for item in catalogue.foreign_keys_of(table) if column in item.columns]
    others = [item.table for item in catalogue.foreign_keys_to(table) if column in item.other_columns]
    for other in (*own, *others, *catalogue.views_of(table, column)):
        yield TableLock(other, LockMode.ACCESS_EXCLUSIVE)


def _linked_to_constraint(found: Found) -> Iterator[TableLock]:
    catalogue = found.catalogue
    constraint = catalogue.constraint(found.table, found.name("name"))
    if constraint is None:
        return
    if constraint.kind == "f":
        yield TableLock(constraint.other_table, LockMode.ACCESS_EXCLUSIVE)
    if constraint.kind in "pu":
        for item in catalogue.foreign_keys_to(found.table):
            if set(item.other_columns) == set(constraint.columns):
                yield TableLock(item.table, LockMode.ACCESS_EXCLUSIVE)


def _referenced_by_constraint(found: Found) -> Iterator[TableLock]:
    constraint = found.catalogue.constraint(found.table, found.name("name"))
    if constraint is not None and constraint.kind == "f":
        yield TableLock(constraint.other_table, LockMode.ROW_SHARE)


def _partition(found: Found) -> Iterator[TableLock]:
    yield TableLock(found.name("other"), LockMode.ACCESS_EXCLUSIVE)


def _read_partition(found: Found) -> Iterator[str]:
    yield found.name("other")


def _parent(found: Found) -> Iterator[TableLock]:
    yield TableLock(found.name("other"), LockMode.SHARE_UPDATE_EXCLUSIVE)


_K, _M = StatementKind, LockMode
_IF_EXISTS = "(?: IF EXISTS)?"
_CONSTRAINT = "ADD(?: CONSTRAINT {name})?"
_COLUMN = "ALTER(?: COLUMN)? {column}"
_action = functools.partial(form, mode=LockMode.ACCESS_EXCLUSIVE)  # All but those that say otherwise.

# The first that fits counts.
ACTIONS: tuple[Form, ...] = (
    _action(rf"{_CONSTRAINT} CHECK", _K.ADD_CHECK, scans=_is_validated_now),
    _action(
        rf"{_CONSTRAINT} FOREIGN KEY {{columns}} REFERENCES {{other}}",
        _K.ADD_FOREIGN_KEY,
        mode=_M.SHARE_ROW_EXCLUSIVE,
        scans=_is_validated_now,
        locks=_referenced,
    ),
    _action(rf"{_CONSTRAINT} UNIQUE USING INDEX", _K.ADD_UNIQUE),
    _action(rf"{_CONSTRAINT} UNIQUE(?: NULLS(?: NOT)? DISTINCT)? {{columns}}", _K.ADD_UNIQUE, scans=True),
    _action(
        rf"{_CONSTRAINT} PRIMARY KEY USING INDEX (?P<index>{NAME})",
        _K.ADD_PRIMARY_KEY,
        scans=_index_may_have_nulls,
    ),
    _action(rf"{_CONSTRAINT} PRIMARY KEY {{columns}}", _K.ADD_PRIMARY_KEY, scans=True),
    _action(rf"{_CONSTRAINT} EXCLUDE", _K.ADD_EXCLUSION, scans=True),
    _action(
        r"ADD(?: COLUMN)?(?: IF NOT EXISTS)? (?!CONSTRAINT ){column}"
        r" (?P<definition>(?:.*? REFERENCES {other})?.*)",
        _K.ADD_COLUMN,
        scans=_column_scans,
        rewrites=_column_rewrites,
        locks=_referenced,
    ),
    _action(
        r"VALIDATE CONSTRAINT {name}",
        _K.VALIDATE,
        mode=_M.SHARE_UPDATE_EXCLUSIVE,
        scans=True,
        locks=_referenced_by_constraint,
        is_complete=has_catalogue,
    ),
    _action(r"ALTER CONSTRAINT {name}", _K.ALTER_CONSTRAINT),
    _action(
        rf"DROP CONSTRAINT{_IF_EXISTS} {{name}}",
        _K.DROP_CONSTRAINT,
        locks=_linked_to_constraint,
        is_complete=has_catalogue,
    ),
    _action(
        rf"DROP(?: COLUMN)?{_IF_EXISTS} {{column}}",
        _K.DROP_COLUMN,
        locks=_linked_to_column,
        is_complete=has_catalogue,
    ),
    _action(
        rf"{_COLUMN}(?: SET DATA)? TYPE (?P<type>.*?)(?P<collation> COLLATE {NAME})?"
        r"(?: USING (?P<using>.*))?\Z",
        _K.ALTER_TYPE,
        scans=_type_scans,
        rewrites=_type_rewrites,
        locks=_linked_to_column,
        reads=_tables_checked_again,
        is_complete=has_catalogue,
    ),
    _action(rf"{_COLUMN} SET DEFAULT", _K.SET_DEFAULT),
    _action(rf"{_COLUMN} DROP DEFAULT", _K.DROP_DEFAULT),
    _action(rf"{_COLUMN} SET NOT NULL", _K.SET_NOT_NULL, scans=_may_have_nulls),
    _action(rf"{_COLUMN} DROP NOT NULL", _K.DROP_NOT_NULL),
    _action(rf"{_COLUMN} (?:ADD GENERATED .*AS IDENTITY|SET GENERATED|RESTART|DROP IDENTITY)", _K.IDENTITY),
    _action(rf"{_COLUMN} SET (?:INCREMENT|MINVALUE|MAXVALUE|START|RESTART|CACHE|CYCLE|NO)", _K.IDENTITY),
    _action(rf"{_COLUMN} SET EXPRESSION", _K.ALTER_TABLE, rewrites=True),
    _action(rf"{_COLUMN} DROP EXPRESSION", _K.ALTER_TABLE),
    _action(rf"{_COLUMN} SET (?:STORAGE|COMPRESSION)", _K.ALTER_TABLE),
    _action(rf"{_COLUMN} SET STATISTICS", _K.ALTER_TABLE, mode=_M.SHARE_UPDATE_EXCLUSIVE),
    _action(
        rf"{_COLUMN} (?:SET|RESET) \(\d+\)",
        _K.ALTER_TABLE,
        mode=_M.SHARE_UPDATE_EXCLUSIVE,
        reaches_partitions=False,
    ),
    _action(r"RENAME TO {new_name}", _K.RENAME_TABLE, reaches_partitions=False),
    _action(r"RENAME CONSTRAINT {name} TO {new_name}", _K.RENAME_CONSTRAINT),
    _action(r"RENAME(?: COLUMN)? {column} TO {new_name}", _K.RENAME_COLUMN),
    _action(r"SET SCHEMA {new_name}", _K.SET_SCHEMA, reaches_partitions=False),
    _action(r"SET (?:LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)", _K.ALTER_TABLE, rewrites=True),
    _action(
        r"(?:SET|RESET) \(\d+\)|CLUSTER ON|SET WITHOUT CLUSTER",
        _K.ALTER_TABLE,
        mode=_M.SHARE_UPDATE_EXCLUSIVE,
        reaches_partitions=False,
    ),
    _action(
        r"(?:ENABLE|DISABLE)(?: REPLICA| ALWAYS)? TRIGGER {name}",
        _K.ALTER_TRIGGER,
        mode=_M.SHARE_ROW_EXCLUSIVE,
    ),
    _action(
        r"(?:ENABLE|DISABLE)(?: REPLICA| ALWAYS)? RULE|(?:ENABLE|DISABLE|FORCE|NO FORCE) ROW LEVEL SECURITY"
        r"|OWNER TO|REPLICA IDENTITY|OF|NOT OF|SET WITHOUT OIDS",
        _K.ALTER_TABLE,
        reaches_partitions=False,
    ),
    _action(r"(?:NO )?INHERIT {other}", _K.ALTER_TABLE, locks=_parent, reaches_partitions=False),
    # A default partition is locked and read as well.
    _action(
        r"ATTACH PARTITION {other}",
        _K.ALTER_TABLE,
        mode=_M.SHARE_UPDATE_EXCLUSIVE,
        locks=_partition,
        reads=_read_partition,
        is_complete=False,
        reaches_partitions=False,
    ),
    _action(
        r"DETACH PARTITION {other}",
        _K.ALTER_TABLE,
        locks=_partition,
        is_complete=False,
        reaches_partitions=False,
    ),
)
