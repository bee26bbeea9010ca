"""The database that tests run on, and the three people of every permission test."""

import signal

import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql.operations import DatabaseOperations
from django.test.utils import setup_databases, teardown_databases

from config.cluster import start_cluster
from tests.factories import UserFactory


def pytest_configure():
    """Undo what a shell does to the programs that it starts in the background: they ignore Control-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """Start the private test cluster, unless the environment names a server."""
    if settings.CLUSTER is not None:
        start_cluster(cluster=settings.CLUSTER)


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, django_db_modify_db_settings):
    """Make the test database for whoever asks; pytest-django makes it for tests in transactions only."""
    with django_db_blocker.unblock():
        made = setup_databases(
            verbosity=0, interactive=False, aliases=[DEFAULT_DB_ALIAS], serialized_aliases=[]
        )
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def flush_empties_the_audit_trail():
    """Let the trail be emptied for the next test, for as long as the one transaction that does it."""
    sql_flush = DatabaseOperations.sql_flush

    def sql_flush_of_trail(self, style, tables, **options):
        statements = sql_flush(self, style, tables, **options)
        if "audit_trails" not in tables:
            return statements
        trigger = "ALTER TABLE audit_trails {} TRIGGER append_only_truncate"
        return [trigger.format("DISABLE"), *statements, trigger.format("ENABLE ALWAYS")]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush_of_trail)
        yield


@pytest.fixture
def superuser(db):
    return UserFactory(superuser=True, name="관리자")
