import threading
import time

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection, connections

from config.operations.advisory_lock import advisory_lock
from config.operations.development import LOCK, MigrationFailed, apply_pending_migrations
from config.operations.schemas import NotDevelopment, recreate_schema

SESSIONS = "sessions.0001_initial"


def never():
    raise AssertionError("nobody else holds the lock")


class Server(threading.Thread):
    """A second server that applies what is pending, and tells when it waits."""

    def __init__(self):
        super().__init__()
        self.waits = threading.Event()
        self.calls = 0
        self.applied = None

    def run(self):
        try:
            self.applied = apply_pending_migrations(alias="default", on_wait=self.wait)
        finally:
            connections.close_all()

    def wait(self):
        self.calls += 1
        self.waits.set()


class TestApplyPendingMigrations:
    def test_names_what_it_applied(self, sessions_reverted):
        assert apply_pending_migrations(alias="default", on_wait=never) == [SESSIONS]
        assert "django_session" in connection.introspection.table_names()

    def test_finds_nothing_to_do_the_second_time(self, sessions_reverted):
        apply_pending_migrations(alias="default", on_wait=never)

        assert apply_pending_migrations(alias="default", on_wait=never) == []

    def test_waits_for_another_server_and_then_has_nothing_to_do(self, sessions_reverted):
        second = Server()

        with advisory_lock(name=LOCK, alias="default", on_wait=never):
            second.start()
            assert second.waits.wait(timeout=30)
            assert "django_session" not in connection.introspection.table_names()
            call_command("migrate", verbosity=0, database="default")
        second.join(timeout=30)

        assert second.applied == []
        assert second.calls == 1

    def test_waits_without_holding_up_an_index_built_concurrently(self, sessions_reverted, monkeypatch):
        second = Server()
        pauses = threading.Event()
        monkeypatch.setattr(time, "sleep", lambda seconds: pauses.set() or threading.Event().wait(seconds))

        with advisory_lock(name=LOCK, alias="default", on_wait=never):
            second.start()
            assert pauses.wait(timeout=15)
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = '15s'")
                cursor.execute(
                    "CREATE INDEX CONCURRENTLY name_of_content_type ON django_content_type (model)"
                )
                cursor.execute("DROP INDEX name_of_content_type")
                cursor.execute("RESET statement_timeout")
        second.join(timeout=30)

        assert second.applied == [SESSIONS]

    def test_names_the_migration_that_failed_and_releases_the_lock(self, sessions_reverted):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE django_session ()")

        with pytest.raises(MigrationFailed) as failure:
            apply_pending_migrations(alias="default", on_wait=never)

        assert failure.value.failed == SESSIONS
        assert failure.value.applied == []
        assert isinstance(failure.value.__cause__, ProgrammingError)
        with advisory_lock(name=LOCK, alias="default", on_wait=never):
            pass


class TestRecreateSchema:
    @pytest.mark.parametrize("environment", ["test", "staging", "production"])
    def test_refuses_everywhere_but_in_development(self, db, settings, environment):
        settings.ENVIRONMENT = environment

        with pytest.raises(NotDevelopment):
            recreate_schema(alias="default")

        assert "users" in connection.introspection.table_names()
