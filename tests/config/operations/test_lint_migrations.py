import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import override

from config.operations.schema_change import sizes
from config.operations.schema_change.lint.linter import read_acceptances
from tests.config.servers import manage

SEARCH_TEXT = "budget.0015_search_text"
AUDIT = "budget.0017_audit"
PENDING = [SEARCH_TEXT, "budget.0016_search_indexes", AUDIT]
NOWHERE = {"DATABASE_URL": "postgres://somebody:s3cret-w0rd@127.0.0.1:1/nowhere"}


def run(*arguments):
    """Return the exit code, stdout and stderr of `manage.py lint_migrations` on the test database."""
    output, errors = io.StringIO(), io.StringIO()
    options = {"database": "default", "stdout": output, "stderr": errors}
    try:
        with override("en"):
            call_command("lint_migrations", *arguments, **options)
    except SystemExit as exit_:
        return exit_.code, output.getvalue(), errors.getvalue()
    except CommandError as error:
        return error.returncode, output.getvalue(), errors.getvalue() + str(error)
    return 0, output.getvalue(), errors.getvalue()


@pytest.fixture
def _pending(db):
    for name in PENDING:
        MigrationRecorder(connection).record_unapplied(*name.split("."))


@pytest.fixture
def _large(monkeypatch):
    monkeypatch.setattr(sizes, "LARGE_BYTES", 0)


@pytest.fixture
def _unaccepted(monkeypatch):
    """Nothing is accepted but what enables the triggers of the audit trail."""

    def read_acceptances_of_audit(*, migration):
        return read_acceptances(migration=migration) if str(migration) == AUDIT else ()

    monkeypatch.setattr(
        "config.operations.schema_change.lint.linter.read_acceptances", read_acceptances_of_audit
    )


class TestLintMigrations:
    def test_has_nothing_to_say_when_nothing_is_pending(self, db):
        assert run() == (0, "Migrations: 0. Errors: 0, warnings: 0, accepted: 0.\n", "")

    @pytest.mark.usefixtures("_pending", "_unaccepted")
    def test_is_silent_about_locks_on_small_tables(self):
        code, output, errors = run()

        assert (code, errors) == (0, "")
        accepted = ("  ✓ squawk-ban-disable-trigger ", "    Accepted: ")
        assert [line for line in output.splitlines() if not line.startswith(accepted)] == [
            AUDIT,
            "Migrations: 3. Errors: 0, warnings: 0, accepted: 10.",
        ]

    @pytest.mark.usefixtures("_pending", "_unaccepted", "_large")
    def test_refuses_them_on_large_ones(self):
        code, output, _errors = run()

        assert code == 1
        assert output.startswith(
            f"{SEARCH_TEXT}\n  ✗ column-rewrites-table [1] users\n    A generated column"
        )
        assert "    → Keep it in a plain column" in output
        assert output.endswith("Migrations: 3. Errors: 4, warnings: 0, accepted: 10.\n")

    @pytest.mark.usefixtures("_pending", "_large")
    def test_shows_what_was_accepted_and_why(self):
        code, output, _errors = run()

        assert code == 0
        assert "  ✓ column-rewrites-table [1] users\n    Accepted: the first release applies it" in output

    @pytest.mark.usefixtures("_pending", "_unaccepted", "_large")
    def test_prints_one_json_object(self):
        code, output, _errors = run("--json")

        answer = json.loads(output)
        assert code == 1
        assert (answer["migrations"], answer["sizes"], answer["errors"]) == (PENDING, "database", 4)
        assert answer["findings"][0] | {"why": "", "safe_form": ""} == {
            "rule": "column-rewrites-table",
            "severity": "error",
            "migration": SEARCH_TEXT,
            "operation": 0,
            "table": "users",
            "why": "",
            "safe_form": "",
            "accepted": None,
        }

    @pytest.mark.usefixtures("_pending", "_unaccepted", "_large")
    def test_can_be_asked_about_one_app(self):
        assert run("receipts")[0] == 0
        assert run("budget")[0] == 1

    @pytest.mark.usefixtures("_unaccepted")
    def test_supposes_large_tables_for_a_migration_that_is_applied(self, db):
        code, output, _errors = run("budget", "0015")

        assert code == 1
        assert output.endswith("Migrations: 1. Errors: 4, warnings: 0, accepted: 0.\n")

    def test_says_which_migration_there_is_not(self, db):
        code, _output, errors = run("budget", "9999")

        assert code == 2
        assert errors.startswith("There is no migration budget.9999.\n→ ")

    def test_without_a_database_looks_at_all_of_ours(self):
        result = manage("lint_migrations", **NOWHERE)

        assert result.returncode == 0, result.stderr
        assert result.stderr.startswith("There is no database to ask for sizes")
        assert " Errors: 0, warnings: 0, accepted: " in result.stdout

    def test_asks_no_database_when_it_is_to_look_at_all(self):  # It may not: there is no mark.
        code, output, errors = run("--all", "--json")

        assert (code, errors) == (0, "")
        assert json.loads(output)["sizes"] == "large"
