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

from django.utils.translation import gettext as _

from config.operations.advisory_lock import Holder, LockHeld, advisory_lock_at_once

LOCK = "config.operations.maintenance"
_LOCK_FILE = ".lock"


class MaintenanceRunning(Exception):
    """Somebody else backs up, restores or migrates; the message says who, and since when."""


@contextlib.contextmanager
def exclusive_maintenance(*, folder: Path, task: str, now: datetime, alias: str) -> Iterator[None]:
    """Hold the folder of the backups and the database, or raise MaintenanceRunning at once."""
    try:
        with (
            exclusive_folder(folder=folder, task=task, now=now),
            advisory_lock_at_once(name=LOCK, alias=alias),
        ):
            yield
    except LockHeld as error:
        raise MaintenanceRunning(_describe(error.holder)) from error


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


def _describe(holder: Holder | None) -> str:
    if holder is None:  # It has just ended.
        return _("Another command held the database until just now. Repeat this one.")
    sentence = _(
        "A backup, restore or migration of this database is running since %(since)s "
        "(user %(user)s on %(host)s, session %(pid)d). Wait for its end, then repeat this command."
    )
    return sentence % {
        "pid": holder.pid,
        "user": holder.user,
        "host": holder.client or "localhost",
        "since": holder.since.isoformat(timespec="seconds") if holder.since else _("an unknown time"),
    }
