import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from config.operations.integrity import check_integrity, find_problems
from tests.factories import BudgetIncomeFactory, EventFactory, SettlementFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def execute(*statements):
    """Damage the schema; what the test's transaction has deferred would stand in the way."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in statements:
            cursor.execute(statement)


def find():
    return list(check_integrity(using="default"))


def identities():
    return [problem.id for problem in find()]


class TestUnvalidatedConstraints:
    def test_are_found(self):
        execute("ALTER TABLE users ADD CONSTRAINT has_phone CHECK (phone <> '') NOT VALID")

        [problem] = find()

        assert problem.id == "operations.E101"
        assert problem.obj == "users.has_phone"
        assert problem.hint == "ALTER TABLE users VALIDATE CONSTRAINT has_phone"

    def test_are_no_problem_once_validated(self):
        execute(
            "ALTER TABLE users ADD CONSTRAINT has_name CHECK (name <> '') NOT VALID",
            "ALTER TABLE users VALIDATE CONSTRAINT has_name",
        )

        assert find() == []


class TestOrphans:
    def test_are_found_behind_a_foreign_key_that_is_not_validated(self):
        line = BudgetIncomeFactory()
        execute(
            "ALTER TABLE budget_incomes ALTER budget_id DROP NOT NULL",
            "ALTER TABLE budget_incomes DROP CONSTRAINT " + foreign_key("budget_incomes", "budgets"),
            "UPDATE budget_incomes SET budget_id = '00000000-0000-4000-8000-000000000001'",
            "ALTER TABLE budget_incomes ADD CONSTRAINT of_budget "
            "FOREIGN KEY (budget_id) REFERENCES budgets (id) NOT VALID",
        )

        unvalidated, orphans = find()

        assert unvalidated.obj == "budget_incomes.of_budget"
        assert orphans.id == "operations.E102"
        assert orphans.obj == "budget_incomes (budget_id)"
        assert "00000000-0000-4000-8000-000000000001" in orphans.msg
        assert str(line.budget_id) not in orphans.msg

    def test_are_not_rows_that_point_at_nothing(self):
        EventFactory()
        execute(
            "ALTER TABLE events ALTER created_by_id DROP NOT NULL", "UPDATE events SET created_by_id = NULL"
        )

        assert find() == []

    def test_are_found_behind_a_foreign_key_of_several_columns(self):
        execute(
            "CREATE TABLE parents (first int, second int, PRIMARY KEY (first, second))",
            "CREATE TABLE children (one int, two int)",
            "INSERT INTO parents VALUES (1, 2)",
            "INSERT INTO children VALUES (1, 2), (1, 3), (1, NULL)",
            "ALTER TABLE children ADD FOREIGN KEY (two, one) REFERENCES parents (second, first) NOT VALID",
        )

        [orphans] = [problem for problem in find() if problem.id == "operations.E102"]

        assert orphans.obj == "children (two, one)"
        assert "3 1" in orphans.msg


def foreign_key(table, referenced):
    query = "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND confrelid = %s::regclass"
    with connection.cursor() as cursor:
        cursor.execute(query, [table, referenced])
        return cursor.fetchone()[0]


class TestRowsAgainstTheRules:
    def test_are_found_where_the_constraint_is_gone(self):
        event = EventFactory()
        execute(
            "ALTER TABLE events DROP CONSTRAINT event_dates_in_order",
            "UPDATE events SET end_date = start_date - 1",
        )

        [problem] = find()

        assert problem.id == "operations.E103"
        assert problem.obj == event
        assert "event_dates_in_order" in problem.msg

    @pytest.mark.parametrize(
        ("constraint", "column", "value"),
        [
            ("user_email_format", "email", "kim at example.org"),
            ("user_phone_format", "phone", "call me"),
            ("user_name_length", "name", "김"),
        ],
    )
    def test_are_found_in_wrong_forms(self, constraint, column, value):
        person = UserFactory()
        execute(
            f"ALTER TABLE users DROP CONSTRAINT {constraint}",
            f"UPDATE users SET {column} = '{value}' WHERE id = '{person.pk}'",
        )

        [problem] = find()

        assert problem.obj == person
        assert constraint in problem.msg

    def test_are_found_before_the_constraint_is_validated(self):
        UserFactory()
        execute(
            "ALTER TABLE users DROP CONSTRAINT user_phone_format",
            "UPDATE users SET phone = '1'",
            "ALTER TABLE users ADD CONSTRAINT user_phone_format CHECK (phone = '') NOT VALID",
        )

        assert identities() == ["operations.E101", "operations.E103"]

    def test_let_what_is_unknown_pass_as_the_database_does(self):
        SettlementFactory(status="IN_REVIEW", reviewed_by=None)
        EventFactory(allocated_amount=None)

        assert find() == []


class TestInvalidIndexes:
    def test_are_found(self):
        execute(
            "CREATE TABLE years (year int) PARTITION BY RANGE (year)",
            "CREATE TABLE years_2025 PARTITION OF years FOR VALUES FROM (2025) TO (2026)",
            # Stays invalid until the partition's index is attached.
            "CREATE INDEX years_by_year ON ONLY years (year)",
        )

        [problem] = find()

        assert problem.id == "operations.E104"
        assert problem.hint == "REINDEX INDEX CONCURRENTLY years_by_year"


class TestDisabledTriggers:
    def test_are_found(self):
        execute("ALTER TABLE events DISABLE TRIGGER event_status_order")

        [problem] = find()

        assert problem.id == "operations.E105"
        assert problem.obj == "events.event_status_order"

    def test_are_found_when_only_replication_fires_them(self):
        execute("ALTER TABLE budgets ENABLE REPLICA TRIGGER budget_status_order")

        assert identities() == ["operations.E105"]

    def test_include_those_of_foreign_keys_each_named_once(self):
        execute("ALTER TABLE annual_allocations DISABLE TRIGGER ALL")

        names = sorted(problem.obj for problem in find())

        assert [name for name in names if ".audit_" not in name] == [
            "annual_allocations." + foreign_key("annual_allocations", "organizations"),
            "annual_allocations.set_updated_at",
        ]


class TestSequencesBehind:
    def test_are_found(self):
        execute("CREATE TABLE numbered (id serial)", "INSERT INTO numbered VALUES (1)")

        [problem] = find()

        assert problem.id == "operations.E106"
        assert problem.obj == "numbered_id_seq"

    def test_are_not_those_that_gave_out_the_largest_key(self):
        execute("CREATE TABLE numbered (id serial)", "INSERT INTO numbered DEFAULT VALUES")

        assert find() == []


class TestDatesOutOfReach:
    def test_are_found_although_no_program_of_ours_can_read_them(self):
        EventFactory()
        execute(
            "ALTER TABLE events DROP CONSTRAINT event_dates_range",
            "UPDATE events SET end_date = 'infinity'",
        )

        assert "operations.E107" in identities()

    def test_do_not_stop_the_checks_of_other_apps(self):
        SettlementFactory(status="COMPLETED", return_amount=1_000)
        execute("UPDATE settlements SET completed_at = 'infinity'")

        found = {problem.id: problem.obj for problem in find_problems()}

        assert found == {
            "operations.E107": '"settlements"."completed_at"',
            "operations.E108": "budget",
        }


class TestFindProblems:
    def test_finds_nothing_in_a_sound_database(self):
        SettlementFactory(status="COMPLETED")

        assert list(find_problems()) == []

    def test_asks_every_app(self):
        settlement = SettlementFactory(status="COMPLETED", return_amount=1_000)
        execute("ALTER TABLE events DISABLE TRIGGER event_status_order")

        found = {problem.id: problem.obj for problem in find_problems()}

        assert found == {"budget.E101": settlement, "operations.E105": "events.event_status_order"}


def run(*arguments):
    """Return the exit code and stdout of `manage.py verify_integrity`."""
    output = StringIO()
    try:
        call_command("verify_integrity", *arguments, stdout=output)
    except SystemExit as exit_:
        return exit_.code, output.getvalue()
    return 0, output.getvalue()


class TestCommand:
    def test_exits_with_0_and_says_so_when_nothing_is_wrong(self):
        code, output = run()

        assert code == 0
        assert len(output.splitlines()) == 1

    def test_exits_with_1_and_names_rule_row_and_remedy(self):
        settlement = SettlementFactory(status="COMPLETED", return_amount=1_000)

        code, output = run()

        assert code == 1
        assert "budget.E101" in output
        assert str(settlement) in output
        assert str(settlement.pk) in output
        assert "→" in output

    def test_exits_with_1_on_a_warning_too(self, tmp_path):
        (tmp_path / "receipts").mkdir()
        (tmp_path / "receipts" / "stray").write_bytes(b"stray")

        code, output = run()

        assert code == 1
        assert "receipts/stray" in output

    def test_prints_one_json_object(self):
        execute("ALTER TABLE events DISABLE TRIGGER event_status_order")

        code, output = run("--json")

        report = json.loads(output)
        assert code == 1
        assert report["count"] == 1
        assert report["problems"][0]["id"] == "operations.E105"
        assert report["problems"][0]["level"] == "error"
        assert report["problems"][0]["hint"] == "ALTER TABLE events ENABLE TRIGGER event_status_order"

    def test_prints_an_empty_json_object_when_nothing_is_wrong(self):
        code, output = run("--json")

        assert (code, json.loads(output)) == (0, {"count": 0, "problems": []})

    def test_prints_nothing_when_told_to_be_silent(self):
        SettlementFactory(status="COMPLETED", return_amount=1_000)

        assert run("--verbosity=0") == (1, "")
