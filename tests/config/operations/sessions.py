"""Other people's sessions: real connections that hold locks, wait for them or stay idle."""

import contextlib
import dataclasses
import threading
import time

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections

from config.operations.activity import Lock, Session, Wait, read_activity

PATIENCE_SECONDS = 20
TABLE = "subject_of_locks"


class Sessions:
    """Opens sessions of one database, runs statements in threads, and cleans up after both."""

    def __init__(self, *, alias=DEFAULT_DB_ALIAS):
        self.alias = alias
        self.errors = {}
        self._opened = []
        self._threads = []

    def open(self, name, **parameters):
        settings = connections[self.alias].get_connection_params()
        wanted = ("host", "port", "user", "password", "passfile", "dbname", "options")
        address = {key: settings[key] for key in wanted if key in settings}
        opened = psycopg.connect(**{**address, "application_name": name, **parameters})
        self._opened.append(opened)
        return opened

    def start(self, session, statement):
        """Run a statement that will have to wait; what becomes of it is in `errors`."""
        pid = session.info.backend_pid

        def run():
            try:
                session.execute(statement)
            except psycopg.Error as error:
                self.errors[pid] = error.sqlstate

        thread = threading.Thread(target=run)
        thread.start()
        self._threads.append(thread)

    def until(self, condition, **options):
        """Look again and again until `condition(activity)`, and return that activity."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            activity = read_activity(alias=self.alias, **options)
            if condition(activity):
                return activity
            assert time.monotonic() < deadline, activity
            time.sleep(0.01)

    def until_blocked(self, *sessions):
        pids = {session.info.backend_pid for session in sessions}
        return self.until(lambda activity: {blocked.pid for blocked in activity.blocked} >= pids)

    def close(self):
        for session in self._opened:
            with contextlib.suppress(psycopg.Error):
                session.cancel_safe(timeout=5)
        for thread in self._threads:
            thread.join()
        for session in self._opened:
            session.close()


@contextlib.contextmanager
def sessions_with_table():
    """Yield Sessions of the test database and, for a while, a TABLE of two rows."""
    opened = Sessions()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, name text)")
        cursor.execute(f"INSERT INTO {TABLE} VALUES (1, 'one'), (2, 'two')")
    try:
        yield opened
    finally:
        opened.close()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {TABLE}")
        connection.close()


def waiting(pid, *blocked_by, kind="transactionid", table="", **changes):
    """Return a made-up session that waits for others, or for nobody."""
    lock = Lock(mode="ShareLock", kind=kind, table=table)
    session = Session(
        pid=pid,
        user="parish",
        application="",
        client="",
        kind="client backend",
        state="active",
        connected_at=None,
        transaction_started_at=None,
        statement_started_at=None,
        state_changed_at=None,
        statement="SELECT …",
        locks=(),
        wait=Wait(lock=lock, since=None, blocked_by=blocked_by) if blocked_by else None,
    )
    return dataclasses.replace(session, **changes)


def shape(nodes):
    """Return a tree of locks as nested dictionaries of process ids."""
    return {node.pid: shape(node.waiters) for node in nodes}


def pid_of(session):
    return session.info.backend_pid
