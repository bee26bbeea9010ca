"""A small database with one of everything, and what the tests of backups ask about it."""

import contextlib
import datetime
import os
import threading
import time
from pathlib import Path

import psycopg
from django.core.files.storage import FileSystemStorage
from django.db import connection, connections

from config.databases import OWNER_ALIAS
from config.operations.backup import create_backup
from tests.config import servers
from tests.config.servers import administer, execute, folders_in

NOW = datetime.datetime(2025, 8, 5, 3, 0, tzinfo=datetime.UTC)
PATIENCE_SECONDS = 20

CONTENT = """
    CREATE EXTENSION pg_trgm;
    CREATE TABLE organizations (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE);
    CREATE TABLE events (
        id bigserial PRIMARY KEY,
        organization_id bigint NOT NULL REFERENCES organizations,
        status varchar(20) NOT NULL CHECK (status IN ('DRAFT', 'it''s [done]')),
        amount numeric NOT NULL
            CONSTRAINT possible CHECK ((amount > -1 AND amount < 1e9) AND (amount <> 0.7 AND amount <> 0.8)),
        share double precision NOT NULL DEFAULT '0.1'::float8 + '0.2'::float8,
        scan bytea,
        held_at timestamptz NOT NULL DEFAULT now(),
        took interval NOT NULL DEFAULT '1 day',
        doubled numeric GENERATED ALWAYS AS (amount * 2) STORED
    );
    CREATE INDEX events_status ON events USING gin (status gin_trgm_ops);
    CREATE TABLE without_a_key (word text);
    CREATE TABLE without_a_column ();
    CREATE TABLE "Odd ""name" ("row" int);
    CREATE SCHEMA archive;
    CREATE TABLE archive.events (every_row text);
    CREATE TABLE django_migrations (id serial, app text, name text, applied timestamptz);
    INSERT INTO organizations (name) SELECT 'organization ' || n FROM generate_series(1, 10) AS n;
    INSERT INTO events (organization_id, status, amount, scan)
    SELECT n % 10 + 1, 'DRAFT', n, decode(md5(n::text), 'hex') FROM generate_series(1, 3000) AS n;
    INSERT INTO without_a_key VALUES ('twice'), ('twice'), (NULL);
    INSERT INTO without_a_column DEFAULT VALUES;
    INSERT INTO "Odd ""name" VALUES (1);
    INSERT INTO archive.events VALUES ('전례');
    INSERT INTO django_migrations (app, name) VALUES ('budget', '0002_users');
"""

# Enough that whatever works on it can be interrupted in the middle.
MORE = "INSERT INTO without_a_key SELECT repeat(md5(n::text), 8) FROM generate_series(1, 150000) AS n"

NEW_EVENT = "INSERT INTO events (organization_id, status, amount) VALUES (1, 'DRAFT', 1)"


@contextlib.contextmanager
def source_database(name):
    """Fill a database, and let the connections of the application and the owner lead to it for a while."""
    administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    administer("CREATE DATABASE {}", name)
    before = connection.settings_dict["NAME"]
    _lead_to(name)
    try:
        with session() as database:
            database.execute(CONTENT)
        yield
    finally:
        _lead_to(before)
        administer("DROP DATABASE {} WITH (FORCE)", name)


@contextlib.contextmanager
def ordinary_database(name, home):
    """Fill a database of a role that is no superuser for a while, and whatever a restore makes of it.

    Yields the variables of processes that work on it and on folders in `home`.
    """
    with servers.role(f"{name}_owner", options="LOGIN CREATEDB") as owner:
        administer("GRANT pg_signal_backend TO {}", owner)
        with servers.database(name, owner=owner) as variables:
            variables = {**variables, **folders_in(home)}
            try:
                execute(variables, CONTENT)
                yield variables
            finally:
                for each in databases_beside(name):
                    administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", each)


def _lead_to(name):
    for each in (connection, connections[OWNER_ALIAS]):
        each.settings_dict["NAME"] = name


def session(**changes):
    """Connect to the source as the owner of the server."""
    return psycopg.connect(**{**connection.get_connection_params(), **changes}, autocommit=True)


@contextlib.contextmanager
def writer():
    """Insert, change and delete rows in transactions until the end of the block; yield the commits."""
    commits, started, ended = [], threading.Event(), threading.Event()

    def write(database):
        while not ended.is_set():
            with database.transaction():
                database.execute(NEW_EVENT)
                database.execute("UPDATE events SET amount = amount + 1 WHERE id % 100 = 7")
                database.execute("DELETE FROM events WHERE id = (SELECT max(id) - 5 FROM events)")
            commits.append(1)
            started.set()

    # Connected here: Django's connections, and with them where they lead to, are different in a thread.
    with session() as database:
        thread = threading.Thread(target=write, args=[database])
        thread.start()
        try:
            assert started.wait(timeout=60)
            yield commits
        finally:
            ended.set()
            thread.join()


def back_up(folder, *, media, level=None, **options):
    storage = FileSystemStorage(location=media)
    options = {"now": NOW, **options}
    return create_backup(folder=folder, level=level, storage=storage, **options)


def databases_beside(name):
    """Return the databases that a restore of `name` has made, by name."""
    with session(dbname="postgres") as administrator:
        rows = administrator.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND datname <> %s ORDER BY 1",
            [name[:36], name],
        )
        return [beside for (beside,) in rows]


def backends(database):
    """Return the sessions in a database, without the one that asks."""
    with session(dbname="postgres") as administrator:
        rows = administrator.execute(
            "SELECT pid, backend_type, query FROM pg_stat_activity WHERE datname = %s", [database]
        )
        return rows.fetchall()


def processes(text):
    """Return the processes that have `text` in their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if os.fsencode(text) in command and process.name != str(os.getpid()):
                found.append(command)
    return found


def eventually(condition):
    """Whether the condition becomes true while one may reasonably wait for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        os.sched_yield()
    return True
