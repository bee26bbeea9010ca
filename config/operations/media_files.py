"""The uploaded files of a backup, kept once for all backups under the hash of their content.

A daily backup costs only the disk space of what is new.
"""

import contextlib
import hashlib
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from django.core.files.storage import Storage
from django.utils.translation import gettext as _

from config.operations.durable_files import PARTIAL, rename_durably, sha256_of
from config.operations.encryption import Seal, decrypt
from config.operations.manifest import Content, Sealed, StoredFile
from config.operations.progress import BYTES, SILENT, Progress

FOLDER = "files"
ENCRYPTED = ".age"

_CHUNK_BYTES = 1_048_576
_ATTEMPTS = 2
_PROBE = ".health-"  # What the health check writes and deletes again is nobody's file.


class FileKeepsChanging(Exception):
    """A file of the storage was written to while it was copied, time and again."""


@dataclass(frozen=True)
class StoredFiles:
    """`vanished` are the names that were listed and had been deleted when they were read."""

    files: tuple[StoredFile, ...]
    vanished: tuple[str, ...]
    new_bytes: int


def store_files(
    *, storage: Storage, folder: Path, seal: Seal | None = None, progress: Progress = SILENT
) -> StoredFiles:
    """Copy what `folder` does not hold yet of the files of `storage`, and name all of them.

    With a seal they are kept encrypted: once for each content and each change of the recipients.
    """
    sizes = {name: _size(storage, name) for name in list_files(storage=storage)}
    files, vanished, new_bytes = [], [], 0
    with progress.measure(sum(sizes.values()), unit=BYTES) as advance:
        for name, size in sizes.items():
            try:
                stored, written = _store(storage, name, folder, seal)
            except FileNotFoundError:
                vanished.append(name)
            else:
                files.append(stored)
                new_bytes += written
            advance(size)
    return StoredFiles(files=tuple(files), vanished=tuple(vanished), new_bytes=new_bytes)


def list_files(*, storage: Storage, folder: str = "") -> Iterator[str]:
    """Yield the names of all files of a storage; an empty one may lack even its folder."""
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    for file in sorted(files):
        if not file.startswith(_PROBE):
            yield posixpath.join(folder, file)
    for each in sorted(folders):
        yield from list_files(storage=storage, folder=posixpath.join(folder, each))


def path_of(*, sha256: str, folder: Path) -> Path:
    """Return where a file that is not encrypted is kept."""
    return folder / FOLDER / sha256[:2] / sha256


def stored_path(*, file: StoredFile, folder: Path) -> Path:
    """Return where a file is kept, whose name there allows to check it without a key."""
    plain = path_of(sha256=file.sha256, folder=folder)
    if file.sealed is None:
        return plain
    return plain.with_name(f"{file.sha256}.{file.sealed.recipients}.{file.sealed.sha256}{ENCRYPTED}")


def stored_paths(*, files: tuple[StoredFile, ...], folder: Path) -> dict[Path, Content]:
    """Return what lies where, once for all files of equal content."""
    return {stored_path(file=file, folder=folder): file.stored for file in files}


def find_faulty_files(*, files: tuple[StoredFile, ...], folder: Path) -> Iterator[str]:
    """Yield one sentence for each file that is missing from `folder` or is not what it was."""
    for file in files:
        path = stored_path(file=file, folder=folder)
        if not path.exists():
            yield _("The uploaded file %(name)s is missing from the backup.") % {"name": file.name}
        elif path.stat().st_size != file.stored.size or sha256_of(path) != file.stored.sha256:
            yield _("The uploaded file %(name)s is damaged in the backup.") % {"name": file.name}


def _size(storage: Storage, name: str) -> int:
    """Return the bytes of a file, 0 of one that has just been deleted."""
    try:
        return storage.size(name)
    except FileNotFoundError:
        return 0


def _store(storage: Storage, name: str, folder: Path, seal: Seal | None) -> tuple[StoredFile, int]:
    """Return the file and the number of bytes that had to be written for it."""
    for _attempt in range(_ATTEMPTS):
        described = describe_file(storage=storage, name=name)
        kept = _find_kept(described, folder, seal)
        if kept is not None:
            return kept, 0
        stored = _encrypt(storage, described, folder, seal) if seal else _copy(storage, described, folder)
        if stored is not None:
            return stored, stored.stored.size
    sentence = _("The uploaded file %(name)s changes while it is copied. Repeat the command when it rests.")
    raise FileKeepsChanging(sentence % {"name": name})


def _find_kept(file: StoredFile, folder: Path, seal: Seal | None) -> StoredFile | None:
    plain = path_of(sha256=file.sha256, folder=folder)
    if seal is None:
        return file if plain.exists() and plain.stat().st_size == file.size else None
    for path in plain.parent.glob(f"{file.sha256}.{seal.short_name}.*{ENCRYPTED}"):
        sealed = Sealed(size=path.stat().st_size, sha256=sha256_of(path), recipients=seal.short_name)
        kept = replace(file, sealed=sealed)
        if stored_path(file=kept, folder=folder) == path:
            return kept
    return None


def describe_file(*, storage: Storage, name: str) -> StoredFile:
    """Return name, size and hash of a file of a storage; FileNotFoundError where there is none."""
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(storage, name):
        digest.update(chunk)
        size += len(chunk)
    return StoredFile(name=name, size=size, sha256=digest.hexdigest())


def _copy(storage: Storage, file: StoredFile, folder: Path) -> StoredFile | None:
    """Copy a file to the path of its hash; return None when it is another file by now."""
    path, digest = path_of(sha256=file.sha256, folder=folder), hashlib.sha256()
    with _partial_file(path) as (partial, target):
        for chunk in _chunks(storage, file.name):
            digest.update(chunk)
            target.write(chunk)
        _sync(target)
        if digest.hexdigest() != file.sha256:
            return None
        rename_durably(partial, path)
    return file


def _encrypt(storage: Storage, file: StoredFile, folder: Path, seal: Seal) -> StoredFile | None:
    """Do what `_copy` does, encrypted, and prove that the result can be opened."""
    path = path_of(sha256=file.sha256, folder=folder)
    with _partial_file(path) as (partial, target):
        with storage.open(file.name) as source:
            plain, sealed = seal.encrypt(source=source, target=target)
        _sync(target)
        if plain.sha256 != file.sha256:
            return None
        with partial.open("rb") as encrypted:
            decrypt(source=encrypted, target=None, identities=seal.throw_away)
        stored = replace(file, sealed=sealed)
        rename_durably(partial, stored_path(file=stored, folder=folder))
    return stored


@contextlib.contextmanager
def _partial_file(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("wb") as target:
            yield partial, target
    finally:
        partial.unlink(missing_ok=True)  # On success it has another name by now.


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _chunks(storage: Storage, name: str) -> Iterator[bytes]:
    with storage.open(name) as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
