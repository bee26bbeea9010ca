"""Whether the disks have room, and whether a proved backup is there to go back to."""

import datetime
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from config.operations.backups import ListedBackup, list_backups
from config.operations.health import GIGABYTE, SMALLEST_FREE_DISK, folder_that_exists
from config.operations.manifest import Manifest, State
from config.operations.schema_change.preflight.remarks import (
    Circumstances,
    Remarks,
    failed_where_strict,
    fine,
)

_DATABASE_TIMES = 2
_TOLERATED_SKEW = datetime.timedelta(minutes=1)
_LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")
_SIZE = "SELECT pg_database_size(current_database())"
_IDENTITY = "SELECT current_database(), (SELECT system_identifier::text FROM pg_control_system())"


def check_disk(circumstances: Circumstances) -> Remarks:
    """Look at the data directory's and the backups' file systems, as far as they are on this machine."""
    [[size]] = circumstances.rows(_SIZE)
    needed = max(SMALLEST_FREE_DISK, _DATABASE_TIMES * size)
    folders = dict.fromkeys(folder_that_exists(each) for each in _folders(circumstances))
    for folder in folders:
        free = shutil.disk_usage(folder).free
        facts = {"free": f"{free / GIGABYTE:.1f}", "needed": f"{needed / GIGABYTE:.1f}", "folder": folder}
        if free < needed:
            yield failed_where_strict(
                circumstances,
                _("Only %(free)s GB are free in %(folder)s; %(needed)s GB are needed.") % facts,
                _("Make room on that file system; to see all of them: df -h"),
            )
        else:
            yield fine(_("%(free)s GB free in %(folder)s") % facts)
    if len(list(_folders(circumstances))) == 1:
        yield fine(_("the server's own disk cannot be seen from here; look there: df -h"))


def _folders(circumstances: Circumstances) -> Iterator[Path]:
    yield circumstances.folder
    if settings.CLUSTER is not None:
        yield settings.CLUSTER.data_directory
    elif (directory := _local_data_directory(circumstances)) is not None:
        yield directory


def _local_data_directory(circumstances: Circumstances) -> Path | None:
    host = str(circumstances.connection.settings_dict["HOST"])
    if not (host in _LOCAL_HOSTS or host.startswith("/")):
        return None
    try:
        with transaction.atomic(using=circumstances.alias):
            [[directory]] = circumstances.rows("SHOW data_directory")
        return Path(directory) if Path(directory).is_dir() else None
    except (DatabaseError, PermissionError):  # A role may not know it, or not look there.
        return None


def check_backup(circumstances: Circumstances) -> Remarks:
    [[name, identifier]] = circumstances.rows(_IDENTITY)
    found = [
        backup.manifest
        for backup in list_backups(folder=circumstances.folder)
        if backup.manifest is not None and _proves(backup, name, identifier)
    ]
    if not found:
        sentence = _("There is no verified backup of this database in %(folder)s.")
        yield failed_where_strict(
            circumstances,
            sentence % {"folder": circumstances.folder},
            _("Make one: manage.py backup"),
        )
        return
    yield from _judge_age(circumstances, found[0])


def _proves(backup: ListedBackup, name: str, identifier: str) -> bool:
    """Whether it is a proved backup of this very database, not of a namesake on another server."""
    manifest = backup.manifest
    return (
        backup.state == State.VERIFIED
        and manifest is not None
        and (manifest.database.name, manifest.database.system_identifier) == (name, identifier)
    )


def _judge_age(circumstances: Circumstances, newest: Manifest) -> Remarks:
    age = circumstances.now - newest.started_at
    limit = datetime.timedelta(hours=settings.BACKUP_MAX_AGE)
    facts = {
        "name": newest.id,
        "hours": f"{age.total_seconds() / 3600:.1f}",
        "limit": settings.BACKUP_MAX_AGE,
    }
    if age < -_TOLERATED_SKEW:
        yield failed_where_strict(
            circumstances,
            _("The newest verified backup, %(name)s, is of the future: a clock was set back.") % facts,
            _("Set the clock by the network: timedatectl set-ntp true; then: manage.py backup"),
        )
    elif age > limit:
        sentence = _("The newest verified backup, %(name)s, is %(hours)s hours old; %(limit)d are allowed.")
        yield failed_where_strict(circumstances, sentence % facts, _("Make one: manage.py backup"))
    else:
        yield fine(_("%(name)s, verified, %(hours)s hours old") % facts)
