"""Databases beside the live one: what a restore makes before it is exchanged, and what it keeps afterwards.

`<name>_restore_<UTC time>` is being made, and worthless when nobody is making it any more;
`<name>_old_<UTC time>` has been replaced, and its comment says by what.
"""

import contextlib
import dataclasses
import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg import sql

from config.operations.manifest import DatabaseFacts
from config.operations.snapshot import Session

KEPT_DAYS = 7

_MAINTENANCE_DATABASES = ("postgres", "template1")
_RESTORED, _REPLACED = "restore", "old"
_MOMENT = "%Y%m%d_%H%M%S"
_LONGEST_NAME = 63  # bytes; PostgreSQL would cut a longer one off without an error

_NEIGHBOURS = """
    SELECT datname, pg_database_size(oid), shobj_description(oid, 'pg_database')
      FROM pg_database
     WHERE starts_with(datname, %s)
     ORDER BY datname
"""
_SETTINGS = """
    SELECT coalesce(rolname, ''), split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
      FROM pg_db_role_setting
      JOIN pg_database ON pg_database.oid = setdatabase
      LEFT JOIN pg_roles ON pg_roles.oid = setrole
      CROSS JOIN unnest(setconfig) AS setting
     WHERE datname = %s
"""


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """Why a database is kept: `backup` took its place, `safety_backup` holds its files; "" where unknown."""

    backup: str = ""
    safety_backup: str = ""


@dataclass(frozen=True, kw_only=True)
class KeptDatabase:
    """A database that was replaced; its size in bytes."""

    name: str
    replaced_at: datetime.datetime
    size: int
    replacement: Replacement


@contextlib.contextmanager
def server_session(*, connection: DatabaseWrapper) -> Iterator[Session]:
    """Yield a session of the server in a database that nobody works in."""
    parameters = connection.get_connection_params()
    with contextlib.closing(_connect(parameters)) as session:
        yield session


def _connect(parameters: dict[str, object]) -> Session:
    """Raise the error of the first database: the others are tried only where that one is closed to us."""
    first: psycopg.Error | None = None
    for name in _MAINTENANCE_DATABASES:
        try:
            return psycopg.connect(**{**parameters, "dbname": name}, autocommit=True)  # type: ignore[arg-type]
        except psycopg.OperationalError as error:
            first = first or error
    raise first or psycopg.OperationalError


def exists(*, server: Session, name: str) -> bool:
    return bool(server.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount)


def list_kept(*, server: Session, live: str) -> tuple[KeptDatabase, ...]:
    """Return the databases that `live` has replaced, the latest first."""
    found = []
    for name, moment, size, comment in _neighbours(server, live, _REPLACED):
        replacement = _replacement(comment)
        found.append(KeptDatabase(name=name, replaced_at=moment, size=size, replacement=replacement))
    return tuple(sorted(found, key=lambda kept: kept.replaced_at, reverse=True))


def list_expired(*, server: Session, live: str, now: datetime.datetime) -> tuple[KeptDatabase, ...]:
    """Return what was replaced more than KEPT_DAYS ago, the latest first."""
    limit = now - datetime.timedelta(days=KEPT_DAYS)
    return tuple(kept for kept in list_kept(server=server, live=live) if kept.replaced_at < limit)


def drop_expired(*, server: Session, live: str, now: datetime.datetime) -> tuple[str, ...]:
    """Drop what was replaced more than KEPT_DAYS ago and return the names."""
    expired = [kept.name for kept in list_expired(server=server, live=live, now=now)]
    for name in expired:
        drop(server=server, name=name)
    return tuple(expired)


def drop_unfinished(*, server: Session, live: str) -> None:
    """Drop what an interrupted restore has left; who holds the lock of the folder may."""
    for name, _moment, _size, _comment in _neighbours(server, live, _RESTORED):
        drop(server=server, name=name)


def create_restored(*, server: Session, live: str, facts: DatabaseFacts, now: datetime.datetime) -> str:
    """Create an empty database like the one that was backed up, beside `live`, and return its name.

    It gets the settings that `ALTER DATABASE … SET` gave to the live one: no dump holds them.
    """
    name = _free_name(server, live, _RESTORED, now)
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}")
    locale = map(sql.Literal, (facts.encoding, facts.collation, facts.character_type))
    server.execute(statement.format(sql.Identifier(name), *locale))
    _copy_settings(server, source=live, target=name)
    return name


def name_for_replaced(*, server: Session, live: str, now: datetime.datetime) -> str:
    return _free_name(server, live, _REPLACED, now)


def note_replacement(*, server: Session, name: str, replacement: Replacement) -> None:
    note = json.dumps(dataclasses.asdict(replacement))
    server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(note)))


def drop(*, server: Session, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _neighbours(
    server: Session, live: str, kind: str
) -> Iterator[tuple[str, datetime.datetime, int, str | None]]:
    beginning = _beginning(live, kind)
    for name, size, comment in server.execute(_NEIGHBOURS, [beginning]).fetchall():
        if re.fullmatch(r"\d{8}_\d{6}", name.removeprefix(beginning)):
            moment = datetime.datetime.strptime(f"{name.removeprefix(beginning)}+0000", f"{_MOMENT}%z")
            yield name, moment, size, comment


def _beginning(live: str, kind: str) -> str:
    """Return what the names of the neighbours of a kind begin with: as much of `live` as there is room."""
    rest = len(f"_{kind}_00000000_000000")
    return f"{live.encode()[: _LONGEST_NAME - rest].decode(errors='ignore')}_{kind}_"


def _free_name(server: Session, live: str, kind: str, now: datetime.datetime) -> str:
    moment = now.astimezone(datetime.UTC)
    while exists(server=server, name=(name := f"{_beginning(live, kind)}{moment.strftime(_MOMENT)}")):
        moment += datetime.timedelta(seconds=1)
    return name


def _replacement(comment: str | None) -> Replacement:
    try:
        note = json.loads(comment or "{}")
        return Replacement(backup=str(note["backup"]), safety_backup=str(note["safety_backup"]))
    except (ValueError, KeyError, TypeError):  # Somebody has written a comment of their own.
        return Replacement()


def _copy_settings(server: Session, *, source: str, target: str) -> None:
    for role, setting, value in server.execute(_SETTINGS, [source]).fetchall():
        subject = sql.SQL("DATABASE {}").format(sql.Identifier(target))
        if role:
            subject = sql.SQL("ROLE {} IN {}").format(sql.Identifier(role), subject)
        # A list, such as a search path, is not written as one literal; FROM CURRENT needs no writing.
        with server.transaction():
            server.execute("SELECT set_config(%s, %s, true)", [setting, value])
            server.execute(
                sql.SQL("ALTER {} SET {} FROM CURRENT").format(subject, sql.Identifier(*setting.split(".")))
            )
