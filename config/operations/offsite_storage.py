"""The storage of the off-site copies: any of Django's, by the few steps that a copy needs.

Whatever a storage raises becomes OffsiteFailed; its words may hold an address, so they are redacted.
"""

import contextlib
import hashlib
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import (
    FileSystemStorage,
    InvalidStorageError,
    Storage,
    storages,
)
from django.utils.translation import gettext as _

from config.operations.durable_files import PARTIAL, rename_durably
from config.operations.manifest import Content
from config.redaction import redact

ALIAS = "backups"
_CHUNK_BYTES = 1_048_576


class OffsiteFailed(Exception):
    """The off-site storage did not do its work; the message says what it said."""


class ArrivedDamaged(OffsiteFailed):
    """What was read again is not what was sent."""


def configured_offsite() -> "Offsite":
    try:
        storage = storages[ALIAS]
    except InvalidStorageError as error:
        if isinstance(error.__cause__, ImportError):
            sentence = _("Copies to S3 need django-storages. → Type: pip install 'django-storages[s3]'")
            raise OffsiteFailed(sentence) from error
        sentence = _(
            "No off-site storage is configured. → Set BACKUP_OFFSITE_DIR or BACKUP_OFFSITE_BUCKET, "
            "see docs/operations.md."
        )
        raise OffsiteFailed(sentence) from error
    return Offsite(storage=storage)


def has_offsite() -> bool:
    return ALIAS in storages.backends


@dataclass(frozen=True, kw_only=True)
class Offsite:
    """Names are those of BACKUP_DIR, so that a folder of copies can itself serve as BACKUP_DIR."""

    storage: Storage

    @property
    def place(self) -> str:
        bucket = getattr(self.storage, "bucket_name", None)
        location = str(getattr(self.storage, "location", "") or type(self.storage).__name__)
        return f"s3://{posixpath.join(bucket, location)}" if bucket else location

    @property
    def folder(self) -> Path | None:
        """The folder of the copies, when they lie in one that this machine can see."""
        return Path(self.storage.location) if isinstance(self.storage, FileSystemStorage) else None

    def require(self) -> None:
        """Refuse a share that is not mounted, instead of copying to the disk below it."""
        if self.folder is not None and not self.folder.is_dir():
            sentence = _("The off-site folder %(folder)s is not there. → Mount it, or make it.")
            raise OffsiteFailed(sentence % {"folder": self.folder})

    def list_folder(self, name: str) -> tuple[list[str], list[str]]:
        """Return the names of the folders and of the files in a folder, which may be missing."""
        with self._explained():
            try:
                folders, files = self.storage.listdir(name)
            except FileNotFoundError:
                return [], []
            return sorted(folders), sorted(each for each in files if each)

    def read(self, name: str) -> bytes | None:
        """Return a small file, or None when it is missing."""
        with self._explained():
            if not self.storage.exists(name):
                return None
            with self.storage.open(name) as file:
                return bytes(file.read())

    def size(self, name: str) -> int | None:
        with self._explained():
            return self.storage.size(name) if self.storage.exists(name) else None

    def delete(self, name: str) -> None:
        with self._explained():
            self.storage.delete(name)
            if self.folder is not None:
                with contextlib.suppress(
                    OSError
                ):  # Only storages of files have folders, and keep empty ones.
                    Path(self.storage.path(name)).parent.rmdir()

    def put(self, name: str, source: Path, expected: Content) -> None:
        """Send a file, read it again and compare."""
        with source.open("rb") as file:
            self._send(name, File(file, name=name))
        self._compare(name, expected)

    def put_text(self, name: str, content: bytes) -> None:
        self._send(name, ContentFile(content, name=name))
        expected = Content(size=len(content), sha256=hashlib.sha256(content).hexdigest())
        self._compare(name, expected)

    def holds(self, name: str, expected: Content) -> bool:
        """Whether the file is there and, read again, has the content expected."""
        return self.size(name) == expected.size and self._digest(name, None) == expected.sha256

    def fetch(self, name: str, target: Path, expected: Content) -> None:
        """Copy a file to `target`, which has reached the disk afterwards."""
        with target.open("wb") as file:
            found = self._digest(name, file)
            file.flush()
            os.fsync(file.fileno())
        if found != expected.sha256:
            target.unlink()
            sentence = _("%(name)s is damaged in %(place)s: its hash differs.")
            raise ArrivedDamaged(sentence % {"name": name, "place": self.place})

    def _compare(self, name: str, expected: Content) -> None:
        if self.holds(name, expected):
            return
        with contextlib.suppress(OffsiteFailed):
            self.delete(name)
        sentence = _("%(name)s arrived in %(place)s with another content.")
        raise ArrivedDamaged(sentence % {"name": name, "place": self.place})

    def _send(self, name: str, file: "File[bytes]") -> None:
        with self._explained():
            if self.folder is not None:
                _write(Path(self.storage.path(name)), file)
                return
            # Django gives another name to what exists; a storage that overwrites keeps the name.
            if self.storage.get_available_name(name) != name:
                self.storage.delete(name)
            saved = self.storage.save(name, file)
            if saved != name:
                self.storage.delete(saved)
                raise OSError(_("it was saved under another name"))

    def _digest(self, name: str, target: BinaryIO | None) -> str:
        digest = hashlib.sha256()
        for chunk in self._chunks(name):
            digest.update(chunk)
            if target is not None:
                target.write(chunk)
        return digest.hexdigest()

    def _chunks(self, name: str) -> Iterator[bytes]:
        with self._explained(), self.storage.open(name) as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # Every storage has exceptions of its own.
            sentence = _("%(place)s: %(reason)s (%(kind)s)")
            facts = {"place": self.place, "reason": redact(str(error)), "kind": type(error).__name__}
            raise OffsiteFailed(sentence % facts) from error


def _write(path: Path, file: "File[bytes]") -> None:
    """Let the file appear under its name when it is whole, and only to its owner."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("wb") as target:
            for chunk in file.chunks(_CHUNK_BYTES):
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        rename_durably(partial, path)
    finally:
        partial.unlink(missing_ok=True)
