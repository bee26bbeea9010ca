import contextlib
import importlib
import sys
import textwrap

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import override_settings

from config.databases import EXTENSIONS_SCHEMA
from config.operations.schema_change.catalogue import read_catalogue
from tests.config.operations.schema_change.foretold import OTHER_SCHEMA, SCHEMA, TABLES
from tests.config.operations.schema_change.invented_migrations import execute
from tests.config.operations.sessions import Sessions

HEADER = """\
from django.contrib.postgres.constraints import *
from django.contrib.postgres.operations import *
from django.db import migrations, models
from django.db.models import *
from django.db.models.functions import *


{before}

class Migration(migrations.Migration):
    dependencies = {dependencies}
    {attributes}
    operations = [
{operations}
    ]
"""


@pytest.fixture(scope="module")
def foretold_database(django_db_setup, django_db_blocker):
    """Connect to a schema of its own, with rows in its tables, that lasts as long as the module."""
    with django_db_blocker.unblock(), contextlib.closing(connection.copy()) as other:
        other.settings_dict["OPTIONS"]["options"] = f"-c search_path={SCHEMA},{EXTENSIONS_SCHEMA}"
        try:
            with other.cursor() as cursor:
                cursor.execute(TABLES)
            yield other
        finally:
            with other.cursor() as cursor:
                cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA}, {OTHER_SCHEMA} CASCADE")


@pytest.fixture(scope="module")
def foretold_catalogue(foretold_database):
    return read_catalogue(connection=foretold_database)


@pytest.fixture(scope="module")
def copied_database(django_db_setup, django_db_blocker):
    """Point the default connection at a migrated database of its own, where tables may come and go."""
    original = connection.settings_dict["NAME"]
    name = f"{original}_trial"
    with django_db_blocker.unblock():
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", [original])
            is_there = cursor.fetchone() is not None  # Only if a test of this session asks for it.
            cursor.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{original}"' if is_there else ""))
        connection.settings_dict["NAME"] = name
        if not is_there:
            call_command("migrate", database="default", verbosity=0)
        yield
        connection.close()
        connection.settings_dict["NAME"] = original
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def schema_folder(tmp_path_factory):
    """Return a folder for backups in which the expected schema stays, once somebody has built it."""
    return tmp_path_factory.mktemp("schemas")


class Trial:
    """An app named trial, whose migrations are written by the test."""

    def __init__(self, folder):
        self._folder = folder
        self._names = []

    def write(self, name, operations, *, attributes="", before=""):
        """Write the file of the next migration, or, if it is there, write it anew."""
        if name not in self._names:
            self._names.append(name)
        earlier = self._names[: self._names.index(name)]
        dependencies = (
            [("trial", earlier[-1])] if earlier else [("operations", "0001_deploys_and_migration_runs")]
        )
        text = HEADER.format(
            dependencies=dependencies,
            attributes=attributes,
            before=before,
            operations=textwrap.indent(textwrap.dedent(operations), " " * 8),
        )
        self._file(name).write_text(text, encoding="utf-8")
        self._forget(name)

    def remove(self, name):
        self._names.remove(name)
        self._file(name).unlink()
        self._forget(name)

    def _file(self, name):
        return self._folder / "trial" / "migrations" / f"{name}.py"

    def _forget(self, name):
        importlib.invalidate_caches()
        sys.modules.pop(f"trial.migrations.{name}", None)


@pytest.fixture
def trial(copied_database, tmp_path):
    (tmp_path / "trial" / "migrations").mkdir(parents=True)
    for file in ("__init__.py", "migrations/__init__.py"):
        (tmp_path / "trial" / file).touch()
    sys.path.insert(0, str(tmp_path))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode  # Two versions may be of one second.
    importlib.invalidate_caches()
    try:
        with override_settings(INSTALLED_APPS=[*django_settings.INSTALLED_APPS, "trial"]):
            yield Trial(tmp_path)
    finally:
        sys.path.remove(str(tmp_path))
        sys.dont_write_bytecode = before
        for module in [name for name in sys.modules if name.partition(".")[0] == "trial"]:
            del sys.modules[module]
        apps.clear_cache()
        forget_trial()


def forget_trial():
    """Drop what the trial has left: its tables, its history, its records."""
    connection.close()
    with connection.cursor() as cursor:
        # Also what lies in the attic.
        cursor.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relname LIKE 'trial%' AND relkind = 'r'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {table} CASCADE")
        cursor.execute("TRUNCATE migration_runs, deploys, rehearsals, unfinished_steps")
    MigrationRecorder(connection).migration_qs.filter(app="trial").delete()


@pytest.fixture
def sessions(copied_database):
    opened = Sessions()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def database_of_module(django_db_setup, django_db_blocker):
    """Point the default connection at a database of its own, where tables may come and go."""
    original = connection.settings_dict["NAME"]
    name = f"{original}_invented"
    with django_db_blocker.unblock():
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
            cursor.execute(f'CREATE DATABASE "{name}"')
        connection.close()
        connection.settings_dict["NAME"] = name
        yield
        connection.close()
        connection.settings_dict["NAME"] = original
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}"')


@pytest.fixture
def own_database(database_of_module):
    """Empty that database."""
    execute("SET client_min_messages = error; DROP SCHEMA IF EXISTS public, attic CASCADE")
    execute("CREATE SCHEMA public")
