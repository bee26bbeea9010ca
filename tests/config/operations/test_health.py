import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from io import StringIO

import psycopg
import pytest
from django.core.files.storage import FileSystemStorage, Storage, default_storage
from django.core.management import call_command
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.db.migrations.loader import MigrationLoader
from django.test.utils import get_unique_databases_and_mirrors

from config.databases import HEALTH_ALIAS, OWNER_ALIAS
from config.env import BASE_DIR
from config.operations import health as health_module
from config.operations.health import Health, Probe, Status, check_health, check_readiness
from tests.config import servers

# Also the threads in which the health check asks.
ALLOWED = pytest.mark.django_db(databases=["default", HEALTH_ALIAS])


@pytest.fixture(scope="module", autouse=True)
def _closed_afterwards(django_db_blocker):
    """Close what ALLOWED opens for a transaction of each test; the runner closes nothing but "default"."""
    yield
    with django_db_blocker.unblock():
        connections[HEALTH_ALIAS].close()


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
    del connections.settings["unreachable"]


@pytest.fixture
def _unwritable(settings, tmp_path):
    (tmp_path / "media").write_text("a file where the folder should be")
    settings.MEDIA_ROOT = tmp_path / "media"


def record(change):
    """Change the recorded migrations for everybody: the health check has a connection of its own."""
    servers.administer(change, database=connection.settings_dict["NAME"])


@pytest.fixture
def _pending(django_db_setup):
    record("UPDATE django_migrations SET app = 'aside' WHERE app = 'receipts' AND name LIKE '0004%'")
    yield
    record("UPDATE django_migrations SET app = 'receipts' WHERE app = 'aside'")


@pytest.fixture
def _newer_release(django_db_setup):
    record("INSERT INTO django_migrations (app, name, applied) VALUES ('budget', '9999_later', now())")
    yield
    record("DELETE FROM django_migrations WHERE name = '9999_later'")


@pytest.fixture
def _locked_history(django_db_setup):
    """Hold what a `LOCK TABLE` of somebody else would hold."""
    parameters = connection.get_connection_params()
    with psycopg.connect(**parameters) as holder:
        holder.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.fixture
def small_disk(monkeypatch):
    """Every file system has 1.5 GB left."""
    usage = shutil.disk_usage("/")._replace(free=1_500_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)


def probe(health, name):
    return next(probe for probe in health.probes if probe.name == name)


@ALLOWED
class TestCheckReadiness:
    def test_passes_a_system_that_can_serve(self):
        health = check_readiness()

        assert health.status is Status.PASS
        assert [probe.name for probe in health.probes] == ["database", "migrations", "storage"]
        assert probe(health, "database").observed_unit == "ms"
        assert probe(health, "migrations").observed_value == 0

    @pytest.mark.usefixtures("_pending")
    def test_warns_of_a_migration_that_is_not_applied(self):
        health = check_readiness()

        assert health.status is Status.WARN
        assert probe(health, "migrations").observed_value == 1
        assert "receipts.0004_audit" in probe(health, "migrations").output

    @pytest.mark.usefixtures("_newer_release")
    def test_passes_while_a_newer_release_is_rolled_out(self):
        assert check_readiness().status is Status.PASS

    def test_does_not_build_the_graph_of_migrations_when_all_are_applied(self, monkeypatch):
        monkeypatch.setattr(health_module, "pending_migrations", None)

        assert probe(check_readiness(), "migrations").status is Status.PASS

    def test_knows_the_same_migrations_as_django(self):
        on_disk = MigrationLoader(None).disk_migrations.keys()

        assert set(health_module._migrations_on_disk()) == on_disk

    @pytest.mark.usefixtures("_newer_release")
    def test_does_not_build_it_for_a_newer_release_either(self, monkeypatch):
        monkeypatch.setattr(health_module, "pending_migrations", None)

        assert probe(check_readiness(), "migrations").status is Status.PASS

    @pytest.mark.usefixtures("_locked_history")
    def test_fails_when_the_history_cannot_be_read_in_time(self):
        health = check_readiness()

        assert probe(health, "database").status is Status.PASS
        assert probe(health, "migrations").status is Status.FAIL
        assert "statement timeout" in probe(health, "migrations").output

    @pytest.mark.usefixtures("_unwritable")
    def test_fails_when_the_storage_is_not_writable(self):
        health = check_readiness()

        assert health.status is Status.FAIL
        assert probe(health, "storage").status is Status.FAIL
        assert probe(health, "storage").output

    def test_fails_when_the_storage_cannot_delete(self, tmp_path):
        class WriteOnce(FileSystemStorage):
            def delete(self, name):
                raise PermissionError("write once")

        health = check_readiness(storage=WriteOnce(tmp_path))

        assert probe(health, "storage").output == "write once"

    def test_fails_when_the_storage_does_not_answer(self):
        thaw = threading.Event()

        class Frozen(Storage):
            def _save(self, name, content):
                thaw.wait(10)  # not for ever: without a deadline this test would hang
                return name

            def exists(self, name):
                return False

        health = check_readiness(storage=Frozen())
        thaw.set()

        assert probe(health, "database").status is Status.PASS
        assert probe(health, "storage").status is Status.FAIL
        assert "2" in probe(health, "storage").output

    def test_leaves_nothing_in_the_storage(self):
        check_readiness()

        assert default_storage.listdir("") == ([], [])

    def test_closes_the_connection_that_it_opened(self):
        opened = []

        def remember(connection, **signal):
            opened.append(connection)

        connection_created.connect(remember)
        check_readiness()
        connection_created.disconnect(remember)

        assert [connection.alias for connection in opened] == [HEALTH_ALIAS]
        assert opened[0].connection is None


@ALLOWED
class TestCheckHealth:
    def test_adds_the_free_disk(self):
        health = check_health()

        assert [probe.name for probe in health.probes] == ["database", "migrations", "storage", "disk"]
        assert probe(health, "disk").observed_value > 0

    def test_warns_before_the_disk_is_full(self, small_disk, tmp_path, settings):
        settings.CLUSTER = None

        health = check_health()

        assert health.status is Status.WARN
        assert "1.5" in probe(health, "disk").output
        assert str(tmp_path) in probe(health, "disk").output

    def test_looks_where_the_folder_will_be_made(self, tmp_path):
        # Not through check_health, which tries the storage at the same moment and so makes the folder.
        assert health_module.folder_that_exists(tmp_path / "later" / "media") == tmp_path

    def test_asks_no_disk_when_nothing_is_kept_on_this_machine(self, settings):
        settings.CLUSTER = None

        health = check_health(storage=Storage())

        assert "disk" not in [probe.name for probe in health.probes]


class TestHealthDatabase:
    def test_is_the_same_database_in_a_hurry(self):
        default, health = connections.settings["default"], connections.settings[HEALTH_ALIAS]
        place = ("ENGINE", "HOST", "PORT", "USER", "NAME")

        assert [health.get(part) for part in place] == [default.get(part) for part in place]
        assert health["CONN_MAX_AGE"] == 0
        assert health["OPTIONS"]["connect_timeout"] == 2

    def test_is_no_second_database_to_the_test_runner(self):
        created, mirrors = get_unique_databases_and_mirrors()

        assert len(created) == 1
        assert mirrors == {HEALTH_ALIAS: "default", OWNER_ALIAS: "default"}

    @ALLOWED
    def test_keeps_to_the_schema_and_limits_every_statement(self):
        with contextlib.closing(connections[HEALTH_ALIAS].copy()) as impatient, impatient.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout'), current_setting('search_path')")
            timeout, path = cursor.fetchone()

        assert timeout == "1500ms"
        assert path == connections.settings["default"]["OPTIONS"]["options"].partition("search_path=")[2]


class TestWithoutDatabase:
    def test_fails_and_says_why(self, unreachable):
        health = check_health(alias=unreachable)

        assert health.status is Status.FAIL
        assert "127.0.0.1" in probe(health, "database").output

    def test_does_not_wait_twice_for_a_database_that_does_not_answer(self, unreachable):
        health = check_readiness(alias=unreachable)

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


@ALLOWED
class TestCommand:
    def test_marks_each_probe_that_passes(self):
        code, output = run()

        assert code == 0
        assert output.count("✓") == 4

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

    def test_exits_with_0_on_a_small_disk_and_names_the_remedy(self, small_disk):
        code, output = run()

        assert code == 0
        assert "1.5" in output
        assert "df -h" in output

    @pytest.mark.usefixtures("_unwritable")
    def test_prints_one_json_object(self):
        code, output = run("--json")

        health = json.loads(output)
        assert code == 1
        assert health["status"] == "fail"
        assert [probe["status"] for probe in health["probes"]] == ["pass", "pass", "fail", "pass"]

    def test_prints_nothing_when_told_to_be_silent(self):
        assert run("--verbosity=0") == (0, "")


@pytest.mark.django_db
def test_fails_where_nothing_has_ever_been_migrated(empty_database):
    result = servers.manage("health", **empty_database)

    assert result.returncode == 1
    assert "budget.0001_extensions" in result.stdout
    assert "sessions.0001_initial" not in result.stdout
