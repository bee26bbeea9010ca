"""What a backup holds and how far it has been proved: the small JSON file beside the dump.

It is written last, so a folder without one is no backup. Its own checksum tells an edited manifest from
the one that was written.
"""

import dataclasses
import datetime
import enum
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from config.operations.durable_files import write_durably
from config.operations.fingerprints import Fingerprint

FORMAT = 2
FILE_NAME = "manifest.json"

_HEXADECIMAL = re.compile(r"[0-9a-f]{16,64}")


class UnreadableManifest(Exception):
    """There is no manifest, or it is not what was written, or a newer release wrote it."""


class NewerManifest(UnreadableManifest):
    """A newer release wrote it, so this one cannot judge it."""


class Level(enum.StrEnum):
    """How much of a backup is proved, weakest first."""

    HASH = "L0"  # Every file is there and has the size and the hash of the manifest.
    READ = "L1"  # The dump can be decompressed to its end.
    RESTORED = "L2"  # It has been restored, and is equal to what was backed up.


class State(enum.StrEnum):
    """What a backup is worth. Without a manifest, or under the name of a partial one, it is none."""

    COMPLETE = "complete"
    VERIFIED = "verified"
    FAILED = "failed"


class Kind(enum.StrEnum):
    """What a backup was made for, in words for programs; `reason` is the one for people."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    MIGRATION = "migration"  # Taken before the schema was changed.
    RESTORE = "restore"  # Taken of what a restore replaced.


@dataclass(frozen=True, kw_only=True)
class Content:
    """Size in bytes; the hash is SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Sealed(Content):
    """What is stored of an encrypted file; `recipients` is the short name of those who can open it."""

    recipients: str


@dataclass(frozen=True, kw_only=True)
class StoredFile(Content):
    """A file by its content in the clear, whether or not that is how it is stored."""

    name: str
    sealed: Sealed | None = None

    @property
    def stored(self) -> Content:
        return self.sealed or self


@dataclass(frozen=True, kw_only=True)
class Verification:
    level: Level
    at: datetime.datetime
    passed: bool
    seconds: float
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copy of the backup that was read again over there and found equal."""

    at: datetime.datetime
    place: str


@dataclass(frozen=True, kw_only=True)
class DatabaseFacts:
    """The server and the database that were backed up; sizes in bytes."""

    server_version: str
    system_identifier: str
    name: str
    size: int
    encoding: str
    collation: str
    character_type: str
    extensions: Mapping[str, str]
    log_position: str

    @property
    def major(self) -> int:
        return int(self.server_version.split(".")[0])


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`schema` is object → hash of its definition; `seconds` is step → duration.

    Nothing in it is encrypted, so nothing in it is personal: files go by names that the storage gave them.
    """

    id: str
    reason: str
    started_at: datetime.datetime
    project_version: str
    pg_dump_version: str
    snapshot: str
    database: DatabaseFacts
    dump: StoredFile
    tables: Mapping[str, Fingerprint]
    sequences: Mapping[str, int]
    schema: Mapping[str, str]
    migrations: tuple[str, ...]
    files: tuple[StoredFile, ...]
    files_vanished: tuple[str, ...]
    seconds: Mapping[str, float]
    verified: tuple[Verification, ...] = ()
    kind: Kind = Kind.MANUAL
    pinned: bool = False
    recipients: tuple[str, ...] = ()
    copies: tuple[Copy, ...] = ()

    @property
    def is_encrypted(self) -> bool:
        return self.dump.sealed is not None

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    @property
    def size(self) -> int:
        """Bytes on the disk, of which other backups share the uploaded files."""
        return sum(file.stored.size for file in (self.dump, *self.files))

    @property
    def state(self) -> State:
        if self.verified and not self.verified[-1].passed:
            return State.FAILED
        proof = self.proof
        return State.VERIFIED if proof and proof.level is Level.RESTORED else State.COMPLETE

    @property
    def proof(self) -> Verification | None:
        """The strongest verification, the latest of equals; a failure makes all before it worthless."""
        proof = None
        for verification in self.verified:
            if not verification.passed:
                proof = None
            elif proof is None or verification.level >= proof.level:
                proof = verification
        return proof


def write_manifest(*, folder: Path, manifest: Manifest) -> None:
    write_durably(path=folder / FILE_NAME, content=format_manifest(manifest=manifest))


def read_manifest(*, folder: Path) -> Manifest:
    try:
        content = (folder / FILE_NAME).read_bytes()
    except FileNotFoundError:
        raise UnreadableManifest(_("The manifest is missing.")) from None
    except OSError as error:
        raise _unreadable(error) from error
    return parse_manifest(content=content)


def format_manifest(*, manifest: Manifest) -> bytes:
    content = {"format": FORMAT, **_plain(manifest)}
    content |= {"schema_hash": hash_of(manifest.schema), "migrations_hash": hash_of(manifest.migrations)}
    content["checksum"] = hash_of(content)
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def parse_manifest(*, content: bytes) -> Manifest:
    try:
        fields = json.loads(content)
        checksum = fields.pop("checksum")
        newer = int(fields["format"]) > FORMAT
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise _unreadable(error) from error
    if newer:
        raise NewerManifest(_("A newer release wrote this backup. Use that release to read it."))
    if checksum != hash_of(fields):
        raise UnreadableManifest(_("The manifest has been changed since it was written."))
    manifest = _from_plain(fields)
    _refuse_foreign_paths(manifest)
    return manifest


def _refuse_foreign_paths(manifest: Manifest) -> None:
    """Refuse what would lead out of the folder: a manifest may come from elsewhere."""
    stored = [*manifest.files, *(file.sealed for file in manifest.files if file.sealed)]
    hashes = {each.sha256 for each in stored} | {
        each.sealed.recipients for each in manifest.files if each.sealed
    }
    if "/" in manifest.dump.name or not all(_HEXADECIMAL.fullmatch(each) for each in hashes):
        raise UnreadableManifest(_("The manifest names files as no release does."))


def _unreadable(error: Exception) -> UnreadableManifest:
    return UnreadableManifest(_("The manifest cannot be read: %(reason)s") % {"reason": error})


def hash_of(content: Any) -> str:
    """Return the SHA-256 of what JSON makes of `content`, whatever the order of its keys."""
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(manifest: Manifest) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in dataclasses.asdict(manifest).items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    if isinstance(value, dict):
        return {key: _plain_value(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_value(each) for each in value]
    return value


def _from_plain(content: Mapping[str, Any]) -> Manifest:
    # Format 1 lacks the fields that have a default.
    fields = {
        field.name: content[field.name] for field in dataclasses.fields(Manifest) if field.name in content
    }
    fields |= {
        "started_at": datetime.datetime.fromisoformat(content["started_at"]),
        "database": DatabaseFacts(**content["database"]),
        "dump": _stored_file(content["dump"]),
        "tables": {name: Fingerprint(**each) for name, each in content["tables"].items()},
        "migrations": tuple(content["migrations"]),
        "files": tuple(map(_stored_file, content["files"])),
        "files_vanished": tuple(content["files_vanished"]),
        "verified": tuple(map(_verification, content["verified"])),
        "kind": Kind(content.get("kind", Kind.MANUAL)),
        "recipients": tuple(content.get("recipients", ())),
        "copies": tuple(map(_copy, content.get("copies", ()))),
    }
    return Manifest(**fields)


def _stored_file(content: Mapping[str, Any]) -> StoredFile:
    sealed = content.get("sealed")
    return StoredFile(**{**content, "sealed": Sealed(**sealed) if sealed else None})


def _copy(content: Mapping[str, Any]) -> Copy:
    return Copy(at=datetime.datetime.fromisoformat(content["at"]), place=content["place"])


def _verification(content: Mapping[str, Any]) -> Verification:
    return Verification(
        level=Level(content["level"]),
        at=datetime.datetime.fromisoformat(content["at"]),
        passed=content["passed"],
        seconds=content["seconds"],
        problems=tuple(content["problems"]),
    )
