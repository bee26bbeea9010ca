"""Whether an edited history is found, with its cause and the way back."""

import pytest
from django.utils.translation import override

from config.operations.schema_change.preflight.history import check_history
from config.operations.schema_change.preflight.pending import check_models, check_unfinished
from config.operations.schema_change.preflight.remarks import Outcome
from tests.config.operations.schema_change.preflight.circumstances import circumstances, problems
from tests.config.operations.schema_change.trials import execute

RECORD = "INSERT INTO django_migrations (app, name, applied) VALUES ('{}', '{}', now())"
DELETE = "DELETE FROM django_migrations WHERE app = '{}' AND name = '{}'"

# How the history was edited → what is said, and what comes next.
EDITED = {
    "a row of a newer release": (
        [RECORD.format("budget", "9999_future")],
        "The database is newer than this code: it has budget.9999_future.",
        "git log --all --oneline -- '*/migrations/9999_future.py'",
    ),
    "a row of a migration that was renamed": (
        [RECORD.format("budget", "0003_old_name")],
        "budget.0003_old_name is applied, but has no file here",
        DELETE.format("budget", "0003_old_name"),
    ),
    "a row of an app that is gone": (
        [RECORD.format("gone", "0001_initial")],
        "gone.0001_initial is applied, but its app is not installed here.",
        "Check out the release",
    ),
    "a row twice": (
        [RECORD.format("budget", "0002_users")],
        "budget.0002_users is recorded 2 times",
        "DELETE FROM django_migrations WHERE id = ",
    ),
    "a row deleted that others build on": (
        [DELETE.format("budget", "0005_events")],
        "budget.0005_events is not recorded, but budget.0006_budgets, which builds on it, is",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('budget', '0005_events', now());",
    ),
    "the newest row deleted": (
        [DELETE.format("sessions", "0001_initial")],
        "sessions.0001_initial is not recorded, but its table django_session is there.",
        "manage.py migrate --without-safety --fake sessions 0001_initial",
    ),
    "a table dropped": (
        ["DROP TABLE django_session"],
        "sessions.0001_initial is recorded as applied, but its table django_session is not there.",
        DELETE.format("sessions", "0001_initial"),
    ),
}


@pytest.fixture(autouse=True)
def rolled_back(copied_database):
    execute("BEGIN")
    yield
    execute("ROLLBACK")


class TestCheckHistory:
    def test_counts_where_all_is_known(self, strict):
        [remark] = check_history(strict)

        assert remark.outcome is Outcome.OK
        assert remark.sentence.endswith("applied, 0 pending, all of them known")

    @pytest.mark.parametrize(("statements", "words", "remedy"), EDITED.values(), ids=EDITED)
    def test_names_the_cause_and_the_next_command(self, strict, statements, words, remedy):
        for statement in statements:
            execute(statement)

        found = problems(check_history(strict))

        assert [outcome for outcome, _sentence, _remedy in found] == [Outcome.FAILED] * len(found)
        assert any(words in sentence and remedy in next_step for _outcome, sentence, next_step in found)

    def test_lets_an_interrupted_migration_have_its_tables(self, tmp_path):
        execute(DELETE.format("sessions", "0001_initial"))

        assert problems(check_history(circumstances(tmp_path, is_interrupted=True))) == []

    def test_says_which_branches_were_not_put_in_order(self, strict, trial):
        for name in ("0001_first", "0002_left"):
            trial.write(name, "")
        trial.write("0002_right", "")
        file = trial._folder / "trial" / "migrations" / "0002_right.py"
        file.write_text(file.read_text().replace("0002_left", "0001_first"))

        [(outcome, sentence, remedy)] = problems(check_history(strict))

        assert outcome is Outcome.FAILED
        assert sentence == "trial has several newest migrations: 0002_left, 0002_right"
        assert remedy.endswith("manage.py rebase_migration trial")

    def test_names_a_file_that_is_missing(self, strict, trial):
        trial.write("0001_first", "")
        trial.write("0002_second", "")
        (trial._folder / "trial" / "migrations" / "0001_first.py").unlink()

        [(_outcome, sentence, remedy)] = problems(check_history(strict))

        assert "0001_first" in sentence
        assert "git status" in remedy


class TestCheckModels:
    @pytest.mark.parametrize("language", ["en", "ko"])
    def test_finds_nothing_to_write_in_any_language(self, strict, language):
        with override(language):
            assert problems(check_models(strict)) == []

    def test_names_what_makemigrations_would_write(self, strict, trial, monkeypatch):
        trial.write(
            "0001_parking", 'migrations.CreateModel("Parking", [("id", BigAutoField(primary_key=True))]),'
        )

        [(outcome, sentence, remedy)] = problems(check_models(strict))

        assert outcome is Outcome.FAILED
        assert sentence == "The models of trial have changes without a migration: Delete model Parking"
        assert remedy == "Write it: manage.py makemigrations trial -n NAME"


class TestCheckUnfinished:
    def test_names_the_step_and_how_to_go_on(self, strict):
        execute("INSERT INTO unfinished_steps (step, state) VALUES ('budget.0020_x/APPLY/1', '{}')")

        [(outcome, sentence, remedy)] = problems(check_unfinished(strict))

        assert outcome is Outcome.WARNING
        assert sentence.startswith("budget.0020_x/APPLY/1 was begun at 20")
        assert "manage.py migrate_safely" in remedy

    def test_needs_no_table(self, strict):
        execute("DROP TABLE unfinished_steps")

        assert problems(check_unfinished(strict)) == []
