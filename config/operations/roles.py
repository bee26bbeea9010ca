"""The roles of one environment on its server: what they may do there, and their passwords.

The owner may create databases, because a backup is restored beside the database that it replaces, see who
does what, and end sessions. The application's role may sign in and nothing else. This is the same in every
environment, so that what works in development works in production.
"""

from collections.abc import Iterator

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _
from psycopg import sql

from config.database_connection import try_to_connect
from config.databases import OWNER_ALIAS
from config.operations.privileges import Difference, identifier

OWNER_ATTRIBUTES = ("LOGIN", "NOSUPERUSER", "CREATEDB", "NOCREATEROLE", "NOREPLICATION", "NOBYPASSRLS")
APPLICATION_ATTRIBUTES = tuple("NOCREATEDB" if word == "CREATEDB" else word for word in OWNER_ATTRIBUTES)
OWNER_GROUPS = ("pg_monitor", "pg_signal_backend")
# Whoever waits for a lock cancels an autovacuum that holds it, but only after deadlock_timeout: a second, as
# long as a migration must not let everybody wait.
OWNER_PARAMETERS = ("deadlock_timeout",)

_ATTRIBUTES = """
    SELECT array[
               CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
               CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
               CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
               CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,
               CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
               CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END
           ],
           array(SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = pg_roles.oid)
      FROM pg_roles
     WHERE rolname = %s
"""
_WRONG_PASSWORD = "28P01"  # noqa: S105 - invalid_password


def role_differences(*, connection: DatabaseWrapper, owner: str, application: str) -> Iterator[Difference]:
    """Yield what is wrong with the two roles, as the administrator of `connection` sees it."""
    for alias, name in ((OWNER_ALIAS, owner), (DEFAULT_DB_ALIAS, application)):
        with connection.cursor() as cursor:
            cursor.execute(_ATTRIBUTES, [name])
            row = cursor.fetchone()
        if row is None:
            sentence = _("The role %(role)s does not exist.") % {"role": name}
            yield Difference(sentence, (f"CREATE ROLE {identifier(name)} LOGIN",))
            continue
        is_owner = alias == OWNER_ALIAS
        yield from _attribute_differences(
            name, row[0], OWNER_ATTRIBUTES if is_owner else APPLICATION_ATTRIBUTES
        )
        yield from _group_differences(name, set(row[1]), is_owner=is_owner, owner=owner)
        if is_owner:
            yield from _parameter_differences(connection, name)
        yield from _password_differences(connection, alias, name)


def _attribute_differences(name: str, found: list[str], due: tuple[str, ...]) -> Iterator[Difference]:
    if wrong := [word for word in found if word not in due]:
        sentence = _("%(role)s is %(found)s and should be %(due)s.")
        facts = {"role": name, "found": " ".join(wrong)}
        facts["due"] = " ".join(word for word in due if word not in found)
        yield Difference(sentence % facts, (f"ALTER ROLE {identifier(name)} {' '.join(due)}",))


def _group_differences(name: str, found: set[str], *, is_owner: bool, owner: str) -> Iterator[Difference]:
    due = set(OWNER_GROUPS) if is_owner else set()
    for group in sorted(due - found):
        sentence = _("%(role)s is no member of %(group)s.") % {"role": name, "group": group}
        yield Difference(sentence, (f"GRANT {identifier(group)} TO {identifier(name)}",))
    for group in sorted(set() if is_owner else found):
        sentence = _("%(role)s is a member of %(group)s, which is too much.") % {"role": name, "group": group}
        yield Difference(sentence, (f"REVOKE {identifier(group)} FROM {identifier(name)}",))


def _parameter_differences(connection: DatabaseWrapper, name: str) -> Iterator[Difference]:
    for parameter in OWNER_PARAMETERS:
        with connection.cursor() as cursor:
            cursor.execute("SELECT has_parameter_privilege(%s, %s, 'SET')", [name, parameter])
            [may] = cursor.fetchone()
        if not may:
            sentence = _("%(role)s may not set %(parameter)s.") % {"role": name, "parameter": parameter}
            yield Difference(sentence, (f"GRANT SET ON PARAMETER {parameter} TO {identifier(name)}",))


def _password_differences(connection: DatabaseWrapper, alias: str, name: str) -> Iterator[Difference]:
    """Sign in as the role; for the password itself is nowhere on the server."""
    database = settings.DATABASES[alias]
    password = _password(database.get("PASSWORD", ""))
    if password and try_to_connect(database=database).sqlstate == _WRONG_PASSWORD:
        verifier = _verifier(connection, name, password)
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(verifier))
        sentence = _("The server does not take the password of %(role)s.") % {"role": name}
        yield Difference(sentence, (statement.as_string(),))


def _password(configured: str) -> str:
    """Return a role's password; the private cluster has one for all, which its file gives to every role."""
    if configured or settings.CLUSTER is None:
        return configured
    return str(settings.CLUSTER.password_file.read_text(encoding="utf-8").strip().rpartition(":")[2])


def _verifier(connection: DatabaseWrapper, name: str, password: str) -> str:
    """Return what the server keeps instead of the password, so that the password never gets there."""
    with connection.cursor():
        encrypted = connection.connection.pgconn.encrypt_password(
            password.encode(), name.encode(), b"scram-sha-256"
        )
    return str(encrypted.decode())
