"""The commands of reverting as processes: exit codes, questions and output."""

import json

import psycopg
import pytest
from django.db import connection

from config.log_files import MIGRATIONS_LOGGER
from tests.config.servers import administer, manage

# The migration of sessions is made the newest one, because nothing depends on it.
NEWEST = """
    UPDATE django_migrations SET id = nextval('django_migrations_id_seq') WHERE app = 'sessions'
"""


@pytest.fixture
def migrated(empty_database, tmp_path):
    """Return the variables of a migrated database with one session in it."""
    variables = {**empty_database, "BACKUP_DIR": str(tmp_path / "backups"), "MEDIA_ROOT": str(tmp_path)}
    result = manage("migrate", **variables)
    assert result.returncode == 0, result.stderr
    execute(variables, "INSERT INTO django_session VALUES ('key', 'data', now())")
    execute(variables, NEWEST)
    return variables


def execute(variables, statement):
    administer(statement, database=variables["DB_NAME"])


def sessions(variables):
    parameters = {**connection.get_connection_params(), "dbname": variables["DB_NAME"]}
    with psycopg.connect(**parameters) as session:
        [table] = session.execute("SELECT to_regclass('public.django_session')::text").fetchone()
        return table and session.execute("SELECT count(*) FROM django_session").fetchone()[0]


class TestRevert:
    def test_backs_up_takes_back_and_shows_what_went_to_the_attic(self, migrated):
        would = manage("revert", "--dry-run", **migrated)
        done = manage("revert", "--no-input", "--json", **migrated)
        again = manage("prune_attic", "--json", **migrated)

        assert (would.returncode, done.returncode, again.returncode) == (0, 0, 0), done.stderr
        assert "Take back: Create the table of Session" in would.stdout
        assert "the table django_session, with 1 row" in would.stdout
        answer = json.loads(done.stdout)
        assert [each["name"] for each in answer["migrations"]] == ["sessions.0001_initial"]
        assert answer["backup"]
        assert answer["to_attic"] == [{"table": "django_session", "column": "", "count": 1}]
        assert answer["pending"] == ["sessions.0001_initial"]
        assert sessions(migrated) is None
        [entry] = json.loads(again.stdout)["attic"]
        assert (entry["table"], entry["keep"], entry["why"]) == ("django_session", True, "unsaved")

    def test_answers_1_unless_the_name_is_typed(self, migrated):
        result = manage("revert", "--without-backup", **migrated)

        assert result.returncode == 1
        assert f"({migrated['DB_NAME']}) to take this back" in result.stderr
        assert "Traceback" not in result.stderr
        assert sessions(migrated) == 1

    def test_answers_2_and_names_who_is_migrating(self, migrated):
        parameters = {**connection.get_connection_params(), "dbname": migrated["DB_NAME"]}
        with psycopg.connect(**parameters, autocommit=True) as holder:
            holder.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [MIGRATIONS_LOGGER])
            pid = holder.info.backend_pid

            result = manage("revert", "--no-input", **migrated)

        assert result.returncode == 2
        assert f"process {pid}, since" in result.stderr
        assert "manage.py database_activity" in result.stderr

    def test_lists_the_deploys_it_could_go_back_to(self, migrated):
        result = manage("revert", "--to-deploy", **migrated)

        assert result.returncode == 0
        assert "No deploy is recorded." in result.stdout
