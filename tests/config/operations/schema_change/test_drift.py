"""Whether every kind of drift is found, and nothing where there is none."""

import datetime

import pytest
from django.core.management import call_command

from config.operations.schema_change.drift import Kind, find_drift
from tests.config.operations.schema_change.migrated_databases import (
    empty_database,
    execute,
    migrated_database,
)

NOW = datetime.datetime(2025, 8, 5, 3, 0, tzinfo=datetime.UTC)

FOREIGN_KEY = """
    ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {to} {how}
"""
EXPENSE_KEY = "budget_expenses_budget_id_eed18993_fk_budgets_id"
INCOME_KEY = "budget_incomes_budget_id_3ccc0528_fk_budgets_id"
ALLOCATION_KEY = "annual_allocations_organization_id_eb3d4397_fk_organizations_id"

# What somebody did by hand → the object that it is found on. No two of them touch the same object.
SEEDS = {
    "index dropped": ("DROP INDEX events_by_date", Kind.MISSING, "INDEX events_by_date"),
    "index added": ("CREATE INDEX index_by_hand ON users (status)", Kind.EXTRA, "INDEX index_by_hand"),
    "index changed": (
        "DROP INDEX budgets_by_status; CREATE INDEX budgets_by_status ON budgets (status)",
        Kind.CHANGED,
        "INDEX budgets_by_status",
    ),
    "index invalid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_search'::regclass",
        Kind.INVALID,
        "INDEX users_search",
    ),
    "index added and invalid": (
        "CREATE INDEX left_over ON users (name);"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'left_over'::regclass",
        Kind.INVALID,
        "INDEX left_over",
    ),
    "default changed": (
        "ALTER TABLE audit_trails ALTER severity SET DEFAULT 'WARNING'",
        Kind.CHANGED,
        "COLUMN audit_trails.severity",
    ),
    "default dropped": (
        "ALTER TABLE users ALTER created_at DROP DEFAULT",
        Kind.CHANGED,
        "COLUMN users.created_at",
    ),
    "NOT NULL dropped": (
        "ALTER TABLE audit_trails ALTER reason DROP NOT NULL",
        Kind.CHANGED,
        "COLUMN audit_trails.reason",
    ),
    "NOT NULL added": (
        "ALTER TABLE audit_trails ALTER request_id SET NOT NULL",
        Kind.CHANGED,
        "COLUMN audit_trails.request_id",
    ),
    "type changed": (
        "ALTER TABLE audit_trails ALTER command TYPE text",
        Kind.CHANGED,
        "COLUMN audit_trails.command",
    ),
    "collation changed": (
        'ALTER TABLE audit_trails ALTER user_agent TYPE text COLLATE "C"',
        Kind.CHANGED,
        "COLUMN audit_trails.user_agent",
    ),
    "column added": (
        "ALTER TABLE users ADD by_hand text; COMMENT ON COLUMN users.by_hand IS 'folded'",
        Kind.EXTRA,
        "COLUMN users.by_hand",
    ),
    "column dropped": (
        "ALTER TABLE audit_trails DROP session_hash",
        Kind.MISSING,
        "COLUMN audit_trails.session_hash",
    ),
    "column renamed": (
        "ALTER TABLE audit_trails RENAME ip_address TO ip",
        Kind.CHANGED,
        "COLUMN audit_trails.ip_address",
    ),
    "comment changed": ("COMMENT ON TABLE events IS 'x'", Kind.CHANGED, "COMMENT TABLE events"),
    "comment dropped": (
        "COMMENT ON COLUMN events.id IS NULL",
        Kind.MISSING,
        "COMMENT COLUMN events.id",
    ),
    "CHECK dropped": (
        "ALTER TABLE annual_allocations DROP CONSTRAINT annual_allocation_year_range",
        Kind.MISSING,
        "CONSTRAINT annual_allocations annual_allocation_year_range",
    ),
    "CHECK changed": (
        "ALTER TABLE annual_allocations DROP CONSTRAINT annual_allocation_amount_range,"
        " ADD CONSTRAINT annual_allocation_amount_range CHECK (amount >= 0)",
        Kind.CHANGED,
        "CONSTRAINT annual_allocations annual_allocation_amount_range",
    ),
    "CHECK changed in nothing but its parentheses": (
        "ALTER TABLE audit_trails DROP CONSTRAINT audit_trail_change_names_table,"
        " ADD CONSTRAINT audit_trail_change_names_table CHECK"
        " (NOT (action IN ('INSERT', 'UPDATE', 'DELETE') OR NOT table_name = ''))",
        Kind.CHANGED,
        "CONSTRAINT audit_trails audit_trail_change_names_table",
    ),
    "CHECK added": (
        "ALTER TABLE users ADD CONSTRAINT by_hand CHECK (name <> 'x')",
        Kind.EXTRA,
        "CONSTRAINT users by_hand",
    ),
    "CHECK unvalidated": (
        "ALTER TABLE audit_trails DROP CONSTRAINT audit_trail_severity_valid,"
        " ADD CONSTRAINT audit_trail_severity_valid"
        " CHECK (severity IN ('INFO', 'WARNING', 'CRITICAL')) NOT VALID",
        Kind.UNVALIDATED,
        "CONSTRAINT audit_trails audit_trail_severity_valid",
    ),
    "foreign key dropped": (
        f"ALTER TABLE budget_expenses DROP CONSTRAINT {EXPENSE_KEY}",
        Kind.MISSING,
        f"CONSTRAINT budget_expenses {EXPENSE_KEY}",
    ),
    "foreign key unvalidated": (
        f"ALTER TABLE budget_incomes DROP CONSTRAINT {INCOME_KEY};"
        + FOREIGN_KEY.format(
            table="budget_incomes",
            name=INCOME_KEY,
            column="budget_id",
            to="budgets (id)",
            how="DEFERRABLE INITIALLY DEFERRED NOT VALID",
        ),
        Kind.UNVALIDATED,
        f"CONSTRAINT budget_incomes {INCOME_KEY}",
    ),
    "foreign key with another action": (
        f"ALTER TABLE annual_allocations DROP CONSTRAINT {ALLOCATION_KEY};"
        + FOREIGN_KEY.format(
            table="annual_allocations",
            name=ALLOCATION_KEY,
            column="organization_id",
            to="organizations (id)",
            how="ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
        ),
        Kind.CHANGED,
        f"CONSTRAINT annual_allocations {ALLOCATION_KEY}",
    ),
    "foreign key switched off": (
        "ALTER TABLE migration_runs DISABLE TRIGGER ALL",
        Kind.DISABLED,
        "CONSTRAINT migration_runs ",
    ),
    "unique constraint dropped": (
        "DROP INDEX user_email_unique",
        Kind.MISSING,
        "INDEX user_email_unique",
    ),
    "trigger dropped": (
        "DROP TRIGGER budget_version_order ON budgets",
        Kind.MISSING,
        "TRIGGER budgets budget_version_order",
    ),
    "trigger added": (
        "CREATE TRIGGER by_hand BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION set_updated_at()",
        Kind.EXTRA,
        "TRIGGER users by_hand",
    ),
    "trigger disabled": (
        "ALTER TABLE events DISABLE TRIGGER event_status_order",
        Kind.DISABLED,
        "TRIGGER events event_status_order",
    ),
    "trigger changed": (
        "DROP TRIGGER settlement_status_order ON settlements; CREATE TRIGGER settlement_status_order"
        " BEFORE UPDATE ON settlements FOR EACH ROW EXECUTE FUNCTION refuse_status_change('A > B')",
        Kind.CHANGED,
        "TRIGGER settlements settlement_status_order",
    ),
    "function changed": (
        "CREATE OR REPLACE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NEW; END'",
        Kind.CHANGED,
        "FUNCTION set_updated_at()",
    ),
    "function added": (
        "CREATE FUNCTION by_hand(text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        Kind.EXTRA,
        "FUNCTION by_hand(text)",
    ),
    "identity changed": (
        "ALTER TABLE auth_permission ALTER id SET GENERATED ALWAYS",
        Kind.CHANGED,
        "SEQUENCE auth_permission_id_seq",
    ),
    "identity dropped": (
        "ALTER TABLE auth_group_permissions ALTER id DROP IDENTITY",
        Kind.MISSING,
        "SEQUENCE auth_group_permissions_id_seq",
    ),
    "sequence changed": (
        "ALTER SEQUENCE django_admin_log_id_seq INCREMENT BY 7",
        Kind.CHANGED,
        "SEQUENCE django_admin_log_id_seq",
    ),
    "table added": (
        "CREATE TABLE by_hand (id int PRIMARY KEY); COMMENT ON TABLE by_hand IS 'folded'",
        Kind.EXTRA,
        "TABLE by_hand",
    ),
    "table dropped": ("DROP TABLE rehearsals", Kind.MISSING, "TABLE rehearsals"),
    "table unlogged": ("ALTER TABLE django_session SET UNLOGGED", Kind.CHANGED, "TABLE django_session"),
    "storage parameter": (
        "ALTER TABLE unfinished_steps SET (fillfactor = 50)",
        Kind.CHANGED,
        "TABLE unfinished_steps",
    ),
    "statistics target": (
        "ALTER TABLE users ALTER status SET STATISTICS 500",
        Kind.EXTRA,
        "SETTING users.status STATISTICS",
    ),
    "view added": ("CREATE VIEW view_by_hand AS SELECT 1 AS one", Kind.EXTRA, "VIEW view_by_hand"),
    "row security": ("ALTER TABLE users ENABLE ROW LEVEL SECURITY", Kind.EXTRA, "ROW SECURITY users"),
    "schema added": (
        "CREATE SCHEMA archive; CREATE TABLE archive.events (); CREATE SCHEMA attic; "
        "CREATE TABLE attic.dropped ()",
        Kind.EXTRA,
        "SCHEMA archive",
    ),
    "extension dropped": ("DROP EXTENSION pgcrypto", Kind.MISSING, "EXTENSION pgcrypto"),
}
# These may hold data, so that no statement is offered.
LEFT_TO_A_PERSON = {"COLUMN users.by_hand", "TABLE by_hand", "SCHEMA archive"}


@pytest.fixture(scope="module")
def folder(schema_folder):
    return schema_folder


@pytest.fixture(scope="module", autouse=True)
def database(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), migrated_database("drift"):
        yield


@pytest.fixture(scope="module")
def damage(database, folder):
    """Do all the damage at once, which also shows that none hides another; then do what is offered."""
    for seed, _kind, _title in SEEDS.values():
        execute(seed)
    differences = drift(folder)
    # Others may need the functions of an extension.
    for each in sorted(differences.values(), key=lambda each: "EXTENSION" not in each.title):
        execute(*each.statements)
    left = drift(folder)
    execute("ALTER TABLE users DROP by_hand; DROP TABLE by_hand; DROP SCHEMA archive, attic CASCADE")
    return differences, left


@pytest.fixture
def differences(damage):
    return damage[0]


def drift(folder):
    return {each.title: each for each in find_drift(alias="default", folder=folder, now=NOW)}


class TestFindDrift:
    @pytest.mark.parametrize(("kind", "title"), [seed[1:] for seed in SEEDS.values()], ids=SEEDS)
    def test_finds(self, differences, kind, title):
        [found] = [each for name, each in differences.items() if name.startswith(title)]

        assert found.kind == kind
        assert bool(found.statements) is (title not in LEFT_TO_A_PERSON)

    def test_finds_nothing_but_what_was_damaged(self, differences):
        titles = tuple(title for _seed, _kind, title in SEEDS.values())

        assert [each for each in differences if not each.startswith(titles)] == []

    def test_shows_what_differs(self, differences):
        changed = differences["COLUMN audit_trails.command"]

        assert changed.lines == (
            "- command text DEFAULT ''::character varying NOT NULL",
            "+ command character varying(100) DEFAULT ''::character varying NOT NULL",
        )

    def test_offers_statements_that_put_it_right(self, damage, folder):
        _differences, left = damage

        assert left.keys() == LEFT_TO_A_PERSON
        assert drift(folder) == {}

    def test_finds_nothing_after_down_and_up_again(self, folder):
        for label in ("receipts", "audit", "budget"):
            call_command("migrate", label, "zero", verbosity=0, database="default")
        call_command("migrate", verbosity=0, database="default")

        assert drift(folder) == {}

    def test_takes_nothing_that_is_pending_for_missing(self, folder):
        with empty_database("drift_empty"):
            assert drift(folder) == {}
            execute("CREATE TABLE by_hand ()")
            assert drift(folder).keys() == {"TABLE by_hand"}

    def test_leaves_what_a_change_of_type_keeps_until_its_contract(self, folder):
        execute(
            """
            ALTER TABLE events ADD COLUMN status__old text;
            CREATE FUNCTION zz_in_step_status() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE TRIGGER zz_in_step_status BEFORE INSERT ON events
                FOR EACH ROW EXECUTE FUNCTION zz_in_step_status()
            """
        )
        try:
            assert drift(folder) == {}
        finally:
            execute("ALTER TABLE events DROP COLUMN status__old; DROP FUNCTION zz_in_step_status CASCADE")
