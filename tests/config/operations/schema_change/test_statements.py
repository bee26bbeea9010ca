"""What is foretold of a statement, compared with what PostgreSQL does when it runs."""

import contextlib

import pytest
from django.db import connection

from config.databases import EXTENSIONS_SCHEMA
from config.operations.schema_change.statements import (
    LockMode,
    StatementKind,
    TableLock,
    analyse,
    read_catalogue,
    strongest,
)
from tests.config.operations.schema_change.foretold import FORMS, SCHEMA, TABLES

pytestmark = pytest.mark.django_db

# What PostgreSQL does besides, because it decides on the way or because a statement leaves it open.
_INCOMPLETE = ("PARTITION", "DROP FUNCTION note() CASCADE")
_PLANNED_BY_THE_SERVER = {
    StatementKind.SELECT,
    StatementKind.INSERT,
    StatementKind.UPDATE,
    StatementKind.DELETE,
    StatementKind.MERGE,
}
_LOOKS_UP_OTHER_TABLE = {StatementKind.ADD_FOREIGN_KEY, StatementKind.ADD_COLUMN, StatementKind.VALIDATE}

_RELATIONS = """
    SELECT pg_class.oid, relfilenode, relkind::text,
           CASE WHEN nspname = 'foretold' THEN relname ELSE nspname || '.' || relname END
      FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind IN ('r', 'p', 'm', 'v')
"""
_LOCKS = """
    SELECT relation, mode FROM pg_locks
     WHERE pid = pg_backend_pid() AND locktype = 'relation'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_SCANS = "SELECT relid, seq_scan FROM pg_stat_xact_user_tables"
_MODES = {mode.name_in_pg_locks: mode for mode in LockMode}


@pytest.fixture(scope="module")
def database(django_db_setup, django_db_blocker):
    """Connect to a schema of its own, with rows in its tables, that lasts as long as this module."""
    with django_db_blocker.unblock(), contextlib.closing(connection.copy()) as other:
        other.settings_dict["OPTIONS"]["options"] = f"-c search_path={SCHEMA},{EXTENSIONS_SCHEMA}"
        try:
            execute(other, TABLES)
            yield other
        finally:
            execute(other, f"DROP SCHEMA IF EXISTS {SCHEMA}, foretold_attic CASCADE")


@pytest.fixture(scope="module")
def catalogue(database):
    return read_catalogue(connection=database)


def execute(database, sql):
    with database.cursor() as cursor:
        cursor.execute(sql)


def rows(cursor, query):
    cursor.execute(query)
    return cursor.fetchall()


def relations(cursor):
    return {oid: (name, kind, file) for oid, file, kind, name in rows(cursor, _RELATIONS)}


@contextlib.contextmanager
def taken_back(database):
    with database.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            yield cursor
        finally:
            cursor.execute("ROLLBACK")


def observe(database, sql):
    """Run `sql` in a transaction that is taken back; return the locks, scans and rewrites it causes."""
    with taken_back(database) as cursor:
        before, scans = relations(cursor), dict(rows(cursor, _SCANS))
        cursor.execute(sql)
        after = relations(cursor)
        known = {**after, **before}
        locks = [TableLock(known[oid][0], _MODES[mode]) for oid, mode in rows(cursor, _LOCKS) if oid in known]
        scanned = {before[oid][0] for oid, count in rows(cursor, _SCANS) if count > scans.get(oid, count)}
        rewritten = {
            name for oid, (name, _kind, file) in before.items() if after.get(oid, [file])[-1] != file
        }
    return set(strongest(locks)), scanned - rewritten, rewritten


def stored(tables):
    """Return the tables that have rows of their own: neither views nor what only has partitions."""
    return set(tables) - {"years", "names"}


class TestAnalyse:
    @pytest.mark.parametrize("sql", FORMS)
    def test_foretells_what_postgresql_does(self, database, catalogue, sql):
        statement = analyse(sql, catalogue=catalogue)
        locks, scans, rewrites = observe(database, sql)

        assert statement.is_understood
        if statement.kind in _PLANNED_BY_THE_SERVER:
            assert scans <= set(statement.scans)
        else:
            looked_up = {"parents"} if statement.kind in _LOOKS_UP_OTHER_TABLE else set()
            assert stored(statement.scans) == scans - looked_up
        if statement.kind is not StatementKind.TRUNCATE:  # Its new file has nothing in it.
            assert stored(statement.rewrites) == rewrites
        if statement.is_complete:
            assert set(statement.locks) == locks
        else:
            assert any(word in sql for word in _INCOMPLETE)
            assert set(statement.locks) <= locks
