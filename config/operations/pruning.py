"""Deletes the backups that need not be kept, and the uploaded files that only they held.

A backup first gets another name, so that a half-deleted one is never taken for a backup; the next run
finishes what was interrupted.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.utils.translation import gettext as _

from config.operations.backups import ListedBackup, list_backups
from config.operations.durable_files import DELETING, remove_tree, rename_durably
from config.operations.maintenance import exclusive_folder
from config.operations.manifest import FILE_NAME
from config.operations.media_files import FOLDER, stored_paths
from config.operations.progress import SILENT, Progress
from config.operations.retention import Decision, Policy, plan_retention

_OBJECT = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{16}\.[0-9a-f]{64}\.age)?(\.partial)?")


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """`files` are those of no kept backup, which are not looked for as long as something is `unreadable`."""

    place: str
    decisions: tuple[Decision, ...]
    files: int
    file_bytes: int
    unreadable: tuple[str, ...]

    @property
    def deletes(self) -> tuple[str, ...]:
        return tuple(decision.backup.name for decision in self.decisions if not decision.keeps)


def plan_pruning(*, folder: Path, now: datetime, policy: Policy) -> Pruning:
    """Say what `prune_backups` would delete; UnableToPrune when that is nothing for a reason."""
    decisions = plan_retention(backups=list_backups(folder=folder), now=now, policy=policy)
    return _describe(folder, decisions)


def prune_backups(
    *, folder: Path, now: datetime, policy: Policy, only: Collection[str], progress: Progress = SILENT
) -> Pruning:
    """Delete what the policy does not keep, but nothing besides `only`, the names that were agreed to."""
    with exclusive_folder(folder=folder, task="prune_backups", now=now):
        planned = plan_retention(backups=list_backups(folder=folder), now=now, policy=policy)
        decisions = tuple(each for each in planned if each.keeps or each.backup.name in only)
        doomed = [each.backup.path for each in decisions if not each.keeps]
        progress.step(_("Deleting backups"))
        for path in progress.each(doomed, unit=_("backups")):
            delete_backup(path=path)
        # Looked at again: what is deleted next must be named by nothing that lies there now.
        pruning = _describe(folder, decisions)
        unused = _unused_files(list_backups(folder=folder), folder) if not pruning.unreadable else []
        progress.step(_("Deleting uploaded files"))
        for path in progress.each(unused, unit=_("files")):
            path.unlink()
    return pruning


def delete_backup(*, path: Path) -> None:
    leftover = path
    if not path.name.endswith(DELETING):
        leftover = path.with_name(path.name + DELETING)
        rename_durably(path, leftover)
    remove_tree(leftover)


def find_unreadable(backups: Sequence[ListedBackup]) -> tuple[str, ...]:
    """Name the backups that may hold uploaded files and do not say which."""
    return tuple(backup.name for backup in backups if _hides_files(backup))


def is_object(name: str) -> bool:
    """Whether an uploaded file is kept under this name; others belong to somebody else."""
    return _OBJECT.fullmatch(name) is not None


def _describe(folder: Path, decisions: Sequence[Decision]) -> Pruning:
    """Count what only the deleted backups hold, whether they are still there or not."""
    gone = {decision.backup.name for decision in decisions if not decision.keeps}
    kept = [backup for backup in list_backups(folder=folder) if backup.name not in gone]
    unreadable = find_unreadable(kept)
    unused = [] if unreadable else _unused_files(kept, folder)
    return Pruning(
        place=str(folder),
        decisions=tuple(decisions),
        files=len(unused),
        file_bytes=sum(path.stat().st_size for path in unused),
        unreadable=unreadable,
    )


def _hides_files(backup: ListedBackup) -> bool:
    if backup.manifest is not None or backup.state in ("partial", "deleting"):
        return False
    return backup.has_our_name or (backup.path / FILE_NAME).exists()


def _unused_files(kept: Sequence[ListedBackup], folder: Path) -> list[Path]:
    manifests = [backup.manifest for backup in kept if backup.manifest is not None]
    named = {path for manifest in manifests for path in stored_paths(files=manifest.files, folder=folder)}
    found = sorted(path for path in (folder / FOLDER).glob("*/*") if is_object(path.name))
    return [path for path in found if path not in named]
