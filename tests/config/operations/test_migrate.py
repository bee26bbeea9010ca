import io
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import override

from config.operations.models import MigrationRun
from tests.config.servers import administer, manage

SESSIONS = "sessions.0001_initial"


def migrate(*arguments, **options):
    errors = io.StringIO()
    call_command("migrate", *arguments, verbosity=0, stderr=errors, database="default", **options)
    return errors.getvalue()


class TestMigrate:
    def test_logs_the_start_and_the_duration_of_what_it_applies(self, sessions_reverted, migration_log):
        migrate("sessions")

        start, end = migration_log()
        assert start[0] == end[0] == "INFO"
        assert f"{SESSIONS} is being applied" in start[1]
        assert f"{SESSIONS} applied in 0." in end[1]

    def test_logs_what_it_reverts(self, sessions_reverted, migration_log):
        migrate("sessions")

        migrate("sessions", "zero")

        assert f"{SESSIONS} reverted in 0." in migration_log()[-1][1]

    def test_tells_what_was_only_recorded(self, sessions_reverted, migration_log):
        migrate("sessions", fake=True)

        assert f"{SESSIONS} applied (only recorded)" in migration_log()[-1][1]

    def test_logs_nothing_when_nothing_is_pending(self, sessions_reverted, migration_log):
        migrate("sessions", "zero")

        assert migration_log() == []

    def test_is_quiet_on_the_terminal_about_a_quick_migration(self, sessions_reverted):
        assert migrate("sessions") == ""

    def test_warns_of_a_slow_migration_in_the_log_and_on_the_terminal(
        self, sessions_reverted, migration_log, settings
    ):
        settings.SLOW_MIGRATION_SECONDS = 0

        with override("en"):
            errors = migrate("sessions")

        assert migration_log()[-1][0] == "WARNING"
        assert f"{SESSIONS} took 0 seconds" in errors

    def test_logs_a_failure_with_its_cause_and_passes_it_on(self, sessions_reverted, migration_log):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE django_session ()")

        with pytest.raises(ProgrammingError, match="django_session"):
            migrate("sessions")

        level, text = migration_log()[-1]
        assert level == "ERROR"
        assert f"{SESSIONS} failed after 0." in text
        assert '"django_session" already exists' in text

    @pytest.mark.parametrize("moment", [pre_migrate, post_migrate], ids=["before", "after"])
    def test_blames_no_migration_for_a_failure_before_or_after_them(
        self, sessions_reverted, migration_log, moment
    ):
        def refuse(**signal):
            raise RuntimeError("not now")

        moment.connect(refuse)
        try:
            with pytest.raises(RuntimeError, match="not now"):
                migrate("sessions")
        finally:
            moment.disconnect(refuse)

        assert "ERROR" not in dict(migration_log())

    def test_records_what_it_does(self, sessions_reverted):
        migrate("sessions")
        migrate("sessions", "zero")
        migrate("sessions", fake=True)

        runs = MigrationRun.objects.filter(migration=SESSIONS).order_by("started_at")
        assert [(run.direction, run.way, run.result, run.reached) for run in runs[1:]] == [
            ("APPLY", "ATOMIC", "DONE", SESSIONS),
            ("REVERT", "ATOMIC", "DONE", ""),
        ]

    def test_records_why_it_failed(self, sessions_reverted):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE django_session ()")

        with pytest.raises(ProgrammingError):
            migrate("sessions")

        run = MigrationRun.objects.latest("started_at")
        assert (run.migration, run.result) == (SESSIONS, "FAILED")
        assert '"django_session" already exists' in run.error

    def test_writes_the_file_of_the_day(self, empty_database, tmp_path):
        result = manage("migrate", "contenttypes", **empty_database)

        assert result.returncode == 0
        assert result.stderr == ""
        (log,) = (tmp_path / "logs").glob("migration-*.log")
        assert "contenttypes.0001_initial applied in" in log.read_text(encoding="utf-8")

    def test_fills_the_schema_it_was_given_and_no_other(self, empty_database):
        name = empty_database["DB_NAME"]
        administer("CREATE SCHEMA parish AUTHORIZATION {}", empty_database["DB_USERNAME"], database=name)

        result = manage("migrate", "contenttypes", **empty_database, DB_SCHEMA="parish")

        assert result.returncode == 0, result.stderr
        administer("SELECT FROM {}.django_content_type", "parish", database=name)
        with pytest.raises(psycopg.errors.UndefinedTable):
            administer("SELECT FROM {}.django_content_type", "public", database=name)

    def test_touches_no_other_schema_that_has_been_migrated(self, empty_database):
        name = empty_database["DB_NAME"]
        assert manage("migrate", **empty_database).returncode == 0
        administer("CREATE SCHEMA parish AUTHORIZATION {}", empty_database["DB_USERNAME"], database=name)

        forwards = manage("migrate", **empty_database, DB_SCHEMA="parish")
        seeded = manage("seed", **empty_database, DB_SCHEMA="parish")
        backwards = manage("migrate", "budget", "zero", **empty_database, DB_SCHEMA="parish")

        assert [result.returncode for result in (forwards, seeded, backwards)] == [0, 0, 0], forwards.stderr
        administer("SELECT FROM {}.django_content_type", "parish", database=name)
        administer("SELECT 1 / (count(*) = 0)::integer FROM {}.organizations", "public", database=name)
        with pytest.raises(psycopg.errors.UndefinedTable):
            administer("SELECT FROM {}.organizations", "parish", database=name)

    def test_at_the_same_time_as_another_waits_for_it(self, empty_database):
        with ThreadPoolExecutor() as threads:
            results = list(threads.map(lambda _each: manage("migrate", **empty_database), range(3)))

        assert [result.returncode for result in results] == [0, 0, 0], results

    def test_names_the_cause_of_a_failure_that_nobody_foresaw(self, empty_database):
        administer("CREATE SCHEMA elsewhere", database=empty_database["DB_NAME"])
        administer("CREATE EXTENSION pg_trgm SCHEMA elsewhere", database=empty_database["DB_NAME"])

        result = manage("migrate", **empty_database)

        assert result.returncode == 2
        assert "budget.0001_extensions" in result.stderr
        assert "ALTER EXTENSION pg_trgm SET SCHEMA extensions" in result.stderr
        assert "Traceback" not in result.stderr

    def test_creates_the_schema_of_a_test_database(self, empty_database):
        result = manage(
            "migrate",
            "contenttypes",
            **{**empty_database, "DB_SCHEMA": "parish", "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        )

        assert result.returncode == 0, result.stderr


class TestInProduction:
    @pytest.fixture
    def production(self, empty_database):
        return {
            **empty_database,
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "SECRET_KEY": "4f!x9_pQ2w-7Lm+RbZ0aN5tYcV8eJ1hGdK6sXuW3oPiQ" + "~" * 20,
            "ALLOWED_HOSTS": "parish.example",
        }

    def test_refuses_and_names_the_safe_command(self, production):
        result = manage("migrate", **production)

        assert result.returncode == 2
        assert "manage.py migrate_safely --check-only" in result.stderr
        with pytest.raises(psycopg.errors.UndefinedTable):
            administer("SELECT FROM django_migrations", database=production["DB_NAME"])

    def test_shows_what_is_pending(self, production):
        result = manage("migrate", "contenttypes", "--plan", **production)

        assert result.returncode == 0
        assert "contenttypes.0001_initial" in result.stdout

    def test_obeys_when_told_to_go_without_safety(self, production):
        result = manage("migrate", "contenttypes", "--without-safety", **production)

        assert result.returncode == 0, result.stderr
        administer("SELECT FROM django_content_type", database=production["DB_NAME"])

    def test_leaves_the_creation_of_a_test_database_alone(self, settings, transactional_db):
        settings.ENVIRONMENT = "production"

        call_command("migrate", run_syncdb=True, verbosity=0, database="default")
        with pytest.raises(CommandError, match="migrate_safely"):
            call_command("migrate", verbosity=0, database="default")
