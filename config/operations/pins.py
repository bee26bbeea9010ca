"""Keeps a backup for good, whatever the retention says."""

import dataclasses
from datetime import datetime
from pathlib import Path

from config.operations.backups import find_backup
from config.operations.maintenance import exclusive_folder
from config.operations.manifest import read_manifest, write_manifest


def pin_backup(*, folder: Path, name: str, pinned: bool, now: datetime) -> str:
    """Pin a backup, or let it be deleted again in its time; return its name."""
    path = find_backup(folder=folder, name=name)
    with exclusive_folder(folder=folder, task="pin_backup", now=now):
        manifest = read_manifest(folder=path)
        write_manifest(folder=path, manifest=dataclasses.replace(manifest, pinned=pinned))
    return path.name
