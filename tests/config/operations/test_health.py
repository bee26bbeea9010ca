import json
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder

from config.env import BASE_DIR
from config.operations.health import Health, Probe, Status, check_health


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def unreachable(django_db_blocker):
    """The alias of a database on a server that does not exist."""
    connections.settings["unreachable"] = {
        **connections.settings["default"],
        "HOST": "127.0.0.1",
        "PORT": "1",
        "USER": "somebody",
        "PASSWORD": "s3cret-w0rd",
    }
    with django_db_blocker.unblock():
        yield "unreachable"
    del connections["unreachable"]
    del connections.settings["unreachable"]


@pytest.fixture
def _unwritable(settings, tmp_path):
    (tmp_path / "media").write_text("a file where the folder should be")
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def _pending():
    MigrationRecorder(connection).record_unapplied("receipts", "0003_receipt_validations")


def probe(health, name):
    return next(probe for probe in health.probes if probe.name == name)


@pytest.mark.django_db
class TestCheckHealth:
    def test_passes_a_system_that_can_serve(self):
        health = check_health()

        assert health.status is Status.PASS
        assert [probe.name for probe in health.probes] == ["database", "migrations", "storage"]
        assert probe(health, "database").observed_unit == "ms"
        assert probe(health, "migrations").observed_value == 0

    @pytest.mark.usefixtures("_pending")
    def test_warns_of_a_migration_that_is_not_applied(self):
        health = check_health()

        assert health.status is Status.WARN
        assert probe(health, "migrations").observed_value == 1
        assert "receipts.0003_receipt_validations" in probe(health, "migrations").output

    @pytest.mark.usefixtures("_unwritable")
    def test_fails_when_the_storage_is_not_writable(self):
        health = check_health()

        assert health.status is Status.FAIL
        assert probe(health, "storage").status is Status.FAIL
        assert probe(health, "storage").output

    def test_fails_when_the_storage_cannot_delete(self, tmp_path):
        class WriteOnce(FileSystemStorage):
            def delete(self, name):
                raise PermissionError("write once")

        health = check_health(storage=WriteOnce(tmp_path))

        assert probe(health, "storage").output == "write once"

    def test_leaves_nothing_in_the_storage(self):
        check_health()

        assert default_storage.listdir("") == ([], [])


class TestWithoutDatabase:
    def test_fails_and_says_why(self, unreachable):
        health = check_health(alias=unreachable)

        assert health.status is Status.FAIL
        assert "127.0.0.1" in probe(health, "database").output

    def test_does_not_wait_twice_for_a_database_that_does_not_answer(self, unreachable):
        health = check_health(alias=unreachable)

        assert [probe.name for probe in health.probes] == ["database", "storage"]

    def test_shows_no_password(self, unreachable):
        health = check_health(alias=unreachable)

        assert "s3cret-w0rd" not in repr(health)

    def test_exits_with_1_and_names_the_remedy(self):
        variables = {
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATABASE_URL": "postgres://somebody:s3cret-w0rd@127.0.0.1:1/parish_budget",
        }

        process = subprocess.run(
            [sys.executable, "manage.py", "health"],
            cwd=BASE_DIR,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
        )

        assert process.returncode == 1
        assert "127.0.0.1" in process.stdout
        assert "manage.py showmigrations" in process.stdout
        assert "s3cret-w0rd" not in process.stdout + process.stderr
        assert "Traceback" not in process.stderr


class TestHealth:
    @pytest.mark.parametrize(
        ("statuses", "worst"),
        [
            ("pass pass", Status.PASS),
            ("pass warn", Status.WARN),
            ("fail warn", Status.FAIL),
            ("warn fail pass", Status.FAIL),
        ],
    )
    def test_is_as_bad_as_its_worst_probe(self, statuses, worst):
        probes = tuple(Probe(name="storage", status=Status(status)) for status in statuses.split())

        assert Health(probes).status is worst


def run(*arguments):
    """Return the exit code and stdout of `manage.py health`."""
    output = StringIO()
    try:
        call_command("health", *arguments, stdout=output)
    except SystemExit as exit_:
        return exit_.code, output.getvalue()
    return 0, output.getvalue()


@pytest.mark.django_db
class TestCommand:
    def test_marks_each_probe_that_passes(self):
        code, output = run()

        assert code == 0
        assert output.count("✓") == 3

    @pytest.mark.usefixtures("_pending")
    def test_exits_with_0_on_a_warning_and_names_the_remedy(self):
        code, output = run()

        assert code == 0
        assert "!" in output
        assert "manage.py migrate" in output

    @pytest.mark.usefixtures("_unwritable")
    def test_exits_with_1_on_a_failure_and_names_the_remedy(self):
        code, output = run()

        assert code == 1
        assert "✗" in output
        assert "MEDIA_ROOT" in output

    @pytest.mark.usefixtures("_unwritable")
    def test_prints_one_json_object(self):
        code, output = run("--json")

        health = json.loads(output)
        assert code == 1
        assert health["status"] == "fail"
        assert [probe["status"] for probe in health["probes"]] == ["pass", "pass", "fail"]

    def test_prints_nothing_when_told_to_be_silent(self):
        assert run("--verbosity=0") == (0, "")
