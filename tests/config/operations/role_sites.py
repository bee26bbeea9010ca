"""An environment with real roles: an administrator's view of it, and the variables of its processes."""

import contextlib
import os
from pathlib import Path

import psycopg
from django.db import connection

from tests.config.servers import PASSWORD, administer

# A role belongs to the whole server, so each worker of pytest-xdist has its own.
DATABASE = "_".join(("test_site", os.environ.get("PYTEST_XDIST_WORKER", "alone")))
OWNER, APPLICATION = f"{DATABASE}_owner", f"{DATABASE}_application"
NAMES = {"o": OWNER, "a": APPLICATION, "d": DATABASE}


@contextlib.contextmanager
def unprovisioned():
    """Yield the variables of a site that does not exist on the test server; remove what was made of it."""
    _remove()
    parameters = connection.get_connection_params()
    try:
        yield {
            "DB_HOST": connection.settings_dict["HOST"],
            "DB_PORT": str(connection.settings_dict["PORT"] or 5432),
            "DB_NAME": DATABASE,
            "DB_USERNAME": APPLICATION,
            "DB_PASSWORD": PASSWORD,
            "DB_OWNER_USERNAME": OWNER,
            "DB_OWNER_PASSWORD": f"{PASSWORD}-of-owner",
            "DB_ADMIN_USERNAME": parameters["user"],
            "DB_ADMIN_PASSWORD": administrator_password(parameters),
        }
    finally:
        _remove()


def administrator_password(parameters):
    if "passfile" not in parameters:
        return parameters.get("password", "")
    return Path(parameters["passfile"]).read_text(encoding="utf-8").strip().rpartition(":")[2]


def session(variables, *, user=APPLICATION):
    """Connect as one of the two roles, with the search path that the settings give."""
    password = variables["DB_PASSWORD" if user == APPLICATION else "DB_OWNER_PASSWORD"]
    return psycopg.connect(
        host=variables["DB_HOST"],
        port=variables["DB_PORT"],
        dbname=DATABASE,
        user=user,
        password=password,
        options="-c search_path=public,extensions",
        autocommit=True,
    )


def administer_site(*statements):
    for statement in statements:
        administer(statement, database=DATABASE)


def _remove():
    administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", DATABASE)
    for role in (APPLICATION, OWNER):
        with contextlib.suppress(psycopg.errors.UndefinedObject):
            administer("DROP OWNED BY {}; DROP ROLE {}", role, role)
