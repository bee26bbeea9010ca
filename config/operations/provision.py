"""Roles, database, schemas, extensions and privileges of one environment: compared, and made.

What is to be done follows from what is found, step by step, since some of it can only be seen when the rest
is there. So whatever state a server is in, also one that stopped half-way, doing it again completes it.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _

from config.cluster import Cluster, StartedCluster, start_cluster
from config.databases import ADMINISTRATOR_ALIAS, OWNER_ALIAS, schema_name
from config.operations.ownership import ownership_differences
from config.operations.privileges import Difference, identifier, privilege_differences
from config.operations.roles import role_differences

_MAINTENANCE_DATABASE = "postgres"  # Every server has it.
_LOCK = "config.operations.provision"
# Statements about roles hold the hash of a password, which no log of the server needs.
_SETTINGS = {"lock_timeout": "10s", "log_statement": "none", "log_min_duration_statement": "-1"}
_PREPARE = """
    SELECT set_config(name, value, false)
      FROM unnest(%s::text[], %s::text[]) AS new (name, value), pg_roles
     WHERE rolname = current_user AND rolsuper
"""
_MOST_STEPS = 6


class UnableToProvision(Exception):
    """There is nobody to do it, or nothing to do it for; the message names the next command."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """The names of one environment."""

    database: str
    schema: str
    owner: str
    application: str


@dataclass(frozen=True, kw_only=True)
class Provisioning:
    """What was not as it should be and has been done, and what is still not, each in a sentence."""

    site: Site
    done: tuple[str, ...]
    differences: tuple[str, ...]


def named_site() -> Site:
    """Return the site of the settings, or raise UnableToProvision where they name one role only."""
    default = settings.DATABASES[DEFAULT_DB_ALIAS]
    site = Site(
        database=str(default["NAME"]),
        schema=schema_name(database=default),
        owner=str(settings.DATABASES[OWNER_ALIAS]["USER"]),
        application=str(default["USER"]),
    )
    if site.owner == site.application:
        sentence = _(
            "The application and the owner of the database are one role, %(role)s.\n"
            "→ Name the owner with DB_OWNER_USERNAME and DB_OWNER_PASSWORD in %(file)s."
        )
        raise UnableToProvision(sentence % {"role": site.owner, "file": f".env.{settings.ENVIRONMENT}"})
    return site


def provision() -> Provisioning:
    """Make what is missing and take away what is too much, as the administrator; destroys no data."""
    site = named_site()
    done: list[str] = []
    with _administering() as server:
        left = _mend(server, lambda: _server_differences(server, site), done)
        with _connected(site.database) as database:
            left += _mend(database, lambda: _inner_differences(database, site), done)
    return Provisioning(site=site, done=tuple(done), differences=tuple(each.sentence for each in left))


def check_provision() -> Provisioning:
    """Compare and write nothing. What depends on something that is missing is not looked at yet."""
    site = named_site()
    with _administering() as server:
        found = list(_server_differences(server, site))
        if _exists(server, site):
            with _connected(site.database) as database:
                found += _inner_differences(database, site)
    return Provisioning(site=site, done=(), differences=tuple(each.sentence for each in found))


def start_provisioned_cluster(*, cluster: Cluster) -> StartedCluster:
    """Start the private cluster with the roles and the database of the settings, whoever made it before."""
    database = str(settings.DATABASES[DEFAULT_DB_ALIAS]["NAME"])
    started = start_cluster(cluster=cluster, database=database)
    if ADMINISTRATOR_ALIAS in settings.DATABASES:
        provision()
    return started


@contextlib.contextmanager
def _administering() -> Iterator[DatabaseWrapper]:
    """Yield the administrator's connection to the server, when it is this process's turn."""
    if ADMINISTRATOR_ALIAS not in settings.DATABASES:
        sentence = _(
            "No administrator of the server is named.\n"
            "→ Set DB_ADMIN_USERNAME and DB_ADMIN_PASSWORD for this command; or give the SQL to somebody who "
            "is one: manage.py provision --sql"
        )
        raise UnableToProvision(sentence)
    with _connected(_MAINTENANCE_DATABASE) as server, server.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone() != (True,):
            sentence = _("%(role)s is no superuser.\n→ Give the SQL to one: manage.py provision --sql")
            raise UnableToProvision(sentence % {"role": server.settings_dict["USER"]})
        # Two at once would stumble over each other's half-made roles.
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [_LOCK])
        yield server


@contextlib.contextmanager
def _connected(database: str) -> Iterator[DatabaseWrapper]:
    # Under its own alias, django.contrib.postgres would also connect to the database of the settings, which
    # may not be there yet.
    connection = cast("DatabaseWrapper", connections[ADMINISTRATOR_ALIAS].copy(alias=NO_DB_ALIAS))
    connection.settings_dict["NAME"] = database
    try:
        with connection.cursor() as cursor:
            cursor.execute(_PREPARE, [list(_SETTINGS), list(_SETTINGS.values())])
        yield connection
    finally:
        # So that an error is explained as the administrator's.
        connections[ADMINISTRATOR_ALIAS].errors_occurred |= connection.errors_occurred
        connection.close()


def _mend(
    connection: DatabaseWrapper, compare: Callable[[], Iterable[Difference]], done: list[str]
) -> list[Difference]:
    """Put right what can be until nothing new comes to light; return what cannot."""
    for _step in range(_MOST_STEPS):
        found = list(compare())
        possible = [each for each in found if each.statements]
        if not possible:
            break
        with connection.cursor() as cursor:
            for difference in possible:
                cursor.execute("; ".join(difference.statements))
                done.append(difference.sentence)
    return found


def _server_differences(server: DatabaseWrapper, site: Site) -> Iterator[Difference]:
    yield from role_differences(connection=server, owner=site.owner, application=site.application)
    yield from _database_differences(server, site)


def _exists(server: DatabaseWrapper, site: Site) -> bool:
    with server.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM pg_roles WHERE rolname = ANY (%s)) = 2"
            " AND EXISTS (SELECT FROM pg_database WHERE datname = %s)",
            [[site.owner, site.application], site.database],
        )
        return bool(cursor.fetchone()[0])


def _database_differences(server: DatabaseWrapper, site: Site) -> Iterator[Difference]:
    with server.cursor() as cursor:
        cursor.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [site.database])
        row = cursor.fetchone()
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [site.owner])
        if cursor.fetchone() is None:
            return  # First the owner, then what it owns.
    facts = {"object": f"DATABASE {site.database}", "owner": site.owner, "found": row and row[0]}
    if row is None:
        statement = create_database(database=site.database, owner=site.owner)
        yield Difference(_("%(object)s does not exist.") % facts, (statement,))
    elif row[0] != site.owner:
        statement = f"ALTER DATABASE {identifier(site.database)} OWNER TO {identifier(site.owner)}"
        yield Difference(_("%(object)s belongs to %(found)s and not to %(owner)s.") % facts, (statement,))


def _inner_differences(connection: DatabaseWrapper, site: Site) -> Iterator[Difference]:
    names = {"owner": site.owner, "application": site.application}
    yield from ownership_differences(connection=connection, **names)
    yield from privilege_differences(connection=connection, **names)


def create_database(*, database: str, owner: str) -> str:
    # pg_trgm asks the locale which characters are letters, and under C would find none in Korean.
    name = f"CREATE DATABASE {identifier(database)} OWNER {identifier(owner)}"
    return f"{name} ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0"
