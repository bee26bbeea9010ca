"""What is foretold of a statement, compared with what PostgreSQL does when it runs."""

import pytest
from django.db.migrations.loader import MigrationLoader

from config.operations.schema_change.statements import (
    LockMode,
    StatementKind,
    TableLock,
    analyse,
    read_catalogue,
    split,
    strongest,
)
from tests.config.operations.schema_change.foretold import FORMS, taken_back

pytestmark = pytest.mark.django_db

# What PostgreSQL does besides, because it decides on the way or because a statement leaves it open.
_INCOMPLETE = ("PARTITION", "DROP SCHEMA", "DROP STATISTICS", "DROP FUNCTION note() CASCADE")
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


def rows(cursor, query):
    cursor.execute(query)
    return cursor.fetchall()


def relations(cursor):
    return {oid: (name, kind, file) for oid, file, kind, name in rows(cursor, _RELATIONS)}


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
    def test_foretells_what_postgresql_does(self, foretold_database, foretold_catalogue, sql):
        statement = analyse(sql, catalogue=foretold_catalogue)
        locks, scans, rewrites = observe(foretold_database, sql)

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

    def test_heeds_that_only_without_an_offset_a_time_keeps_its_bytes(self, foretold_database):
        sql = "ALTER TABLE entries ALTER COLUMN at TYPE timestamptz"
        with taken_back(foretold_database) as cursor:
            cursor.execute("SET LOCAL TIME ZONE 'Asia/Seoul'")
            statement = analyse(sql, catalogue=read_catalogue(connection=foretold_database))

        assert statement.rewrites == ("entries",)
        _locks, _scans, rewrites = observe(foretold_database, f"SET LOCAL TIME ZONE 'Asia/Seoul'; {sql}")
        assert rewrites == {"entries"}

    @pytest.mark.parametrize(
        ("sql", "mode"),
        [
            ("CREATE INDEX CONCURRENTLY i ON entries (memo)", LockMode.SHARE_UPDATE_EXCLUSIVE),
            ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON entries (memo) WHERE memo <> ''", None),
            ("DROP INDEX CONCURRENTLY IF EXISTS entries_memo", LockMode.SHARE_UPDATE_EXCLUSIVE),
            ("REINDEX TABLE CONCURRENTLY entries", LockMode.SHARE_UPDATE_EXCLUSIVE),
            ("REINDEX (VERBOSE) INDEX CONCURRENTLY entries_memo", LockMode.SHARE_UPDATE_EXCLUSIVE),
            ("VACUUM entries", LockMode.SHARE_UPDATE_EXCLUSIVE),
            ("VACUUM FULL entries", LockMode.ACCESS_EXCLUSIVE),
        ],
    )
    def test_knows_what_the_manual_says_of_statements_that_need_no_transaction(
        self, foretold_catalogue, sql, mode
    ):
        statement = analyse(sql, catalogue=foretold_catalogue)

        assert not statement.in_transaction
        assert statement.is_complete
        assert statement.locks == (TableLock("entries", mode or LockMode.SHARE_UPDATE_EXCLUSIVE),)
        assert bool(statement.rewrites) == (mode is LockMode.ACCESS_EXCLUSIVE)

    @pytest.mark.parametrize(
        "sql",
        [
            "DO $$ BEGIN DROP TABLE entries; END $$",
            "CALL f()",
            "EXPLAIN ANALYZE DELETE FROM entries",
            "?",
            "",
        ],
    )
    def test_says_so_where_it_does_not_understand(self, foretold_catalogue, sql):
        statement = analyse(sql, catalogue=foretold_catalogue)

        assert statement.kind is StatementKind.OTHER
        assert not statement.is_understood
        assert not statement.is_complete

    def test_expects_the_strongest_lock_of_an_action_that_it_does_not_understand(self, foretold_catalogue):
        statement = analyse("ALTER TABLE entries ADD a integer, MELT", catalogue=foretold_catalogue)

        assert not statement.is_understood
        assert statement.locks == (TableLock("entries", LockMode.ACCESS_EXCLUSIVE),)

    @pytest.mark.parametrize(
        "sql",
        [
            "ALTER TABLE entries ALTER COLUMN memo TYPE text",
            "ALTER TABLE entries ADD COLUMN a integer DEFAULT unknown()",
            "ALTER TABLE entries ALTER COLUMN amount SET NOT NULL",
        ],
    )
    def test_supposes_the_worst_without_a_catalogue(self, sql):
        statement = analyse(sql)

        assert (*statement.scans, *statement.rewrites) == ("entries",)

    @pytest.mark.parametrize(
        "sql",
        [
            "DROP TABLE entries",
            "DROP INDEX entries_memo",
            "ALTER TABLE entries DROP COLUMN memo",
            "ALTER TABLE entries DROP CONSTRAINT entries_parent",
            "ALTER TABLE entries VALIDATE CONSTRAINT entries_other",
            "TRUNCATE entries CASCADE",
            "DROP SEQUENCE numbers CASCADE",
        ],
    )
    def test_says_that_it_misses_the_catalogue(self, sql):
        assert not analyse(sql).is_complete

    @pytest.mark.parametrize(
        "default",
        [
            "3",
            "'a'::varchar(9)",
            "now()",
            "CURRENT_TIMESTAMP(3)",
            "STATEMENT_TIMESTAMP()",
            "ARRAY[1]",
            "(NULL)",
        ],
    )
    def test_needs_no_catalogue_to_know_a_constant(self, default):
        sql = f"ALTER TABLE entries ADD COLUMN a text DEFAULT {default} NOT NULL REFERENCES parents (id)"

        assert analyse(sql).rewrites == ()

    def test_tells_the_actions_of_one_statement_apart(self, foretold_catalogue):
        statement = analyse(
            'ALTER TABLE "entries" ALTER COLUMN "memo" TYPE text, ALTER COLUMN "note" SET NOT NULL, '
            'ADD CONSTRAINT "c" FOREIGN KEY ("other_id") REFERENCES "parents" ("id")',
            catalogue=foretold_catalogue,
        )

        assert [(action.kind, action.name, action.columns) for action in statement.actions] == [
            (StatementKind.ALTER_TYPE, "memo", ("memo",)),
            (StatementKind.SET_NOT_NULL, "note", ("note",)),
            (StatementKind.ADD_FOREIGN_KEY, "c", ("other_id",)),
        ]
        assert statement.actions[1].sql == 'ALTER COLUMN "note" SET NOT NULL'
        assert statement.actions[2].other_table == "parents"
        assert statement.kind is StatementKind.SET_NOT_NULL
        assert statement.scans == ("entries",)

    def test_names_a_table_of_another_schema_with_its_schema(self, foretold_catalogue):
        own = analyse('DROP INDEX "foretold"."entries_memo"', catalogue=foretold_catalogue)
        other = analyse("TRUNCATE foretold_attic.old", catalogue=foretold_catalogue)

        assert (own.table, other.table) == ("entries", "foretold_attic.old")

    def test_understands_every_migration_but_for_its_blocks_of_code(self, foretold_database):
        loader = MigrationLoader(foretold_database)
        leaves = loader.graph.leaf_nodes()
        keys = dict.fromkeys(key for leaf in leaves for key in loader.graph.forwards_plan(leaf))
        script = "\n".join(loader.collect_sql([(loader.graph.nodes[key], False) for key in keys]))

        statements = [analyse(sql) for sql in split(script)]

        assert len(statements) > 200
        unknown = [statement.sql for statement in statements if not statement.is_understood]
        assert [sql for sql in unknown if not sql.startswith("DO ")] == []
