"""The backups of a folder: which there are, what each is worth, and whether this code can restore it."""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _

from config.operations import media_files
from config.operations.durable_files import DELETING, PARTIAL
from config.operations.manifest import (
    Kind,
    Manifest,
    NewerManifest,
    State,
    UnreadableManifest,
    read_manifest,
)

LATEST = "latest"

_NAME = re.compile(rf"(\d{{8}}T\d{{6}}Z)_.+_[0-9a-f]{{6}}(?:{re.escape(PARTIAL)}|{re.escape(DELETING)})*")
_UNFINISHED = {PARTIAL: "partial", DELETING: "deleting"}


class NoSuchBackup(Exception):
    """The folder has no backup of this name."""


class NotRestorable(Exception):
    """Something is known against the backup, or this code does not fit it; the message says what."""


@dataclass(frozen=True, kw_only=True)
class ListedBackup:
    """`manifest` is None for what is no backup; `problem` says why."""

    name: str
    path: Path
    manifest: Manifest | None
    problem: str = ""
    unknown_migrations: tuple[str, ...] = ()
    is_of_newer_release: bool = False

    @property
    def state(self) -> str:
        if self.path.suffix in _UNFINISHED:
            return _UNFINISHED[self.path.suffix]
        return self.manifest.state if self.manifest is not None and not self.problem else "damaged"

    @property
    def is_finished(self) -> bool:
        return self.manifest is not None and self.state not in _UNFINISHED.values()

    @property
    def is_restorable(self) -> bool:
        """Whether nothing is known against it. Only a verified one is known to be restorable."""
        return self.state in (State.COMPLETE, State.VERIFIED) and not self.unknown_migrations

    @property
    def started_at(self) -> datetime.datetime | None:
        return self.manifest.started_at if self.manifest else None

    @property
    def has_our_name(self) -> bool:
        """Whether it is called as `backup` calls what it writes, and not renamed."""
        is_renamed = self.manifest is not None and self.path.stem != self.manifest.id != self.name
        return _NAME.fullmatch(self.name) is not None and not is_renamed

    @property
    def taken_at(self) -> datetime.datetime | None:
        """The moment of the manifest or, without one, of the name."""
        found = _NAME.fullmatch(self.name)
        if self.manifest is None and found is not None:
            return datetime.datetime.strptime(found[1], "%Y%m%dT%H%M%S%z")
        return self.started_at


def list_backups(*, folder: Path) -> tuple[ListedBackup, ...]:
    """Return all that lies in `folder`, newest first, after a quick look at each. Asks no database."""
    known = known_migrations()
    found = [_look_at(path, known) for path in _candidates(folder)]
    return tuple(sorted(found, key=_age_order, reverse=True))


def find_backup(*, folder: Path, name: str) -> Path:
    """Return the folder of the backup `name`, or of the newest one that has a manifest for `latest`."""
    if name == LATEST:
        finished = [backup for backup in list_backups(folder=folder) if backup.is_finished]
        if not finished:
            raise NoSuchBackup(
                _("There is no backup in %(folder)s. → Type: manage.py backup") % {"folder": folder}
            )
        return finished[0].path
    if name not in {path.name for path in _candidates(folder)}:
        sentence = _("There is no backup %(name)s in %(folder)s. → Type: manage.py list_backups")
        raise NoSuchBackup(sentence % {"name": name, "folder": folder})
    return folder / name


def find_restorable(*, folder: Path, name: str) -> tuple[Path, Manifest]:
    """Return the backup `name`, or for `latest` the newest one with nothing known against it.

    What a restore has saved of the state that it replaced is not: somebody wanted to be rid of that.
    """
    if name == LATEST:
        usable = [
            backup
            for backup in list_backups(folder=folder)
            if backup.is_restorable and backup.manifest and backup.manifest.kind is not Kind.RESTORE
        ]
        if not usable:
            sentence = _("There is no usable backup in %(folder)s. → Look: manage.py list_backups")
            raise NoSuchBackup(sentence % {"folder": folder})
        name = usable[0].name
    path = find_backup(folder=folder, name=name)
    backup = _look_at(path, known_migrations())
    if backup.manifest is None or not backup.is_restorable:
        raise NotRestorable(_why_not(backup))
    return path, backup.manifest


def _why_not(backup: ListedBackup) -> str:
    if backup.unknown_migrations and not backup.problem:
        sentence = _(
            "The backup %(name)s has migrations that this code does not know: %(migrations)s\n"
            "→ Check out the release that wrote it, and repeat this command there."
        )
        return sentence % {"name": backup.name, "migrations": ", ".join(backup.unknown_migrations)}
    sentence = _("%(name)s is not to be relied on: %(problem)s\n→ Choose another one: manage.py list_backups")
    problem = backup.problem or _("it has failed its verification")
    return sentence % {"name": backup.name, "problem": problem}


def _candidates(folder: Path) -> Iterator[Path]:
    for path in folder.glob("*"):
        if path.is_dir() and path.name != media_files.FOLDER and not path.name.startswith("."):
            yield path


def _look_at(path: Path, known: set[str]) -> ListedBackup:
    try:
        manifest = read_manifest(folder=path)
    except UnreadableManifest as error:
        is_newer = isinstance(error, NewerManifest)
        return ListedBackup(
            name=path.name, path=path, manifest=None, problem=str(error), is_of_newer_release=is_newer
        )
    return describe_backup(
        path=path, manifest=manifest, known_migrations=known, problem=_visible_problem(path, manifest)
    )


def describe_backup(
    *, path: Path, manifest: Manifest, known_migrations: set[str], problem: str = ""
) -> ListedBackup:
    return ListedBackup(
        name=path.name,
        path=path,
        manifest=manifest,
        problem=problem,
        unknown_migrations=tuple(name for name in manifest.migrations if name not in known_migrations),
    )


def _visible_problem(path: Path, manifest: Manifest) -> str:
    """Return what can be seen without reading the dump."""
    if path.suffix == PARTIAL:
        return _("It was not finished.")
    if path.suffix == DELETING:
        return _("It was not deleted to its end.")
    if path.name != manifest.id:
        return _("The folder has been renamed; its backup is %(name)s.") % {"name": manifest.id}
    try:
        size = (path / manifest.dump.name).stat().st_size
    except OSError:
        return _("The dump is missing.")
    if size != manifest.dump.stored.size:
        sentence = _("The dump has %(found)d bytes instead of %(expected)d.")
        return sentence % {"found": size, "expected": manifest.dump.stored.size}
    return ""


def _age_order(backup: ListedBackup) -> tuple[str, str]:
    return (backup.started_at.isoformat() if backup.started_at else "", backup.name)


def newer_migrations(*, manifest: Manifest) -> tuple[str, ...]:
    """Return the migrations of this code, `app.name`, that the backup does not have."""
    applied = set(manifest.migrations)
    return tuple(
        sorted(
            ".".join(name)
            for name, migration in MigrationLoader(None).disk_migrations.items()
            if ".".join(name) not in applied
            and not (migration.replaces and {".".join(each) for each in migration.replaces} <= applied)
        )
    )


def known_migrations() -> set[str]:
    migrations = MigrationLoader(None).disk_migrations
    replaced = [name for migration in migrations.values() for name in migration.replaces]
    return {".".join(name) for name in [*migrations, *replaced]}
