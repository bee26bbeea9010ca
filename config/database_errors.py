"""Explains to a person why the database did not do what was asked, and which command comes next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, NotSupportedError, connections
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.cluster import OLDEST_MAJOR
from config.database_connection import DEFAULT_PORT, Attempt, Obstacle, try_to_connect
from config.databases import ADMINISTRATOR_ALIAS, OWNER_ALIAS, schema_name
from config.redaction import redact


@dataclass(frozen=True)
class Explanation:
    """What is wrong, and what to do or type next. Neither contains a secret."""

    cause: str
    remedy: str


_CLUSTER_STOPPED = (
    _("The project's private PostgreSQL is not running."),
    _("Start it: manage.py cluster start (or, to set everything up: make demo)"),
)
_CONNECTION_LOST = (
    _("The connection to the database was lost; the server answers again."),
    _("See what was done, then repeat the command: manage.py showmigrations"),
)
_NO_CONNECTION = (
    _("The connection to the database %(name)s on %(server)s failed."),
    _("Check DB_HOST, DB_PORT, %(username)s and DB_NAME (or DATABASE_URL) in %(file)s."),
)
_TOO_OLD = (
    _("The PostgreSQL server on %(server)s is older than version %(oldest)s."),
    _("Install a newer server: apt-get install postgresql; or name another one with DB_HOST in %(file)s."),
)
_BY_OBSTACLE = {
    Obstacle.UNKNOWN_HOST: (
        _("The database host %(host)s is unknown: its name does not resolve to an address."),
        _("Correct DB_HOST (or DATABASE_URL) in %(file)s; to check: getent hosts %(host)s"),
    ),
    Obstacle.NOTHING_LISTENS: (
        _("No PostgreSQL server can be reached on %(server)s."),
        _("Correct DB_HOST and DB_PORT in %(file)s, or start the server; to check: pg_isready %(options)s"),
    ),
    Obstacle.NO_ANSWER: (
        _("%(server)s does not answer: the server hangs, or a firewall swallows the connection."),
        _("Correct DB_HOST and DB_PORT in %(file)s, or restart the server; to check: pg_isready %(options)s"),
    ),
    Obstacle.NOT_POSTGRESQL: (
        _("What listens on %(server)s is not PostgreSQL: another program has taken the port."),
        _("Correct DB_PORT in %(file)s, or stop that program; to find it: ss -ltnp sport = :%(port)s"),
    ),
    Obstacle.NONE: _CONNECTION_LOST,
    Obstacle.REFUSED: _NO_CONNECTION,
}
_HALF_APPLIED = (
    _("What a migration wants to create is already in the database: its history is only half recorded."),
    _(
        "Compare the history with the tables: manage.py showmigrations, manage.py dbshell. "
        "Only if all that the migration makes is there, record it: manage.py migrate --fake APP MIGRATION"
    ),
)
_NOT_MIGRATED = (
    _("The database lacks a table or a column: migrations have not been applied."),
    _("Look, then apply them: manage.py showmigrations, manage.py migrate"),
)
_EXTENSION_MISSING = (
    _("The PostgreSQL server lacks an extension that the migrations need."),
    _("Install it on the server's machine: apt-get install postgresql-contrib (or postgresql-%(major)s)"),
)
_TOO_MANY_CONNECTIONS = (
    _("The server on %(server)s has no connection left for %(user)s."),
    _("Close idle connections or raise max_connections; to see them: psql -c 'TABLE pg_stat_activity'"),
)
_LOCKED = (
    _("Somebody else's transaction holds a lock on what the command wants to change."),
    _("Close the other programs that use the database %(name)s, then repeat the command."),
)
_DISK_FULL = (
    _("The disk of the server on %(server)s is full."),
    _("Make room there, then repeat the command; to see where (on that machine): df -h"),
)
_NOT_READY = (
    _("The server on %(server)s is just starting up, shutting down or recovering."),
    _("Wait until it accepts connections, then repeat the command: pg_isready %(options)s"),
)
_UNKNOWN_DATABASE = "3D000"
# Appendix A, "PostgreSQL Error Codes", of PostgreSQL's documentation.
_BY_SQLSTATE = {
    "28P01": (
        _("The server on %(server)s refuses the user %(user)s: the name or the password is wrong."),
        _("Correct %(username)s and %(password)s (or DATABASE_URL) in the environment or in %(file)s."),
    ),
    "28000": (
        _("The server on %(server)s does not let the user %(user)s sign in."),
        _("Correct %(username)s in %(file)s, or give the role LOGIN and a line in pg_hba.conf."),
    ),
    _UNKNOWN_DATABASE: (
        _("The database %(name)s does not exist on %(server)s."),
        _("Correct DB_NAME in %(file)s, or create it: manage.py provision"),
    ),
    "3F000": (
        _("The schema of DB_SCHEMA, %(schema)s, does not exist in the database %(name)s."),
        _("Correct DB_SCHEMA in %(file)s, or create it: manage.py provision"),
    ),
    "42501": (
        _("The user %(user)s lacks a privilege in the database %(name)s."),
        _(
            "Only the owner may change the schema: name it with DB_OWNER_USERNAME and DB_OWNER_PASSWORD in "
            "%(file)s. To see, and to mend, what each role may do: manage.py provision --check, "
            "manage.py provision"
        ),
    ),
    "42P07": _HALF_APPLIED,
    "42701": _HALF_APPLIED,
    "42710": _HALF_APPLIED,
    "42P01": _NOT_MIGRATED,
    "42703": _NOT_MIGRATED,
    "53100": _DISK_FULL,
    "53300": _TOO_MANY_CONNECTIONS,
    "55P03": _LOCKED,
    "57P03": _NOT_READY,
    "58P01": _EXTENSION_MISSING,
}
_CONNECTION_ENDED = ("57P01", "57P02")  # by an administrator, by a crash
_FEATURE_NOT_SUPPORTED = "0A000"


def explain(error: BaseException, *, alias: str | None = None) -> Explanation | None:
    """Return why `error` happened on the connection `alias`, or None for an unexpected failure.

    Without `alias` it is found out. May connect to the server; takes no longer than two connection attempts.
    """
    alias = alias or _failed_alias(error)
    database = connections[alias].settings_dict
    facts = {**_facts(database), **_variables(alias)}
    if isinstance(error, NotSupportedError) and error.__cause__ is None:
        return _fill(_TOO_OLD, facts)  # Django's own refusal, or ours.
    reported = _postgresql_error(error)
    if reported is None:
        return None
    if reported.sqlstate and reported.sqlstate not in _CONNECTION_ENDED:
        return _explain_statement(reported, facts=facts, database=database)
    if not isinstance(reported, psycopg.OperationalError):
        return None
    attempt = try_to_connect(database=database)
    return _explain_attempt(attempt, facts=facts)


def _explain_statement(
    reported: psycopg.Error, *, facts: Mapping[str, object], database: Mapping[str, Any]
) -> Explanation | None:
    sentences = (
        _EXTENSION_MISSING if _lacks_extension(reported) else _BY_SQLSTATE.get(reported.sqlstate or "")
    )
    if sentences is None:
        return None
    if sentences is _EXTENSION_MISSING:
        facts = {**facts, "major": try_to_connect(database=database).major or OLDEST_MAJOR}
    return _fill(sentences, facts, words=reported.diag.message_primary)


def _explain_attempt(attempt: Attempt, *, facts: Mapping[str, object]) -> Explanation:
    if attempt.obstacle is Obstacle.NOTHING_LISTENS and settings.CLUSTER is not None:
        return _fill(_CLUSTER_STOPPED, facts)
    if attempt.sqlstate == _UNKNOWN_DATABASE and settings.CLUSTER is not None:
        return _fill((_BY_SQLSTATE[_UNKNOWN_DATABASE][0], _("Create it: manage.py cluster start")), facts)
    sentences = _BY_SQLSTATE.get(attempt.sqlstate) or _BY_OBSTACLE[attempt.obstacle]
    return _fill(sentences, facts, words=attempt.words)


def _lacks_extension(reported: psycopg.Error) -> bool:
    # Besides the control file, 0A000 reports much else; the name of the C function has no language.
    return (
        reported.sqlstate == _FEATURE_NOT_SUPPORTED
        and reported.diag.source_function == "parse_extension_control_file"
    )


def _postgresql_error(error: BaseException) -> psycopg.Error | None:
    """Return the driver's error behind Django's, if `error` is one of the database."""
    if not isinstance(error, (DatabaseError, InterfaceError, psycopg.Error)):
        return None
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, psycopg.Error):
        behind = behind.__cause__ or behind.__context__
    return behind


def _failed_alias(error: BaseException) -> str:
    """Return the alias of the role that was refused, or else that of the first connection with an error."""
    reported = _postgresql_error(error)
    if reported is not None and reported.pgconn is not None:
        user = reported.pgconn.user.decode()
        for alias, entry in settings.DATABASES.items():
            if entry["USER"] == user:
                return alias
    failed = (each.alias for each in connections.all(initialized_only=True) if each.errors_occurred)
    return next(failed, DEFAULT_DB_ALIAS)


def _variables(alias: str) -> dict[str, object]:
    """Return the names of the variables that a person corrects for this role."""
    part = {OWNER_ALIAS: "OWNER_", ADMINISTRATOR_ALIAS: "ADMIN_"}.get(alias, "")
    if settings.DATABASES[alias]["USER"] == settings.DATABASES[DEFAULT_DB_ALIAS]["USER"]:
        part = ""
    return {"username": f"DB_{part}USERNAME", "password": f"DB_{part}PASSWORD"}


def _facts(database: Mapping[str, Any]) -> dict[str, object]:
    host = database.get("HOST") or "localhost"
    port = database.get("PORT") or DEFAULT_PORT
    return {
        "host": host,
        "port": port,
        "server": f"{host}:{port}",
        "options": f"--host={host} --port={port}",
        "user": database.get("USER") or "",
        "name": database.get("NAME") or "",
        "schema": schema_name(database=database),
        "file": f".env.{settings.ENVIRONMENT}",
        "oldest": OLDEST_MAJOR,
    }


def _fill(
    sentences: tuple[str | Promise, str | Promise], facts: Mapping[str, object], words: str | None = None
) -> Explanation:
    cause, remedy = (redact(str(sentence) % facts) for sentence in sentences)
    if words:
        cause += "\n" + gettext("The server's own words: %(words)s") % {"words": redact(words)}
    return Explanation(cause=cause, remedy=remedy)
