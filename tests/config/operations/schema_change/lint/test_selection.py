import pytest
from django.db import connection, migrations, models
from django.db.migrations.recorder import MigrationRecorder

from config.operations.models import Direction, Way
from config.operations.schema_change.lint.linter import lint, lint_selection
from config.operations.schema_change.lint.selection import (
    Selection,
    UnknownMigration,
    full_name,
    require_known,
    select_all,
    select_named,
    select_pending,
)
from config.operations.schema_change.planning import Plan, PlannedMigration
from tests.config.operations.schema_change.lint.corpus.cases import (
    LARGE,
    SMALL,
    TABLES,
    beginning,
    migration,
)

INDEX = "CREATE INDEX by_note ON events (note)"

pytestmark = pytest.mark.usefixtures("english")


def rules(findings):
    return [each.rule for each in findings]


def deploy(*migrations_, sizes):
    return lint_selection(selection=Selection(migrations=migrations_, state=beginning().clone(), sizes=sizes))


class TestOneDeploy:
    """Migrations that a database gets together."""

    LARGE_TABLES = dict.fromkeys(TABLES, LARGE)

    def test_may_do_anything_to_a_table_of_its_own(self):
        visits = migrations.CreateModel(
            "Visit",
            [("id", models.BigAutoField(primary_key=True)), ("note", models.TextField())],
            options={"db_table": "visits"},
        )
        changes = [
            migrations.RunSQL("CREATE INDEX by_visit ON visits (note)", "DROP INDEX by_visit"),
            migrations.RemoveField("visit", "note"),
        ]

        together = deploy(
            migration("0002_visits", [visits]), migration("0003_change", changes), sizes=self.LARGE_TABLES
        )
        one_by_one = deploy(migration("0002_visits", [visits]), migration("0003_change", changes), sizes=None)

        assert rules(together) == ["reverse-needs-value"]
        assert rules(one_by_one) == ["blocking-index", "reverse-needs-value", "drop-in-use"]

    def test_cannot_drop_what_it_has_just_taken_out_of_the_models(self):
        aside = migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("event", "note")]
        )
        dropped = migrations.RunSQL("ALTER TABLE events DROP note", "ALTER TABLE events ADD note text")

        release = [migration("0002_aside", [aside]), migration("0003_drop", [dropped])]

        assert rules(deploy(*release, sizes=None)) == []
        # The column is gone from the models of the first migration, but not from the code that runs.
        assert rules(deploy(*release, sizes=self.LARGE_TABLES)) == ["drop-in-use"]

    def test_knows_a_table_under_its_new_name(self):
        renamed = migrations.RunSQL(
            "ALTER TABLE events RENAME TO gatherings; CREATE INDEX by_note ON gatherings (note)",
            "DROP INDEX by_note; ALTER TABLE gatherings RENAME TO events",
        )

        assert rules(deploy(migration("0002_rename", [renamed]), sizes=self.LARGE_TABLES)) == [
            "rename-in-use",
            "blocking-index",
        ]

    def test_looks_at_the_table_that_a_statement_is_about(self):
        sizes = {"events": SMALL, "organizations": LARGE, "events_guests": LARGE}

        assert deploy(migration("0002_index", [migrations.RunSQL(INDEX, "DROP INDEX x")]), sizes=sizes) == ()


@pytest.mark.django_db
class TestSelectPending:
    def test_is_empty_when_all_is_applied(self):
        selection = select_pending(connection=connection)

        assert (selection.migrations, selection.only) == ((), frozenset())

    def test_knows_the_sizes_and_the_models_of_the_database(self, monkeypatch):
        for name in ("0003_receipt_validations", "0004_audit"):
            MigrationRecorder(connection).record_unapplied("receipts", name)

        selection = select_pending(connection=connection)

        assert selection.only == {"receipts.0003_receipt_validations", "receipts.0004_audit"}
        assert selection.sizes["events"].bytes > 0
        assert ("receipts", "ocrresult") in selection.state.models
        assert ("receipts", "receiptvalidation") not in selection.state.models


class TestSelectAll:
    def test_has_nothing_against_a_migration_of_ours(self):
        findings = lint_selection(selection=select_all())

        assert [each for each in findings if each.accepted is None] == []

    def test_speaks_of_no_migration_of_others(self):
        assert {name.partition(".")[0] for name in select_all().only} == {
            "audit",
            "budget",
            "operations",
            "receipts",
        }

    def test_can_be_narrowed_by_the_beginning_of_a_name(self):
        narrowed = select_named(selection=select_all(), app_label="budget", name="0015")

        assert narrowed.only == {"budget.0015_search_text"}


class TestRequireKnown:
    @pytest.mark.parametrize(
        ("app_label", "name", "words"),
        [("parish", None, "no migration parish"), ("budget", "9999", "no migration budget.9999")],
    )
    def test_names_what_is_not_there(self, app_label, name, words):
        with pytest.raises(UnknownMigration, match=words):
            require_known(app_label=app_label, name=name)


class TestLint:
    def test_takes_what_a_plan_applies(self):
        (applied,) = [
            each for each in select_all().migrations if full_name(each) == "budget.0015_search_text"
        ]

        def plan(direction):
            planned = PlannedMigration(
                name="budget.0015_search_text",
                migration=applied,
                direction=direction,
                way=Way.ATOMIC,
                operations=(),
                large_tables=frozenset(),
            )
            return Plan(migrations=(planned,), fingerprint="")

        sizes = {"events": LARGE, "users": SMALL}

        assert [each.table for each in lint(plan=plan(Direction.APPLY), sizes=sizes)] == ["events"]
        assert lint(plan=plan(Direction.REVERT), sizes=sizes) == ()
