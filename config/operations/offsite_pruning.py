"""Deletes off-site what need not be kept there, by the rule that holds here."""

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from django.utils.translation import gettext as _

from config.operations.maintenance import exclusive_folder
from config.operations.manifest import FILE_NAME
from config.operations.media_files import FOLDER, stored_paths
from config.operations.offsite import list_copies
from config.operations.offsite_storage import Offsite
from config.operations.progress import SILENT, Progress
from config.operations.pruning import Pruning, find_unreadable, is_object
from config.operations.retention import Decision, Policy, plan_retention


def plan_pruning_of_copies(*, offsite: Offsite, now: datetime, policy: Policy) -> Pruning:
    copies = list_copies(offsite=offsite)
    decisions = plan_retention(backups=copies, now=now, policy=policy)
    return _describe(offsite, decisions)


def prune_copies(
    *,
    offsite: Offsite,
    folder: Path,
    now: datetime,
    policy: Policy,
    only: Collection[str],
    progress: Progress = SILENT,
) -> Pruning:
    """Do off-site what `prune_backups` does here; the lock of `folder` keeps copying away meanwhile."""
    with exclusive_folder(folder=folder, task="prune_backups", now=now):
        planned = plan_retention(backups=list_copies(offsite=offsite), now=now, policy=policy)
        decisions = tuple(each for each in planned if each.keeps or each.backup.name in only)
        pruning = _describe(offsite, decisions)
        progress.step(_("Deleting backups"))
        for name in progress.each(pruning.deletes, unit=_("backups")):
            _delete_copy(offsite, name)
        unused = _unused_objects(offsite, decisions) if not pruning.unreadable else []
        progress.step(_("Deleting uploaded files"))
        for name, _size in progress.each(unused, unit=_("files")):
            offsite.delete(name)
    return pruning


def _describe(offsite: Offsite, decisions: tuple[Decision, ...]) -> Pruning:
    unreadable = find_unreadable([each.backup for each in decisions if each.keeps])
    unused = [] if unreadable else _unused_objects(offsite, decisions)
    return Pruning(
        place=offsite.place,
        decisions=decisions,
        files=len(unused),
        file_bytes=sum(size for _name, size in unused),
        unreadable=unreadable,
    )


def _unused_objects(offsite: Offsite, decisions: tuple[Decision, ...]) -> list[tuple[str, int]]:
    manifests = [each.backup.manifest for each in decisions if each.keeps and each.backup.manifest]
    named = {
        path.name for manifest in manifests for path in stored_paths(files=manifest.files, folder=Path())
    }
    return [
        (name, offsite.size(name) or 0)
        for name in _object_names(offsite)
        if name.rpartition("/")[2] not in named
    ]


def _object_names(offsite: Offsite) -> Iterator[str]:
    for folder in offsite.list_folder(FOLDER)[0]:
        for file in offsite.list_folder(f"{FOLDER}/{folder}")[1]:
            if is_object(file):
                yield f"{FOLDER}/{folder}/{file}"


def _delete_copy(offsite: Offsite, name: str) -> None:
    """Delete the manifest first: what is left when this is interrupted is no backup."""
    files = offsite.list_folder(name)[1]
    for file in sorted(files, key=lambda each: each != FILE_NAME):
        offsite.delete(f"{name}/{file}")
