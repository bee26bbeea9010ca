"""Whether a process that is not the one that is meant is noticed."""

import pytest
from django.core import checks
from django.core.checks.registry import registry

from config.env import Environment
from config.operations.schema_change.preflight import surroundings
from config.operations.schema_change.preflight.deployment_checks import check_deployment
from config.operations.schema_change.preflight.remarks import Outcome
from tests.config.operations.schema_change.preflight.circumstances import circumstances, problems

LOCKED = "django==1.0 \\\n    --hash=sha256:ab\npsycopg[binary]==3.0\n"


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Let the environment's file be one of the test's own."""
    path = tmp_path / ".env.test"
    monkeypatch.setattr(
        surroundings,
        "Environment",
        lambda name: Environment(name, folder=tmp_path, process={"DB_NAME": "other", "DB_PORT": "5432"}),
    )
    return path


class TestCheckEnvironment:
    def test_says_which_environment_it_is(self, file, strict):
        [without] = surroundings.check_environment(strict)
        file.touch(mode=0o600)
        [with_file] = surroundings.check_environment(strict)

        assert without.sentence.startswith("test (config.settings.test), without .env.test")
        assert with_file.sentence == "test (config.settings.test), with .env.test"

    def test_names_what_the_process_sets_otherwise(self, file, strict):
        file.touch(mode=0o600)
        file.write_text("DB_NAME=parish\nDB_PORT=5432\nDB_HOST=localhost\n")

        [(outcome, sentence, remedy)] = problems(surroundings.check_environment(strict))

        assert outcome is Outcome.WARNING
        assert sentence.endswith("they win: DB_NAME")
        assert remedy.endswith("unset DB_NAME")

    def test_wants_a_file_that_is_closed_to_others(self, file, strict, lenient):
        file.touch(mode=0o644)

        [(outcome, _sentence, remedy)] = problems(surroundings.check_environment(strict))

        assert outcome is Outcome.WARNING
        assert remedy == "Close it: chmod 600 .env.test"
        assert problems(surroundings.check_environment(lenient)) == []


class TestCheckPackages:
    def test_finds_those_of_the_lock_file(self, strict):
        assert problems(surroundings.check_packages(strict)) == []

    def test_names_what_differs(self, strict, tmp_path, monkeypatch):
        (tmp_path / "lock.txt").write_text(LOCKED)
        monkeypatch.setattr(surroundings, "_LOCK", tmp_path / "lock.txt")

        [(outcome, sentence, remedy)] = problems(surroundings.check_packages(strict))

        assert outcome is Outcome.FAILED
        assert "≠ 1.0, psycopg 3." in sentence
        assert "--require-hashes" in remedy

    def test_needs_no_lock_file(self, strict, tmp_path, monkeypatch):
        monkeypatch.setattr(surroundings, "_LOCK", tmp_path / "lock.txt")

        assert problems(surroundings.check_packages(strict)) == []


@pytest.fixture
def registered():
    """Register a check of each level for a while."""

    def check(**options):
        return [
            checks.Error("broken", hint="mend it", id="test.E1"),
            checks.Warning("odd", obj="this", id="test.W1"),
            checks.Info("by the way", id="test.I1"),
            checks.Error("known", id="auth.E003"),
        ]

    checks.register(check, deploy=True)
    yield
    registry.deployment_checks.remove(check)


class TestCheckDjango:
    def test_passes_on_what_matters_to_a_deploy(self, tmp_path, registered):
        asked = circumstances(tmp_path, is_reachable=False)

        found = [each for each in problems(surroundings.check_django(asked)) if "test." in each[1]]

        assert found == [
            (Outcome.FAILED, "test.E1: broken", "mend it"),
            (Outcome.WARNING, "test.W1 (this): odd", "To see all of them: manage.py check --deploy"),
        ]

    def test_asks_a_developer_for_nothing_that_a_deploy_needs(self, tmp_path, registered):
        asked = circumstances(tmp_path, is_reachable=False, is_strict=False)

        assert problems(surroundings.check_django(asked)) == []


class TestCheckDeployment:
    def test_is_among_the_checks_of_a_deploy_and_of_no_other_command(self):
        assert check_deployment in registry.deployment_checks
        assert check_deployment not in registry.registered_checks

    def test_asks_nothing_that_needs_a_database_unless_one_is_named(self, file):
        file.touch(mode=0o600)
        file.write_text("DB_NAME=parish\n")

        [message] = check_deployment(databases=None)

        assert (message.id, message.level) == ("operations.W201", checks.WARNING)
        assert message.hint.endswith("unset DB_NAME")
