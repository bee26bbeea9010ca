"""The whole history of our migrations, forwards and backwards, with rows in every table."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations import RunPython
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from config.operations.schema import ATTIC, read_definitions, read_schema
from tests.factories import (
    AnnualAllocationFactory,
    AuditTrailFactory,
    BudgetExpenseFactory,
    BudgetIncomeFactory,
    MembershipFactory,
    MigrationRunFactory,
    ReceiptScanFactory,
    ReceiptValidationFactory,
    RehearsalFactory,
    SettlementItemFactory,
    UnfinishedStepFactory,
)

OURS = {"budget", "audit", "receipts", "operations"}
THIRTEEN = [
    ("budget", "0002_users"),
    ("budget", "0003_organizations"),
    ("budget", "0004_user_organizations"),
    ("budget", "0005_events"),
    ("budget", "0006_budgets"),
    ("budget", "0007_budget_incomes"),
    ("budget", "0008_budget_expenses"),
    ("budget", "0009_settlements"),
    ("budget", "0010_settlement_items"),
    ("audit", "0001_audit_trails"),
    ("receipts", "0001_receipt_scans"),
    ("receipts", "0002_ocr_results"),
    ("receipts", "0003_receipt_validations"),
]


@pytest.fixture
def empty_database(django_db_setup, django_db_blocker) -> Iterator[str]:
    """Point the default connection at a database of its own, where tables may come and go."""
    original = connection.settings_dict["NAME"]
    name = f"{original}_history"
    with django_db_blocker.unblock():
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
            cursor.execute(f'CREATE DATABASE "{name}"')
        connection.close()
        connection.settings_dict["NAME"] = name
        yield name
        connection.close()
        connection.settings_dict["NAME"] = original
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}"')


def full_plan():
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
    return [migration for migration, _backwards in plan]


def step(migration, *, backwards):
    """Apply or revert exactly one migration."""
    executor = MigrationExecutor(connection)
    executor.migrate([(migration.app_label, migration.name)], plan=[(migration, backwards)])


def our_tables():
    present = set(connection.introspection.table_names())
    return {
        model._meta.db_table for label in OURS for model in apps.get_app_config(label).get_models()
    } & present


def rows_of_every_table():
    """Return table → (row count, hash of the rows), whatever the order of rows and columns."""
    with connection.cursor() as cursor:
        rows = {}
        for table in our_tables():
            cursor.execute(
                # Whoever reverts the order and the role of entries loses them; the rest stays.
                "SELECT count(*), sum(hashtextextended("
                "(to_jsonb(row) - '{position,database_role}'::text[])::text, 0)::numeric)"
                f" FROM {table} AS row"
            )
            rows[table] = cursor.fetchone()
        return rows


def create_rows_in_every_table():
    for factory in (
        AnnualAllocationFactory,
        AuditTrailFactory,
        BudgetExpenseFactory,
        BudgetIncomeFactory,
        MembershipFactory,
        MigrationRunFactory,
        ReceiptScanFactory,
        ReceiptValidationFactory,
        RehearsalFactory,
        SettlementItemFactory,
        UnfinishedStepFactory,
    ):
        factory.create_batch(2)
    assert all(count for count, _hash in rows_of_every_table().values())


def apply_one_by_one(plan):
    """Return the schema before each migration, and after the last one."""
    MigrationExecutor(connection).recorder.ensure_schema()
    schemas = [read_schema(connection=connection)]
    for migration in plan:
        step(migration, backwards=False)
        schemas.append(read_schema(connection=connection))
    return schemas


class TestHistory:
    def test_gives_back_schema_and_rows_at_every_step_down_and_up_again(self, empty_database):
        plan = full_plan()
        schemas = apply_one_by_one(plan)
        create_rows_in_every_table()

        for position, migration in reversed(list(enumerate(plan))):
            rows = rows_of_every_table()
            step(migration, backwards=True)
            assert read_schema(connection=connection) == schemas[position], f"{migration} reverted"
            remaining = rows_of_every_table()
            assert {table: count for table, (count, _hash) in remaining.items()} == {
                table: rows[table][0] for table in remaining
            }
            if migration.app_label not in OURS:
                continue

            step(migration, backwards=False)
            assert read_schema(connection=connection) == schemas[position + 1], f"{migration} applied again"
            assert rows_of_every_table().items() >= {table: rows[table] for table in remaining}.items()
            step(migration, backwards=True)

        assert our_tables() == set()

    def test_down_to_nothing_and_up_by_command_gives_the_same_schema_and_the_seeds(self, empty_database):
        call_command("migrate", verbosity=0, database="default")
        call_command("seed", verbosity=0)
        before, seeds = read_schema(connection=connection), rows_of_every_table()["organizations"][0]

        for label in ("receipts", "audit", "budget"):
            call_command("migrate", label, "zero", verbosity=0, database="default")
        tables_at_zero = our_tables()
        call_command("migrate", verbosity=0, database="default")
        call_command("seed", verbosity=0)

        assert tables_at_zero == set()
        assert read_schema(connection=connection) == before
        assert rows_of_every_table()["organizations"][0] == seeds == 4


def execute(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def extensions():
    with connection.cursor() as cursor:
        cursor.execute("SELECT extname, extnamespace::regnamespace::text FROM pg_extension")
        return dict(cursor.fetchall())


class TestExtensions:
    def test_get_a_schema_of_their_own_and_take_it_with_them(self, empty_database):
        call_command("migrate", "budget", "0001", verbosity=0, database="default")
        there = extensions()
        call_command("migrate", "budget", "zero", verbosity=0, database="default")

        assert {there[name] for name in ("uuid-ossp", "pgcrypto", "pg_trgm")} == {"extensions"}
        assert extensions().keys() == {"plpgsql"}
        assert "extensions" not in "".join(read_schema(connection=connection))

    def test_that_were_there_before_stay(self, empty_database):
        execute("CREATE EXTENSION pg_trgm")

        call_command("migrate", verbosity=0, database="default")
        call_command("migrate", "budget", "zero", verbosity=0, database="default")

        assert extensions().keys() == {"plpgsql", "pg_trgm"}

    def test_that_somebody_else_uses_stay(self, empty_database):
        call_command("migrate", "budget", "0001", verbosity=0, database="default")
        execute("CREATE SCHEMA other; CREATE TABLE other.words (word text)")
        execute("CREATE INDEX ON other.words USING gin (word extensions.gin_trgm_ops)")

        call_command("migrate", "budget", "zero", verbosity=0, database="default")

        assert extensions()["pg_trgm"] == "extensions"

    def test_out_of_reach_are_refused_with_the_way_to_move_them(self, empty_database):
        execute("CREATE SCHEMA elsewhere; CREATE EXTENSION pg_trgm SCHEMA elsewhere")

        with pytest.raises(CommandError, match="ALTER EXTENSION pg_trgm SET SCHEMA extensions"):
            call_command("migrate", "budget", "0001", verbosity=0, database="default")


class TestSearchIndexes:
    def test_are_built_anew_after_an_interruption(self, empty_database):
        call_command("migrate", "budget", "0015", verbosity=0, database="default")
        execute("CREATE INDEX users_search ON users (search_text)")
        execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_search'::regclass")

        call_command("migrate", verbosity=0, database="default")

        with connection.cursor() as cursor:
            cursor.execute("SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'users'::regclass")
            assert cursor.fetchone() == (True,)


class TestPlan:
    def test_creates_the_thirteen_tables_in_order_before_anything_later(self):
        graph = MigrationLoader(None).graph
        plan: list[tuple[str, str]] = []
        for leaf in sorted(graph.leaf_nodes()):
            plan += [key for key in graph.forwards_plan(leaf) if key not in plan]

        ours = [key for key in plan if key[0] in OURS]

        assert ours[0] == ("budget", "0001_extensions")
        assert ours[1:14] == THIRTEEN

    def test_reverses_every_data_migration(self):
        irreversible = [
            (key, operation)
            for key, migration in MigrationLoader(None).disk_migrations.items()
            if key[0] in OURS
            for operation in migration.operations
            if not operation.reversible
            or (isinstance(operation, RunPython) and operation.reverse_code is None)
        ]

        assert irreversible == []

    def test_has_no_automatic_names(self):
        names = [name for app, name in MigrationLoader(None).disk_migrations if app in OURS]

        assert not [name for name in names if "_auto_" in name]

    @pytest.mark.django_db
    def test_has_nothing_to_add(self):
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)


class TestReadSchema:
    def test_sees_what_changes_and_not_the_order_of_columns(self, empty_database):
        first = schema_of_table("a integer NOT NULL, b text DEFAULT 'x'")

        assert schema_of_table("b text DEFAULT 'x', a integer NOT NULL") == first
        for other in (
            "a bigint NOT NULL, b text DEFAULT 'x'",
            "a integer, b text DEFAULT 'x'",
            "a integer NOT NULL",
        ):
            assert schema_of_table(other) != first

    def test_takes_no_line_of_a_body_for_a_setting_of_psql(self, empty_database):
        execute("SET check_function_bodies = off")
        execute("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'UPDATE x\nSET y = 1;\nSELECT 1'")

        definitions = read_definitions(connection=connection)

        assert "\nSET y = 1;\n" in definitions["Name: one(); Type: FUNCTION; Schema: public"]
        assert definitions["Name: one(); Type: FUNCTION; Schema: public"].endswith("$$;")

    def test_leaves_out_what_waits_in_the_attic(self, empty_database):
        execute("CREATE SCHEMA attic; CREATE TABLE attic.dropped ()")

        assert "Schema: attic" in "".join(read_schema(connection=connection))
        assert "attic" not in "".join(read_schema(connection=connection, excluded=[ATTIC]))


def schema_of_table(columns):
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE example ({columns})")
        schema = read_schema(connection=connection)
        cursor.execute("DROP TABLE example")
    return schema
