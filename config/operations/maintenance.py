"""One backup, restore or migration at a time, on this disk and in this database.

The lock of the file system guards the folder of the backups, also when there is no database any more; the
lock of the database keeps away whoever works on it from another machine. Both end with their process.
"""

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.db import connections
from django.db.backends.base.base import NO_DB_ALIAS
from django.utils.translation import gettext as _

from config.operations.advisory_lock import advisory_lock

LOCK = "config.operations.maintenance"
_LOCK_FILE = ".lock"

# The two halves of the key, as the view shows an advisory lock of one number.
_HOLDER = """
    SELECT pid, usename, coalesce(host(client_addr), 'localhost'), backend_start
      FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE locktype = 'advisory' AND granted AND objsubid = 1
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (classid::bigint << 32) | objid::bigint = hashtextextended(%s, 0)
"""


class MaintenanceRunning(Exception):
    """Somebody else backs up, restores or migrates; the message says who, and since when."""


@contextlib.contextmanager
def exclusive_maintenance(*, folder: Path, task: str, now: datetime, alias: str) -> Iterator[None]:
    """Hold the folder of the backups and the database, or raise MaintenanceRunning at once."""
    with (
        exclusive_folder(folder=folder, task=task, now=now),
        advisory_lock(name=LOCK, alias=alias, on_wait=lambda: _refuse(alias)),
    ):
        yield


@contextlib.contextmanager
def exclusive_folder(*, folder: Path, task: str, now: datetime) -> Iterator[None]:
    """Hold the folder of the backups, which is made when missing, closed to others."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / _LOCK_FILE).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise MaintenanceRunning(_sentence(file.read())) from None
        file.truncate(0)
        facts = {"task": task, "pid": os.getpid(), "host": socket.gethostname(), "since": now.isoformat()}
        file.write(json.dumps(facts))
        file.flush()
        yield
        file.truncate(0)


def _sentence(holder: str) -> str:
    try:
        facts = json.loads(holder)
    except ValueError:  # It is just being written.
        return _("Another command works on the backups. Wait for its end, then repeat this one.")
    sentence = _(
        "%(task)s is running since %(since)s (process %(pid)d on %(host)s). "
        "Wait for its end, then repeat this command."
    )
    return str(sentence % facts)


def _refuse(alias: str) -> None:
    connection = connections[alias].copy(alias=NO_DB_ALIAS)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_HOLDER, [LOCK])
            holder = cursor.fetchone()
    finally:
        connection.close()
    if holder is None:  # It has just ended.
        raise MaintenanceRunning(_("Another command held the database until just now. Repeat this one."))
    sentence = _(
        "A backup, restore or migration of this database is running since %(since)s "
        "(user %(user)s on %(host)s, session %(pid)d). Wait for its end, then repeat this command."
    )
    pid, user, host, since = holder
    # A role may not see when another role's session has begun.
    moment = since.isoformat(timespec="seconds") if since else _("an unknown time")
    raise MaintenanceRunning(sentence % {"pid": pid, "user": user, "host": host, "since": moment})
