import os
import signal
import socket
import subprocess
import sys

import psycopg
import pytest
from django.db import connection

from tests.config import servers
from tests.config.servers import PASSWORD, PROJECT, Listener, manage, python

QUERY = ("shell", "--no-imports", "--command", "from django.db import connection; connection.cursor()")


def statement(text):
    """Return a command that executes one SQL statement."""
    return (*QUERY[:-1], f"from django.db import connection; connection.cursor().execute({text!r})")


def assert_explained(result, *words):
    """Assert what holds for every expected failure: exit code, cause, remedy, no traceback, no secret."""
    assert result.returncode == 2, result.stderr
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr
    assert PASSWORD not in result.stderr + result.stdout


class TestRunWithoutServer:
    def test_names_a_host_that_does_not_resolve(self):
        result = manage(
            *QUERY, DB_HOST="database.invalid", DB_USERNAME="a", DB_PASSWORD=PASSWORD, DB_NAME="parish_budget"
        )

        assert_explained(result, "database.invalid is unknown", "getent hosts database.invalid")

    def test_names_a_port_on_which_nothing_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])

        result = manage(
            *QUERY, DB_HOST="127.0.0.1", DB_PORT=port, DB_USERNAME="a", DB_PASSWORD=PASSWORD, DB_NAME="b"
        )

        assert_explained(result, f"No PostgreSQL server can be reached on 127.0.0.1:{port}", "pg_isready")

    def test_repeats_what_the_driver_says_about_the_server_it_chose_itself(self):
        result = manage(*QUERY, DATABASE_URL=f"postgres://a:{PASSWORD}@:1/parish_budget")

        assert_explained(result, "The connection to the database parish_budget", ".s.PGSQL.1", "DB_HOST")

    @pytest.mark.parametrize("treat", [servers.refuse_as_web_server, servers.greet_as_ssh_server])
    def test_recognizes_a_port_taken_by_another_program(self, treat):
        with Listener(treat) as listener:
            result = manage(*QUERY, **listener.variables)

        assert_explained(result, "is not PostgreSQL", "ss -ltnp", listener.variables["DB_PORT"])

    def test_does_not_wait_for_a_server_that_hangs(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            address = f"postgres://a:{PASSWORD}@127.0.0.1:{port}/b?connect_timeout=2"

            result = manage(*QUERY, DATABASE_URL=address)

        assert_explained(result, "does not answer")

    def test_explains_how_to_start_the_private_cluster(self, tmp_path):
        result = manage(
            *QUERY,
            DJANGO_SETTINGS_MODULE="tests.config.stopped_cluster_settings",
            CLUSTER_FOLDER=str(tmp_path / "postgres"),
        )

        assert_explained(result, "private PostgreSQL is not running", "manage.py cluster start", "make demo")

    @pytest.mark.parametrize("version", ["13.18", "14.15"])
    def test_refuses_a_server_that_is_too_old(self, version):
        with Listener(servers.greet_as_old_server(version)) as listener:
            result = manage(*QUERY, **listener.variables)

        assert_explained(result, "older than version 15", "apt-get install postgresql")

    def test_explains_a_server_that_is_starting_up_whatever_its_language(self):
        with Listener(servers.refuse_while_starting) as listener:
            result = manage(*QUERY, **listener.variables)

        assert_explained(result, "just starting up", "pg_isready")


class TestRunRefusedByServer:
    def test_names_the_variables_of_a_wrong_password(self, empty_database):
        result = manage(*QUERY, **{**empty_database, "DB_PASSWORD": "wrong-pass-phrase"})

        assert_explained(result, "the name or the password is wrong", "DB_USERNAME and DB_PASSWORD")
        assert "wrong-pass-phrase" not in result.stderr

    def test_names_the_variables_of_an_unknown_user(self, empty_database):
        result = manage(*QUERY, **{**empty_database, "DB_USERNAME": "nobody_at_all"})

        assert_explained(result, "nobody_at_all", "DB_USERNAME and DB_PASSWORD")

    def test_names_the_variables_of_a_password_that_nobody_gave(self, empty_database):
        server = f"host={empty_database['DB_HOST']}&port={empty_database['DB_PORT']}"

        result = manage(*QUERY, DATABASE_URL=f"postgres://{empty_database['DB_USERNAME']}@/postgres?{server}")

        assert_explained(result, "the name or the password is wrong", "DATABASE_URL")

    def test_tells_a_missing_database_from_a_wrong_password(self, empty_database):
        result = manage(*QUERY, **{**empty_database, "DB_NAME": "no_such_database"})

        assert_explained(result, "The database no_such_database does not exist", "manage.py provision")

    def test_explains_a_role_that_may_not_sign_in(self, empty_database):
        with servers.role(f"{empty_database['DB_NAME']}_nologin", options="NOLOGIN") as name:
            result = manage(*QUERY, **{**empty_database, "DB_USERNAME": name})

        assert_explained(result, f"does not let the user {name} sign in", "LOGIN")

    def test_explains_that_no_connection_is_left(self, empty_database):
        servers.administer("ALTER DATABASE {} CONNECTION LIMIT 0", empty_database["DB_NAME"])

        result = manage(*QUERY, **empty_database)

        assert_explained(result, "no connection left", "max_connections")

    def test_says_that_the_connection_was_lost(self, empty_database):
        result = manage(*statement("SELECT pg_terminate_backend(pg_backend_pid())"), **empty_database)

        assert_explained(result, "was lost; the server answers again", "showmigrations")


class TestRunRefusedStatement:
    def test_names_the_package_of_a_missing_extension(self, empty_database, db):
        major = connection.pg_version // 10000

        result = manage(*statement("CREATE EXTENSION no_such_extension"), **empty_database)

        assert_explained(result, "lacks an extension", "no_such_extension", f"postgresql-{major}")

    def test_does_not_take_every_unsupported_feature_for_an_extension(self, empty_database):
        result = manage(*statement("SELECT 1 FROM other.public.table_of_another_database"), **empty_database)

        assert "extension" not in result.stderr

    def test_names_the_privileges_that_migrating_needs(self, empty_database):
        with servers.role(f"{empty_database['DB_NAME']}_poor") as name:
            result = manage("migrate", **{**empty_database, "DB_USERNAME": name})

        assert_explained(result, f"{name} lacks a privilege", "DB_OWNER_USERNAME", "manage.py provision")

    def test_names_a_schema_that_does_not_exist(self, empty_database):
        result = manage("migrate", **empty_database, DB_SCHEMA="nowhere")

        assert_explained(result, "DB_SCHEMA, nowhere, does not exist", "manage.py provision")

    def test_explains_a_half_recorded_history(self, empty_database):
        manage(*statement("CREATE TABLE users (id int)"), **empty_database)

        result = manage("migrate", "budget", **empty_database)

        assert_explained(result, "only half recorded", '"users"', "showmigrations", "--fake")
        assert "Applying budget.0002_users...\n" in result.stdout

    def test_explains_a_table_that_is_not_there_yet(self, empty_database):
        result = manage(*statement("SELECT * FROM users"), **empty_database)

        assert_explained(result, "migrations have not been applied", "manage.py migrate")

    def test_explains_a_lock_of_somebody_else(self, empty_database):
        manage(*statement("CREATE TABLE busy (id int)"), **empty_database)
        parameters = {**connection.get_connection_params(), "dbname": empty_database["DB_NAME"]}

        with psycopg.connect(**parameters) as somebody:
            somebody.execute("LOCK TABLE busy")
            result = manage(*statement("BEGIN; LOCK TABLE busy NOWAIT"), **empty_database)

        assert_explained(result, "lock")


class TestRunWithUnusableSettings:
    def test_names_a_missing_variable(self):
        result = manage("showmigrations", DB_HOST="127.0.0.1")

        assert_explained(result, "DB_USERNAME is missing", ".env.development")

    def test_answers_in_korean_before_django_can(self):
        result = manage("showmigrations", DB_HOST="127.0.0.1", LANGUAGE_CODE="ko")

        assert_explained(result, "DB_USERNAME")
        assert "is missing" not in result.stderr

    def test_names_an_unknown_settings_module(self):
        result = manage("showmigrations", DJANGO_SETTINGS_MODULE="config.settings.nowhere")

        assert_explained(result, "config.settings.nowhere", "config.settings.development")

    def test_explains_a_python_without_django(self):
        result = python("-S", "manage.py", "showmigrations")

        assert_explained(result, "Django is not installed", "make demo", ".venv/bin/python")


class TestRunOtherwise:
    def test_shows_the_traceback_on_demand(self, empty_database):
        wrong = {**empty_database, "DB_PASSWORD": "wrong-pass-phrase"}

        result = manage(*QUERY, "--traceback", **wrong)

        assert result.returncode == 1
        assert "Traceback" in result.stderr

    def test_keeps_the_traceback_of_what_nobody_expected(self, empty_database):
        result = manage(*QUERY[:-1], "raise RuntimeError('surprise')", **empty_database)

        assert result.returncode == 1
        assert "Traceback" in result.stderr
        assert "RuntimeError: surprise" in result.stderr

    def test_keeps_the_exit_code_of_a_command_that_refuses(self, empty_database):
        result = manage("migrate", "no_such_app", **empty_database)

        assert result.returncode == 1
        assert "no_such_app" in result.stderr
        assert "Traceback" not in result.stderr

    def test_ends_quietly_when_interrupted(self, empty_database):
        read, write = os.pipe()
        script = f"import os, time; os.write({write}, b'.'); time.sleep(60)"
        process = subprocess.Popen(
            [sys.executable, "manage.py", *QUERY[:-1], script],
            cwd=PROJECT,
            env=servers.environment(**empty_database),
            stderr=subprocess.PIPE,
            pass_fds=[write],
            text=True,
        )
        os.read(read, 1)

        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        os.close(read)
        os.close(write)

        assert process.returncode == 130
        assert errors == ""

    def test_succeeds_with_zero(self, empty_database):
        result = manage("showmigrations", "budget", **empty_database)

        assert result.returncode == 0
        assert "[ ] 0002_users" in result.stdout
        assert result.stderr == ""
