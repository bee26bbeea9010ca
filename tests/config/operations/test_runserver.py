import contextlib
import os
import signal
import subprocess
import sys

import psycopg
import pytest
from django.db import connection

from config.cluster import SCRATCH, Cluster, cluster_status, remove_cluster
from config.operations.development import LOCK
from tests.config.servers import PROJECT, environment, manage

READY = "Quit the server"
WAITING = "Waiting for it"
APPLIED = "pending migrations were applied"
MARKER = "a_table_of_before"


@contextlib.contextmanager
def runserver(*options, **variables):
    """Start a development server, yield its process, and end it as Control-C does."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "runserver", "127.0.0.1:0", *options],
        cwd=PROJECT,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)


def output_until(process, text):
    """Return the lines that a server prints up to the one with `text`, or all of them."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            break
    return "".join(lines)


@contextlib.contextmanager
def session(variables):
    """Connect to the database of a server as the owner of the test server."""
    parameters = {**connection.get_connection_params(), "dbname": variables["DB_NAME"]}
    with psycopg.connect(**parameters, autocommit=True) as database:
        yield database


def tables(variables):
    with session(variables) as database:
        return {name for (name,) in database.execute("SELECT tablename FROM pg_tables")}


@pytest.fixture
def filled_database(empty_database):
    with session(empty_database) as database:
        database.execute(f"CREATE TABLE {MARKER} ()")
        database.execute(f"ALTER TABLE {MARKER} OWNER TO {empty_database['DB_USERNAME']}")
        database.execute(f"ALTER SCHEMA public OWNER TO {empty_database['DB_USERNAME']}")
    return empty_database


class TestMigrationsRun:
    @pytest.mark.parametrize("options", [(), ("--noreload",)])
    def test_applies_what_is_pending_once_and_says_which(self, empty_database, options):
        with runserver(*options, **empty_database) as server:
            output = output_until(server, READY)

        assert output.count(APPLIED) == 1
        assert "  budget.0002_users\n" in output
        assert READY in output
        assert "users" in tables(empty_database)

    def test_lets_one_server_work_while_the_others_wait(self, empty_database):
        with session(empty_database) as holder:
            holder.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [LOCK])
            with (
                runserver("--noreload", **empty_database) as first,
                runserver("--noreload", **empty_database) as second,
            ):
                outputs = [output_until(server, WAITING) for server in (first, second)]
                holder.execute("SELECT pg_advisory_unlock_all()")
                after = [output_until(server, READY) for server in (first, second)]

        assert all(WAITING in output for output in outputs)
        assert sorted(output.count(APPLIED) for output in after) == [0, 1]
        assert all(READY in output for output in after)

    def test_starts_with_a_clear_warning_when_a_migration_fails(self, empty_database):
        with session(empty_database) as database:
            database.execute("CREATE TABLE users ()")

        with runserver("--noreload", **empty_database) as server:
            output = output_until(server, READY)

        assert "budget.0002_users failed. The server starts all the same" in output
        assert "only half recorded" in output
        assert "manage.py showmigrations" in output
        assert "  budget.0001_extensions\n" in output
        assert "Traceback" not in output
        assert READY in output

    def test_leaves_the_database_alone_when_it_is_off(self, empty_database):
        with runserver("--noreload", **empty_database, MIGRATIONS_RUN="false") as server:
            output = output_until(server, READY)

        assert APPLIED not in output
        assert READY in output
        assert "users" not in tables(empty_database)

    def test_never_happens_outside_development(self, empty_database):
        variables = {**empty_database, "DJANGO_SETTINGS_MODULE": "tests.config.eager_settings"}

        with runserver("--noreload", **variables) as server:
            output = output_until(server, READY)

        assert READY in output
        assert "users" not in tables(empty_database)


class TestDropSchema:
    @pytest.mark.parametrize("options", [(), ("--noreload",)])
    def test_empties_the_schema_with_a_warning_before_it_migrates(self, filled_database, options):
        with runserver(*options, **filled_database, DROP_SCHEMA="true") as server:
            output = output_until(server, READY)

        assert output.count("DROP_SCHEMA is true: the schema public was emptied") == 1
        assert READY in output
        assert MARKER not in tables(filled_database)
        assert "users" in tables(filled_database)

    def test_happens_once_per_start_and_not_at_each_reload(self, filled_database):
        with runserver("--noreload", **filled_database, DROP_SCHEMA="true", RUN_MAIN="true") as server:
            output = output_until(server, READY)

        assert READY in output
        assert MARKER in tables(filled_database)

    def test_never_happens_outside_development(self, filled_database):
        variables = {**filled_database, "DJANGO_SETTINGS_MODULE": "tests.config.eager_settings"}

        with runserver("--noreload", **variables) as server:
            output = output_until(server, READY)

        assert READY in output
        assert MARKER in tables(filled_database)


class TestDatabase:
    @pytest.mark.parametrize("options", [(), ("--noreload",)])
    @pytest.mark.parametrize("migrations", ["true", "false"])
    def test_that_refuses_ends_the_server_with_a_message(self, empty_database, options, migrations):
        wrong = {**empty_database, "DB_PASSWORD": "wrong-pass-phrase", "MIGRATIONS_RUN": migrations}

        result = manage("runserver", "127.0.0.1:0", *options, **wrong)

        assert result.returncode == 2
        assert "the name or the password is wrong" in result.stderr
        assert "Traceback" not in result.stderr

    def test_of_the_private_cluster_is_started(self, tmp_path):
        cluster = Cluster(profile=SCRATCH, folder=tmp_path / "postgres")
        variables = {
            "DJANGO_SETTINGS_MODULE": "tests.config.stopped_cluster_settings",
            "CLUSTER_FOLDER": str(cluster.folder),
            "LOG_DIR": str(tmp_path / "logs"),
        }

        try:
            with runserver("--noreload", **variables) as server:
                output = output_until(server, READY)
                state = cluster_status(cluster=cluster).state
        finally:
            remove_cluster(cluster=cluster)

        assert "private PostgreSQL has been started" in output
        assert APPLIED in output
        assert state == "running"

    def test_of_a_private_cluster_that_cannot_start_ends_the_server_with_a_message(self, tmp_path):
        (tmp_path / "file").write_text("where a folder should be")

        result = manage(
            "runserver",
            "127.0.0.1:0",
            DJANGO_SETTINGS_MODULE="tests.config.stopped_cluster_settings",
            CLUSTER_FOLDER=str(tmp_path / "file" / "postgres"),
        )

        assert result.returncode == 2
        assert str(tmp_path / "file") in result.stderr
        assert "Traceback" not in result.stderr
