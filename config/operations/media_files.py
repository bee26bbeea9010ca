"""The uploaded files of a backup, kept once for all backups under the hash of their content.

A daily backup costs only the disk space of what is new.
"""

import contextlib
import hashlib
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import Storage
from django.utils.translation import gettext as _

from config.operations.durable_files import PARTIAL, rename_durably, sha256_of
from config.operations.manifest import StoredFile

FOLDER = "files"

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


def store_files(*, storage: Storage, folder: Path) -> StoredFiles:
    """Copy what `folder` does not hold yet of the files of `storage`, and name all of them."""
    files, vanished, new_bytes = [], [], 0
    for name in list_files(storage=storage):
        try:
            stored, written = _store(storage, name, folder)
        except FileNotFoundError:
            vanished.append(name)
        else:
            files.append(stored)
            new_bytes += written
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
    return folder / FOLDER / sha256[:2] / sha256


def find_faulty_files(*, files: tuple[StoredFile, ...], folder: Path) -> Iterator[str]:
    """Yield one sentence for each file that is missing from `folder` or is not what it was."""
    for file in files:
        path = path_of(sha256=file.sha256, folder=folder)
        if not path.exists():
            yield _("The uploaded file %(name)s is missing from the backup.") % {"name": file.name}
        elif path.stat().st_size != file.size or sha256_of(path) != file.sha256:
            yield _("The uploaded file %(name)s is damaged in the backup.") % {"name": file.name}


def return_files(*, files: tuple[StoredFile, ...], folder: Path, storage: Storage) -> int:
    """Put back what `storage` lacks or has with other content; return how many those were.

    What is there besides is left alone: it may belong to rows that are kept.
    """
    return sum(_return(file, folder, storage) for file in files)


def _return(file: StoredFile, folder: Path, storage: Storage) -> bool:
    with contextlib.suppress(FileNotFoundError):
        if _describe(storage, file.name) == file:
            return False
        storage.delete(file.name)  # Otherwise the storage would choose another name.
    with path_of(sha256=file.sha256, folder=folder).open("rb") as content:
        storage.save(file.name, File(content))
    return True


def _store(storage: Storage, name: str, folder: Path) -> tuple[StoredFile, int]:
    """Return the file and the number of bytes that had to be written for it."""
    for _attempt in range(_ATTEMPTS):
        stored = _describe(storage, name)
        path = path_of(sha256=stored.sha256, folder=folder)
        if path.exists() and path.stat().st_size == stored.size:
            return stored, 0
        if _copy(storage, name, path) == stored.sha256:
            return stored, stored.size
    sentence = _("The uploaded file %(name)s changes while it is copied. Repeat the command when it rests.")
    raise FileKeepsChanging(sentence % {"name": name})


def _describe(storage: Storage, name: str) -> StoredFile:
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(storage, name):
        digest.update(chunk)
        size += len(chunk)
    return StoredFile(name=name, size=size, sha256=digest.hexdigest())


def _copy(storage: Storage, name: str, path: Path) -> str:
    """Copy a file to `path` if its hash is the name of that path; return its hash."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial, digest = path.with_name(path.name + PARTIAL), hashlib.sha256()
    try:
        with partial.open("wb") as file:
            for chunk in _chunks(storage, name):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() == path.name:
            rename_durably(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
    return digest.hexdigest()


def _chunks(storage: Storage, name: str) -> Iterator[bytes]:
    with storage.open(name) as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
