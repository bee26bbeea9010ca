"""What each statement does that is neither an ALTER TABLE nor about rows.

https://www.postgresql.org/docs/current/explicit-locking.html
"""

import re
from collections.abc import Iterator

from config.operations.schema_change.effects import LockMode, StatementKind, TableLock
from config.operations.schema_change.forms import NAME, Form, Found, form
from config.operations.schema_change.row_statements import tables_read

_REFERENCES = re.compile(rf"\bREFERENCES ({NAME})", re.IGNORECASE)
_CASCADE = re.compile(r"\bCASCADE\b", re.IGNORECASE)


def _tables_of_indexes(found: Found) -> tuple[str, ...]:
    indexes = found.catalogue.indexes
    return tuple(indexes[name].table for name in found.names("names") if name in indexes)


def _knows_indexes(found: Found) -> bool:
    return all(name in found.catalogue.indexes for name in found.names("names"))


def _has_catalogue(found: Found) -> bool:
    return found.has_catalogue


def _drops_only_itself(found: Found) -> bool:
    return not _CASCADE.search(found.phrase.outline)


def _referenced(found: Found) -> Iterator[TableLock]:
    definition = found.phrase.inner(found.match["definition"])
    for match in _REFERENCES.finditer(definition.outline):
        yield TableLock(found.around.local(definition.name(match[1])), LockMode.SHARE_ROW_EXCLUSIVE)


def _read(found: Found) -> Iterator[TableLock]:
    for table in tables_read(found.phrase, found.around):
        yield TableLock(table, LockMode.ACCESS_SHARE)


def _linked(found: Found) -> Iterator[TableLock]:
    """The tables at the other end of foreign keys, whose triggers go with the table."""
    for table in found.tables:
        for item in found.catalogue.foreign_keys_of(table):
            yield TableLock(item.other_table, LockMode.ACCESS_EXCLUSIVE)
        for item in found.catalogue.foreign_keys_to(table):
            yield TableLock(item.table, LockMode.ACCESS_EXCLUSIVE)


def _emptied_besides(found: Found) -> Iterator[TableLock]:
    emptied = set(found.tables)
    ahead = list(emptied) if _CASCADE.search(found.phrase.outline) else []
    while ahead:
        for item in found.catalogue.foreign_keys_to(ahead.pop()):
            if item.table not in emptied:
                emptied.add(item.table)
                ahead.append(item.table)
                yield TableLock(item.table, LockMode.ACCESS_EXCLUSIVE)


def _table_of_column(found: Found) -> tuple[str, ...]:
    table, _dot, _column = found.name().rpartition(".")
    return (found.around.local(table),)


def _asked_for(found: Found) -> Iterator[TableLock]:
    mode = LockMode[(found.match["mode"] or "ACCESS EXCLUSIVE").upper().replace(" ", "_")]
    for table in found.tables:
        yield TableLock(table, mode)


_K, _M = StatementKind, LockMode
_IF_EXISTS, _IF_NOT_EXISTS = "(?: IF EXISTS)?", "(?: IF NOT EXISTS)?"
_OR_REPLACE = "(?: OR REPLACE)?"
_TEMPORARY = "(?: GLOBAL| LOCAL)?(?: TEMP| TEMPORARY| UNLOGGED)?"
_OBJECTS = (
    "EXTENSION|SCHEMA|TYPE|DOMAIN|COLLATION|CAST|CONVERSION|OPERATOR|TEXT SEARCH|EVENT TRIGGER|LANGUAGE"
    "|ACCESS METHOD|FOREIGN DATA WRAPPER|SERVER|USER MAPPING|PUBLICATION|SUBSCRIPTION|STATISTICS"
)
_FUNCTIONS = "FUNCTION|PROCEDURE|ROUTINE|AGGREGATE"

# The first that fits counts.
STATEMENTS: tuple[Form, ...] = (
    form(
        rf"CREATE{_TEMPORARY} TABLE{_IF_NOT_EXISTS} {{table}}(?: \(\d+\))?(?:(?! AS ).)* AS",
        _K.CREATE_TABLE_AS,
        _M.ACCESS_EXCLUSIVE,
        others=_read,
    ),
    form(
        rf"CREATE{_TEMPORARY} TABLE{_IF_NOT_EXISTS} {{table}} PARTITION OF {{other}}",
        _K.CREATE_TABLE,
        _M.ACCESS_EXCLUSIVE,
        is_complete=False,
    ),
    form(
        rf"CREATE{_TEMPORARY} TABLE{_IF_NOT_EXISTS} {{table}} (?P<definition>\(\d+\))",
        _K.CREATE_TABLE,
        _M.ACCESS_EXCLUSIVE,
        others=_referenced,
    ),
    form(
        rf"DROP TABLE{_IF_EXISTS} {{tables}}",
        _K.DROP_TABLE,
        _M.ACCESS_EXCLUSIVE,
        others=_linked,
        is_complete=_has_catalogue,
    ),
    form(
        r"TRUNCATE(?: TABLE)? {tables}",
        _K.TRUNCATE,
        _M.ACCESS_EXCLUSIVE,
        others=_emptied_besides,
        is_complete=_has_catalogue,
        changes_rows=True,
    ),
    form(r"LOCK(?: TABLE)? {tables}(?: IN (?P<mode>[A-Z ]+) MODE)?", _K.LOCK_TABLE, others=_asked_for),
    form(
        rf"CREATE(?: UNIQUE)? INDEX CONCURRENTLY{_IF_NOT_EXISTS}(?: (?!ON ){{name}})? ON {{table}}",
        _K.CREATE_INDEX,
        _M.SHARE_UPDATE_EXCLUSIVE,
        scans=True,
        in_transaction=False,
    ),
    form(
        rf"CREATE(?: UNIQUE)? INDEX{_IF_NOT_EXISTS}(?: (?!ON ){{name}})? ON {{table}}",
        _K.CREATE_INDEX,
        _M.SHARE,
        scans=True,
    ),
    form(
        rf"DROP INDEX CONCURRENTLY{_IF_EXISTS} {{names}}",
        _K.DROP_INDEX,
        _M.SHARE_UPDATE_EXCLUSIVE,
        tables=_tables_of_indexes,
        is_complete=_knows_indexes,
        in_transaction=False,
    ),
    form(
        rf"DROP INDEX{_IF_EXISTS} {{names}}",
        _K.DROP_INDEX,
        _M.ACCESS_EXCLUSIVE,
        tables=_tables_of_indexes,
        is_complete=_knows_indexes,
    ),
    form(rf"ALTER INDEX{_IF_EXISTS} {{names}} RENAME TO {{new_name}}", _K.ALTER_INDEX),
    form(
        r"REINDEX(?: \(\d+\))? TABLE CONCURRENTLY {table}",
        _K.REINDEX,
        _M.SHARE_UPDATE_EXCLUSIVE,
        scans=True,
        in_transaction=False,
    ),
    form(
        r"REINDEX(?: \(\d+\))? INDEX CONCURRENTLY {names}",
        _K.REINDEX,
        _M.SHARE_UPDATE_EXCLUSIVE,
        scans=True,
        tables=_tables_of_indexes,
        is_complete=_knows_indexes,
        in_transaction=False,
    ),
    form(r"REINDEX(?: \(\d+\))? TABLE {table}", _K.REINDEX, _M.SHARE, scans=True),
    form(
        r"REINDEX(?: \(\d+\))? INDEX {names}",
        _K.REINDEX,
        _M.SHARE,
        scans=True,
        tables=_tables_of_indexes,
        is_complete=_knows_indexes,
    ),
    form(
        rf"CREATE{_OR_REPLACE}(?: CONSTRAINT)? TRIGGER {{name}} .*? ON {{table}}",
        _K.CREATE_TRIGGER,
        _M.SHARE_ROW_EXCLUSIVE,
    ),
    form(r"ALTER TRIGGER {name} ON {table} RENAME TO {new_name}", _K.ALTER_TRIGGER, _M.ACCESS_EXCLUSIVE),
    form(rf"DROP TRIGGER{_IF_EXISTS} {{name}} ON {{table}}", _K.DROP_TRIGGER, _M.ACCESS_EXCLUSIVE),
    form(rf"CREATE{_OR_REPLACE} RULE {{name}} AS ON \w+ TO {{table}}", _K.ALTER_TABLE, _M.ACCESS_EXCLUSIVE),
    form(
        rf"(?:(?:CREATE|ALTER|DROP) POLICY|DROP RULE){_IF_EXISTS} {{name}} ON {{table}}",
        _K.ALTER_TABLE,
        _M.ACCESS_EXCLUSIVE,
    ),
    form(
        rf"CREATE STATISTICS{_IF_NOT_EXISTS} {{name}} .*FROM {{table}}", _K.OBJECT, _M.SHARE_UPDATE_EXCLUSIVE
    ),
    form(
        rf"CREATE MATERIALIZED VIEW{_IF_NOT_EXISTS} {{table}}",
        _K.CREATE_VIEW,
        _M.ACCESS_EXCLUSIVE,
        others=_read,
    ),
    form(
        rf"CREATE{_OR_REPLACE}{_TEMPORARY}(?: RECURSIVE)? VIEW {{table}}",
        _K.CREATE_VIEW,
        _M.ACCESS_EXCLUSIVE,
        others=_read,
    ),
    form(rf"ALTER(?: MATERIALIZED)? VIEW{_IF_EXISTS} {{table}}", _K.ALTER_VIEW, _M.ACCESS_EXCLUSIVE),
    form(
        rf"DROP(?: MATERIALIZED)? VIEW{_IF_EXISTS} {{tables}}",
        _K.DROP_VIEW,
        _M.ACCESS_EXCLUSIVE,
        is_complete=_drops_only_itself,
    ),
    form(r"REFRESH MATERIALIZED VIEW CONCURRENTLY {table}", _K.REFRESH, _M.EXCLUSIVE, scans=True),
    form(r"REFRESH MATERIALIZED VIEW {table}", _K.REFRESH, _M.ACCESS_EXCLUSIVE, rewrites=True),
    form(rf"(?:CREATE{_TEMPORARY}|ALTER) SEQUENCE", _K.SEQUENCE),
    form(r"DROP SEQUENCE", _K.SEQUENCE, is_complete=_drops_only_itself),
    form(rf"CREATE{_OR_REPLACE} (?:{_FUNCTIONS})|ALTER (?:{_FUNCTIONS})", _K.FUNCTION),
    form(rf"DROP (?:{_FUNCTIONS})", _K.FUNCTION, is_complete=_drops_only_itself),
    form(r"COMMENT ON (?:TABLE|VIEW|MATERIALIZED VIEW) {table}", _K.COMMENT, _M.SHARE_UPDATE_EXCLUSIVE),
    form(r"COMMENT ON COLUMN {name}", _K.COMMENT, _M.SHARE_UPDATE_EXCLUSIVE, tables=_table_of_column),
    form(
        r"COMMENT ON (?:CONSTRAINT|TRIGGER|RULE|POLICY) {name} ON (?!DOMAIN ){table}",
        _K.COMMENT,
        _M.SHARE_UPDATE_EXCLUSIVE,
    ),
    form(r"COMMENT ON", _K.COMMENT),
    form(
        r"(?:GRANT|REVOKE|ALTER DEFAULT PRIVILEGES|(?:CREATE|ALTER|DROP) (?:ROLE|USER|GROUP))", _K.PRIVILEGES
    ),
    form(rf"CREATE{_OR_REPLACE} (?:{_OBJECTS})|ALTER TYPE {NAME} ADD VALUE|ALTER EXTENSION", _K.OBJECT),
    form(rf"DROP (?:{_OBJECTS})", _K.OBJECT, is_complete=_drops_only_itself),
    form(r"COPY {table}(?: \(\d+\))? FROM", _K.COPY, _M.ROW_EXCLUSIVE, changes_rows=True),
    form(r"COPY {table}(?: \(\d+\))? TO", _K.COPY, _M.ACCESS_SHARE),
    form(
        r"VACUUM(?: FULL(?: FREEZE)?(?: VERBOSE)?(?: ANALYZE)?) {tables}",
        _K.MAINTENANCE,
        _M.ACCESS_EXCLUSIVE,
        rewrites=True,
        in_transaction=False,
    ),
    form(
        r"VACUUM(?: FREEZE)?(?: VERBOSE)?(?: ANALYZE)? (?!FULL\b){tables}",
        _K.MAINTENANCE,
        _M.SHARE_UPDATE_EXCLUSIVE,
        in_transaction=False,
    ),
    form(r"ANALYZE(?: VERBOSE)? {tables}", _K.MAINTENANCE, _M.SHARE_UPDATE_EXCLUSIVE),
    form(r"CLUSTER(?: VERBOSE)? {table}", _K.MAINTENANCE, _M.ACCESS_EXCLUSIVE, rewrites=True),
    form(r"SET CONSTRAINTS", _K.SET_CONSTRAINTS),
    form(r"(?:SET|RESET|SHOW)", _K.SETTING),
    form(r"(?:BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE)", _K.TRANSACTION),
)
