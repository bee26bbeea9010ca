"""What each statement does that is neither an ALTER TABLE nor about rows.

https://www.postgresql.org/docs/current/explicit-locking.html
"""

import re
from collections.abc import Iterator

from config.operations.schema_change.effects import LockMode, StatementKind, TableLock
from config.operations.schema_change.forms import NAME, Form, Found, form, has_catalogue
from config.operations.schema_change.row_statements import tables_read

_REFERENCE = re.compile(rf"\b(?P<word>REFERENCES|LIKE) (?P<table>{NAME})", re.IGNORECASE)
_CASCADE = re.compile(r"\bCASCADE\b", re.IGNORECASE)


def _indexed(found: Found) -> tuple[str, ...]:
    indexes = found.catalogue.indexes
    return tuple(indexes[name].table for name in found.names("indexes") if name in indexes)


def _knows_indexes(found: Found) -> bool:
    return all(name in found.catalogue.indexes for name in found.names("indexes"))


def _drops_nothing_else(found: Found) -> bool:
    return not _CASCADE.search(found.phrase.outline)


def _locked_for_definition(found: Found) -> Iterator[TableLock]:
    definition = found.phrase.inner(found.match["definition"])
    for match in _REFERENCE.finditer(definition.outline):
        is_copied = match["word"].upper() == "LIKE"
        table = found.around.local(definition.name(match["table"]))
        yield TableLock(table, LockMode.ACCESS_SHARE if is_copied else LockMode.SHARE_ROW_EXCLUSIVE)
    if parents := found.match["parents"]:
        for parent in found.phrase.inner(parents).split_at_commas():
            table = found.around.local(parent.name(parent.outline))
            yield TableLock(table, LockMode.SHARE_UPDATE_EXCLUSIVE)


def _partitioned(found: Found) -> Iterator[TableLock]:
    yield TableLock(found.name("other"), LockMode.ACCESS_EXCLUSIVE)


def _asked_for(found: Found) -> Iterator[TableLock]:
    mode = LockMode[(found.match["mode"] or "ACCESS EXCLUSIVE").upper().replace(" ", "_")]
    for table in found.tables:
        for part in found.around.all_of(table):
            yield TableLock(part, mode)


def _linked(found: Found) -> Iterator[TableLock]:
    """The tables at the other end of foreign keys, whose triggers go with the table; and the views."""
    catalogue = found.catalogue
    for table in found.tables:
        own = [item.other_table for item in catalogue.foreign_keys_of(table)]
        others = [item.table for item in catalogue.foreign_keys_to(table)]
        for other in (*own, *others, *catalogue.views_of(table)):
            yield TableLock(other, LockMode.ACCESS_EXCLUSIVE)


def _emptied_besides(found: Found) -> Iterator[TableLock]:
    emptied = set(found.tables)
    ahead = [] if _drops_nothing_else(found) else list(emptied)
    while ahead:
        for item in found.catalogue.foreign_keys_to(ahead.pop()):
            if item.table not in emptied:
                emptied.add(item.table)
                ahead.append(item.table)
                yield TableLock(item.table, LockMode.ACCESS_EXCLUSIVE)


def _read(found: Found) -> tuple[str, ...]:
    return tables_read(found.phrase, found.around)


def _looked_at(found: Found) -> Iterator[TableLock]:
    for table in _read(found):
        yield TableLock(table, LockMode.ACCESS_SHARE)


def _sources_of_view(found: Found) -> tuple[str, ...]:
    return found.catalogue.sources_of(found.table)


def _table_of_column(found: Found) -> tuple[str, ...]:
    return tuple(found.around.local(name.rpartition(".")[0]) for name in found.names("other"))


def _tables_of_sequences(found: Found) -> Iterator[TableLock]:
    for sequence in found.names("other") if not _drops_nothing_else(found) else ():
        for table in found.catalogue.sequence_users.get(sequence, ()):
            yield TableLock(table, LockMode.ACCESS_EXCLUSIVE)


def _constraint_trigger(found: Found) -> Iterator[TableLock]:
    if other := found.name("other"):
        yield TableLock(other, LockMode.ACCESS_SHARE)


_K, _M = StatementKind, LockMode
_IF_EXISTS, _IF_NOT_EXISTS, _OR_REPLACE = "(?: IF EXISTS)?", "(?: IF NOT EXISTS)?", "(?: OR REPLACE)?"
_TEMPORARY = "(?: GLOBAL| LOCAL)?(?: TEMP| TEMPORARY| UNLOGGED)?"
_TABLE = rf"CREATE{_TEMPORARY} TABLE{_IF_NOT_EXISTS} {{table}}"
_INDEX = "(?: (?!ON ){name})? ON {table}"
_REINDEX = r"REINDEX(?: \(\d+\))?"
_FUNCTIONS = "(?:FUNCTION|PROCEDURE|ROUTINE|AGGREGATE)"
# They are in no table, and none of ours is made of them while they are made.
_OBJECTS = (
    "(?:EXTENSION|SCHEMA|TYPE|DOMAIN|COLLATION|CAST|CONVERSION|OPERATOR|TEXT SEARCH|EVENT TRIGGER|LANGUAGE"
    "|ACCESS METHOD|FOREIGN DATA WRAPPER|SERVER|USER MAPPING|PUBLICATION|SUBSCRIPTION|STATISTICS)"
)

# The first that fits counts.
STATEMENTS: tuple[Form, ...] = (
    form(
        rf"{_TABLE}(?: \(\d+\))?(?:(?! AS ).)* AS|SELECT .*?INTO(?: TABLE)? {{new_name}}",
        _K.CREATE_TABLE_AS,
        _M.ACCESS_EXCLUSIVE,
        tables=lambda found: found.tables or found.names("new_name"),
        reads=_read,
    ),
    # A default partition is locked and read as well.
    form(
        rf"{_TABLE} PARTITION OF {{other}}",
        _K.CREATE_TABLE,
        _M.ACCESS_EXCLUSIVE,
        locks=_partitioned,
        is_complete=False,
    ),
    form(
        rf"{_TABLE} (?P<definition>\(\d+\))(?: INHERITS (?P<parents>\(\d+\)))?",
        _K.CREATE_TABLE,
        _M.ACCESS_EXCLUSIVE,
        locks=_locked_for_definition,
    ),
    form(
        rf"DROP TABLE{_IF_EXISTS} {{tables}}",
        _K.DROP_TABLE,
        _M.ACCESS_EXCLUSIVE,
        locks=_linked,
        is_complete=has_catalogue,
    ),
    form(
        r"TRUNCATE(?: TABLE)? {tables}",
        _K.TRUNCATE,
        _M.ACCESS_EXCLUSIVE,
        locks=_emptied_besides,
        is_complete=has_catalogue,
        changes_rows=True,
    ),
    form(r"LOCK(?: TABLE)? {tables}(?: IN (?P<mode>[A-Z ]+) MODE)?", _K.LOCK_TABLE, locks=_asked_for),
    form(
        rf"CREATE(?: UNIQUE)? INDEX CONCURRENTLY{_IF_NOT_EXISTS}{_INDEX}(?: USING \w+)? {{columns}}",
        _K.CREATE_INDEX,
        _M.SHARE_UPDATE_EXCLUSIVE,
        scans=True,
        in_transaction=False,
    ),
    form(
        rf"CREATE(?: UNIQUE)? INDEX{_IF_NOT_EXISTS}{_INDEX}(?: USING \w+)? {{columns}}",
        _K.CREATE_INDEX,
        _M.SHARE,
        scans=True,
    ),
    form(
        rf"DROP INDEX CONCURRENTLY{_IF_EXISTS} {{indexes}}",
        _K.DROP_INDEX,
        _M.SHARE_UPDATE_EXCLUSIVE,
        tables=_indexed,
        is_complete=_knows_indexes,
        in_transaction=False,
    ),
    form(
        rf"DROP INDEX{_IF_EXISTS} {{indexes}}",
        _K.DROP_INDEX,
        _M.ACCESS_EXCLUSIVE,
        tables=_indexed,
        is_complete=_knows_indexes,
    ),
    # It is the index alone that is locked, in a mode that lets everybody use it.
    form(rf"ALTER INDEX{_IF_EXISTS} {{name}} RENAME TO {{new_name}}", _K.ALTER_INDEX),
    form(
        rf"{_REINDEX} TABLE CONCURRENTLY {{table}}",
        _K.REINDEX,
        _M.SHARE_UPDATE_EXCLUSIVE,
        scans=True,
        in_transaction=False,
    ),
    form(
        rf"{_REINDEX} INDEX CONCURRENTLY {{indexes}}",
        _K.REINDEX,
        _M.SHARE_UPDATE_EXCLUSIVE,
        tables=_indexed,
        scans=True,
        is_complete=_knows_indexes,
        in_transaction=False,
    ),
    # The lock on the table lets others read, but that on the index stops whoever plans a query of the table.
    form(rf"{_REINDEX} TABLE {{table}}", _K.REINDEX, _M.SHARE, scans=True),
    form(
        rf"{_REINDEX} INDEX {{indexes}}",
        _K.REINDEX,
        _M.SHARE,
        tables=_indexed,
        scans=True,
        is_complete=_knows_indexes,
    ),
    form(
        rf"CREATE{_OR_REPLACE}(?: CONSTRAINT)? TRIGGER {{name}} .*? ON {{table}}(?: FROM {{other}})?",
        _K.CREATE_TRIGGER,
        _M.SHARE_ROW_EXCLUSIVE,
        locks=_constraint_trigger,
    ),
    form(r"ALTER TRIGGER {name} ON {table} RENAME TO {new_name}", _K.ALTER_TRIGGER, _M.ACCESS_EXCLUSIVE),
    form(rf"DROP TRIGGER{_IF_EXISTS} {{name}} ON {{table}}", _K.DROP_TRIGGER, _M.ACCESS_EXCLUSIVE),
    form(
        rf"CREATE{_OR_REPLACE} RULE {{name}} AS ON \w+ TO {{table}}",
        _K.ALTER_TABLE,
        _M.ACCESS_EXCLUSIVE,
    ),
    form(
        rf"(?:(?:CREATE|ALTER|DROP) POLICY|DROP RULE){_IF_EXISTS} {{name}} ON {{table}}",
        _K.ALTER_TABLE,
        _M.ACCESS_EXCLUSIVE,
    ),
    form(
        rf"CREATE STATISTICS{_IF_NOT_EXISTS} {{name}} .*FROM {{table}}",
        _K.OBJECT,
        _M.SHARE_UPDATE_EXCLUSIVE,
        reaches_partitions=False,
    ),
    form(
        rf"CREATE MATERIALIZED VIEW{_IF_NOT_EXISTS} {{table}}",
        _K.CREATE_VIEW,
        _M.ACCESS_EXCLUSIVE,
        reads=_read,
    ),
    form(
        rf"CREATE{_OR_REPLACE}{_TEMPORARY}(?: RECURSIVE)? VIEW {{table}}",
        _K.CREATE_VIEW,
        _M.ACCESS_EXCLUSIVE,
        locks=_looked_at,
    ),
    form(rf"ALTER(?: MATERIALIZED)? VIEW{_IF_EXISTS} {{table}}", _K.ALTER_VIEW, _M.ACCESS_EXCLUSIVE),
    form(
        rf"DROP(?: MATERIALIZED)? VIEW{_IF_EXISTS} {{tables}}",
        _K.DROP_VIEW,
        _M.ACCESS_EXCLUSIVE,
        locks=_linked,
        is_complete=has_catalogue,
    ),
    form(
        r"REFRESH MATERIALIZED VIEW CONCURRENTLY {table}",
        _K.REFRESH,
        _M.EXCLUSIVE,
        scans=True,
        reads=_sources_of_view,
        is_complete=has_catalogue,
    ),
    form(
        r"REFRESH MATERIALIZED VIEW {table}",
        _K.REFRESH,
        _M.ACCESS_EXCLUSIVE,
        rewrites=True,
        reads=_sources_of_view,
        is_complete=has_catalogue,
    ),
    form(
        rf"(?:CREATE{_TEMPORARY}|ALTER) SEQUENCE .*\bOWNED BY (?!NONE\b){{other}}",
        _K.SEQUENCE,
        _M.ACCESS_SHARE,
        tables=_table_of_column,
    ),
    form(rf"(?:CREATE{_TEMPORARY}|ALTER) SEQUENCE", _K.SEQUENCE),
    form(
        rf"DROP SEQUENCE{_IF_EXISTS} (?P<other>{NAME}(?: , {NAME})*)",
        _K.SEQUENCE,
        locks=_tables_of_sequences,
        is_complete=has_catalogue,
    ),
    form(rf"CREATE{_OR_REPLACE} {_FUNCTIONS} .*\bBEGIN ATOMIC", _K.FUNCTION, locks=_looked_at),
    form(rf"CREATE{_OR_REPLACE} {_FUNCTIONS}|ALTER {_FUNCTIONS}", _K.FUNCTION),
    form(rf"DROP {_FUNCTIONS}", _K.FUNCTION, is_complete=_drops_nothing_else),
    form(
        r"COMMENT ON (?:TABLE|VIEW|MATERIALIZED VIEW) {table}",
        _K.COMMENT,
        _M.SHARE_UPDATE_EXCLUSIVE,
        reaches_partitions=False,
    ),
    form(
        r"COMMENT ON COLUMN {other}",
        _K.COMMENT,
        _M.SHARE_UPDATE_EXCLUSIVE,
        tables=_table_of_column,
        reaches_partitions=False,
    ),
    form(
        r"COMMENT ON (?:CONSTRAINT|TRIGGER|RULE|POLICY) {name} ON (?!DOMAIN ){table}",
        _K.COMMENT,
        _M.ACCESS_SHARE,
        reaches_partitions=False,
    ),
    form(r"COMMENT ON", _K.COMMENT),
    form(r"GRANT|REVOKE|ALTER DEFAULT PRIVILEGES|(?:CREATE|ALTER|DROP) (?:ROLE|USER|GROUP)", _K.PRIVILEGES),
    form(rf"CREATE{_OR_REPLACE} {_OBJECTS}|ALTER TYPE {NAME} ADD VALUE|ALTER EXTENSION", _K.OBJECT),
    form(r"DROP STATISTICS", _K.OBJECT, is_complete=False),  # It locks the table, which it does not name.
    form(rf"DROP {_OBJECTS}", _K.OBJECT, is_complete=_drops_nothing_else),
    form(r"COPY {table}(?: \(\d+\))? FROM", _K.COPY, _M.ROW_EXCLUSIVE, changes_rows=True),
    form(r"COPY {table}(?: \(\d+\))? TO", _K.COPY, _M.ACCESS_SHARE, scans=True),
    form(r"COPY \(\d+\) TO", _K.COPY, reads=_read),
    form(
        r"VACUUM FULL(?: FREEZE)?(?: VERBOSE)?(?: ANALYZE)? {tables}",
        _K.MAINTENANCE,
        _M.ACCESS_EXCLUSIVE,
        rewrites=True,
        in_transaction=False,
    ),
    form(
        r"VACUUM(?: FREEZE)?(?: VERBOSE)?(?: ANALYZE)? {tables}",
        _K.MAINTENANCE,
        _M.SHARE_UPDATE_EXCLUSIVE,
        scans=True,
        in_transaction=False,
    ),
    form(r"ANALYZE(?: VERBOSE)? {tables}", _K.MAINTENANCE, _M.SHARE_UPDATE_EXCLUSIVE),
    form(r"CLUSTER(?: VERBOSE)? {table}", _K.MAINTENANCE, _M.ACCESS_EXCLUSIVE, rewrites=True),
    form(r"SET CONSTRAINTS", _K.SET_CONSTRAINTS),
    form(r"SET|RESET|SHOW|SELECT set_config \(\d+\)", _K.SETTING),
    form(r"BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE", _K.TRANSACTION),
)
