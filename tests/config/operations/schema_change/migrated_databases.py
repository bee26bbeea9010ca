"""Databases with every migration applied, to be damaged."""

import contextlib

from django.core.management import call_command
from django.db import connection

from tests.config.servers import administer


@contextlib.contextmanager
def empty_database(suffix):
    """Point the default connection at a database of its own; yield its name."""
    original = connection.settings_dict["NAME"]
    name = f"{original}_{suffix}"
    administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    administer("CREATE DATABASE {}", name)
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield name
    finally:
        connection.close()
        connection.settings_dict["NAME"] = original
        administer("DROP DATABASE {} WITH (FORCE)", name)


@contextlib.contextmanager
def migrated_database(suffix):
    with empty_database(suffix) as name:
        call_command("migrate", verbosity=0, database="default")
        yield name


def execute(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
