"""Copies verified backups to another place, and brings them back.

Uploaded files go first, the dump next, the manifest last: without it, what lies there is no backup.
"""

import dataclasses
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from config.operations.backups import (
    LATEST,
    ListedBackup,
    NoSuchBackup,
    describe_backup,
    known_migrations,
    list_backups,
)
from config.operations.durable_files import (
    PARTIAL,
    remove_tree,
    rename_durably,
    require_space,
    sha256_of,
)
from config.operations.maintenance import MaintenanceRunning, exclusive_folder
from config.operations.manifest import (
    FILE_NAME,
    Content,
    Copy,
    Manifest,
    NewerManifest,
    State,
    UnreadableManifest,
    format_manifest,
    parse_manifest,
    write_manifest,
)
from config.operations.media_files import FOLDER, stored_paths
from config.operations.offsite_storage import Offsite, OffsiteFailed, configured_offsite, has_offsite
from config.operations.progress import SILENT, Progress


class NotCopied(Exception):
    """This backup cannot be copied, whatever the storage does; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Copying:
    """`problems` is name → sentence; on a dry run `copied` are those that would be."""

    place: str
    copied: tuple[str, ...]
    present: tuple[str, ...]
    problems: dict[str, str]
    is_on_same_disk: bool


@dataclass(frozen=True, kw_only=True)
class CopyOfNew:
    """What became of the copy of a new backup; `problem` is empty when it is there."""

    place: str
    copied_at: datetime | None
    problem: str


def copy_backups(
    *,
    offsite: Offsite,
    folder: Path,
    now: datetime,
    only: Collection[str] | None = None,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> Copying:
    """Copy the verified backups, or `only` these, that are not there yet; stop when the storage fails."""
    offsite.require()
    copied: list[str] = []
    present: list[str] = []
    problems: dict[str, str] = {}
    with exclusive_folder(folder=folder, task="copy_backups", now=now):
        for name, manifest in _verified(folder, only):
            progress.step(_("Copying %(name)s to %(place)s") % {"name": name, "place": offsite.place})
            try:
                is_new = _copy(offsite, folder, manifest, now, dry_run)
            except NotCopied as error:
                problems[name] = str(error)
            except OffsiteFailed as error:
                problems[name] = str(error)
                break
            else:
                (copied if is_new else present).append(name)
    return Copying(
        place=offsite.place,
        copied=tuple(copied),
        present=tuple(present),
        problems=problems,
        is_on_same_disk=_is_on_same_disk(offsite, folder),
    )


def copy_new_backup(*, folder: Path, name: str, now: datetime, progress: Progress) -> CopyOfNew | None:
    """Copy a verified backup to where the settings say, if they do; the backup is good whatever happens."""
    if not has_offsite():
        return None
    place = ""
    try:
        offsite = configured_offsite()
        place = offsite.place
        copying = copy_backups(offsite=offsite, folder=folder, now=now, only=[name], progress=progress)
        problem = copying.problems.get(name, "")
    except (OffsiteFailed, MaintenanceRunning, OSError) as error:
        problem = str(error)
    return CopyOfNew(place=place, copied_at=None if problem else now, problem=problem)


def list_copies(*, offsite: Offsite) -> tuple[ListedBackup, ...]:
    """Return what lies off-site, newest first; what has no manifest there is partial."""
    offsite.require()
    known = known_migrations()
    names = [name for name in offsite.list_folder("")[0] if name != FOLDER and not name.startswith(".")]
    copies = [_look_at(offsite, name, known) for name in names]
    return tuple(sorted(copies, key=lambda copy: (str(copy.taken_at or ""), copy.name), reverse=True))


def fetch_backup(
    *,
    offsite: Offsite,
    folder: Path,
    name: str,
    now: datetime,
    progress: Progress = SILENT,
) -> Path:
    """Bring a copy back into `folder`; every file is compared with the manifest."""
    with exclusive_folder(folder=folder, task="fetch_backup", now=now):
        manifest = _find_copy(offsite, name)
        path = folder / manifest.id
        if path.exists():
            sentence = _("The backup %(name)s is here already. → Type: manage.py verify_backup %(name)s")
            raise NotCopied(sentence % {"name": manifest.id})
        require_space(folder=folder, needed=manifest.size)
        for file, content in stored_paths(files=manifest.files, folder=folder).items():
            progress.step(_("Fetching %(name)s") % {"name": file.name})
            _fetch_object(offsite, folder, file, content)
        partial = path.with_name(path.name + PARTIAL)
        remove_tree(partial)
        partial.mkdir(mode=0o700)
        try:
            progress.step(_("Fetching %(name)s") % {"name": manifest.dump.name})
            dump = f"{manifest.id}/{manifest.dump.name}"
            offsite.fetch(dump, partial / manifest.dump.name, manifest.dump.stored)
            write_manifest(folder=partial, manifest=_with_copy(manifest, offsite, now))
            rename_durably(partial, path)
        finally:
            remove_tree(partial)
    return path


def _verified(folder: Path, only: Collection[str] | None) -> Iterator[tuple[str, Manifest]]:
    for backup in list_backups(folder=folder):
        is_wanted = only is None or backup.name in only
        if is_wanted and backup.manifest is not None and backup.state == State.VERIFIED:
            yield backup.name, backup.manifest


def _copy(offsite: Offsite, folder: Path, manifest: Manifest, now: datetime, dry_run: bool) -> bool:
    """Return whether it was not there yet. A manifest that says something else by now is sent again."""
    there = _read_manifest(offsite, manifest.id)
    is_new = there is None or there.dump != manifest.dump
    if dry_run:
        return is_new
    if is_new:
        _refuse_unencrypted(offsite, manifest)
        for path, content in stored_paths(files=manifest.files, folder=folder).items():
            _send(offsite, folder, path, content, trusting_sizes=True)
        _send(offsite, folder, folder / manifest.id / manifest.dump.name, manifest.dump.stored)
    sent = dataclasses.replace(manifest, copies=())
    if there != sent:
        offsite.put_text(f"{manifest.id}/{FILE_NAME}", format_manifest(manifest=sent))
    if offsite.place not in {copy.place for copy in manifest.copies}:
        write_manifest(folder=folder / manifest.id, manifest=_with_copy(manifest, offsite, now))
    return is_new


def _send(
    offsite: Offsite, folder: Path, path: Path, content: Content, *, trusting_sizes: bool = False
) -> None:
    """Send what is not there; uploaded files were compared when they were sent, so that a size is enough."""
    name = path.relative_to(folder).as_posix()
    is_there = offsite.size(name) == content.size if trusting_sizes else offsite.holds(name, content)
    if is_there:
        return
    if not path.exists() or sha256_of(path) != content.sha256:
        sentence = _("%(name)s is damaged here. → Type: manage.py verify_backup --level L0")
        raise NotCopied(sentence % {"name": path.name})
    offsite.put(name, path, content)


def _refuse_unencrypted(offsite: Offsite, manifest: Manifest) -> None:
    if manifest.is_encrypted or offsite.folder is not None or settings.BACKUP_OFFSITE_UNENCRYPTED:
        return
    sentence = _(
        "It is not encrypted, and %(place)s belongs to somebody else. → Set BACKUP_RECIPIENTS, then make "
        "another backup; or set BACKUP_OFFSITE_UNENCRYPTED=true."
    )
    raise NotCopied(sentence % {"place": offsite.place})


def _with_copy(manifest: Manifest, offsite: Offsite, now: datetime) -> Manifest:
    copies = (*manifest.copies, Copy(at=now, place=offsite.place))
    return dataclasses.replace(manifest, copies=copies)


def _is_on_same_disk(offsite: Offsite, folder: Path) -> bool:
    return offsite.folder is not None and offsite.folder.stat().st_dev == folder.stat().st_dev


def _read_manifest(offsite: Offsite, name: str) -> Manifest | None:
    """Return None also for one that cannot be read: it will be sent again."""
    content = offsite.read(f"{name}/{FILE_NAME}")
    try:
        return parse_manifest(content=content) if content is not None else None
    except NewerManifest as error:
        raise NotCopied(str(error)) from error
    except UnreadableManifest:
        return None


def _look_at(offsite: Offsite, name: str, known: set[str]) -> ListedBackup:
    path = Path(name)
    content = offsite.read(f"{name}/{FILE_NAME}")
    if content is None:
        return ListedBackup(
            name=name, path=Path(name + PARTIAL), manifest=None, problem=_("It was not finished.")
        )
    try:
        manifest = parse_manifest(content=content)
    except UnreadableManifest as error:
        is_newer = isinstance(error, NewerManifest)
        return ListedBackup(
            name=name, path=path, manifest=None, problem=str(error), is_of_newer_release=is_newer
        )
    return describe_backup(path=path, manifest=manifest, known_migrations=known)


def _find_copy(offsite: Offsite, name: str) -> Manifest:
    copies = list_copies(offsite=offsite)
    for copy in copies:
        if copy.manifest is not None and copy.is_finished and name in (copy.name, LATEST):
            return copy.manifest
    sentence = _("There is no backup %(name)s in %(place)s. → Type: manage.py list_backups --offsite")
    raise NoSuchBackup(sentence % {"name": name, "place": offsite.place})


def _fetch_object(offsite: Offsite, folder: Path, path: Path, content: Content) -> None:
    if path.exists() and sha256_of(path) == content.sha256:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    try:
        offsite.fetch(path.relative_to(folder).as_posix(), partial, content)
        rename_durably(partial, path)
    finally:
        partial.unlink(missing_ok=True)
