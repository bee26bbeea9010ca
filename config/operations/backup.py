"""Writes a backup: dump, fingerprints and uploaded files of one moment, and proves it.

`<folder>/<UTC time>_<database>_<id>.partial/` becomes a backup by losing its last part: until then whatever
interrupts this leaves nothing that could be taken for one.
"""

import contextlib
import datetime
import re
import secrets
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings
from django.core.files.storage import Storage, default_storage
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _

from config.databases import OWNER_ALIAS
from config.env import BASE_DIR
from config.operations.database_facts import (
    read_facts,
    read_migrations,
    read_schema_hashes,
    read_sequences,
)
from config.operations.durable_files import (
    PARTIAL,
    NotEnoughSpace,
    nameless_file,
    remove_tree,
    rename_durably,
    require_space,
    sha256_of,
    sync,
)
from config.operations.encryption import NO_IDENTITIES, Seal, new_seal
from config.operations.fingerprints import Fingerprint, fingerprinting, list_tables
from config.operations.maintenance import MaintenanceRunning, exclusive_maintenance
from config.operations.manifest import DatabaseFacts, Kind, Level, Manifest, StoredFile, write_manifest
from config.operations.media_files import (
    ENCRYPTED,
    FileKeepsChanging,
    StoredFiles,
    list_files,
    store_files,
)
from config.operations.postgres import ProgramFailed, ProgramMissing, dumping, program_version
from config.operations.progress import SILENT, Progress
from config.operations.sealed_files import seal_file
from config.operations.snapshot import Snapshot, exported_snapshot, separate_connection
from config.operations.steps import Steps
from config.operations.verification import UnableToVerify, prove

DUMP = "data.dump"
LEAST_FREE_BYTES = 2_000_000_000

_DUMPED_PART = 0.5  # At most of the database's size: indexes are not dumped, the rest is compressed.
_EXPECTED = (MaintenanceRunning, NotEnoughSpace, ProgramMissing, ProgramFailed, FileKeepsChanging, OSError)


class UnableToBackUp(Exception):
    """No backup was written; the message says why."""


class BackupNotProved(Exception):
    """The backup was written, but it could not be verified; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    path: Path
    manifest: Manifest
    new_file_bytes: int


@dataclass(frozen=True, kw_only=True)
class BackupPlan:
    """What `create_backup` would do; sizes in bytes."""

    folder: Path
    database: DatabaseFacts
    tables: int
    files: int
    free: int


@dataclass(frozen=True, kw_only=True)
class BackupOrder:
    """What the caller of `create_backup` wants."""

    folder: Path
    level: Level | None
    now: datetime.datetime
    alias: str
    storage: Storage
    progress: Progress = SILENT
    reason: str = ""
    kind: Kind = Kind.MANUAL
    pinned: bool = False
    recipients: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What all the steps of one backup need to know."""

    order: BackupOrder
    seal: Seal | None
    steps: Steps

    @property
    def recipients(self) -> tuple[str, ...]:
        return self.seal.recipients if self.seal else ()


def create_backup(
    *,
    folder: Path,
    level: Level | None,
    now: datetime.datetime,
    progress: Progress = SILENT,
    reason: str = "",
    kind: Kind = Kind.MANUAL,
    pinned: bool = False,
    recipients: Sequence[str] | None = None,
    alias: str = OWNER_ALIAS,
    storage: Storage = default_storage,
) -> Backup:
    """Write a backup and verify it at `level`; None leaves it unproved.

    It is encrypted for `recipients`, age public keys; None means the configured ones. A backup that fails its
    verification is returned with the state FAILED. Errors of the driver pass.
    """
    order = BackupOrder(
        folder=folder,
        level=level,
        now=now,
        progress=progress,
        reason=reason,
        kind=kind,
        pinned=pinned,
        recipients=recipients,
        alias=alias,
        storage=storage,
    )
    with _explained(), exclusive_maintenance(folder=folder, task="backup", now=now, alias=alias):
        return write_backup(order=order)


def write_backup(*, order: BackupOrder) -> Backup:
    """Do what `create_backup` does for a caller that holds the locks of the folder and of the database."""
    keys = tuple(settings.BACKUP_RECIPIENTS if order.recipients is None else order.recipients)
    seal = new_seal(recipients=keys) if keys else None
    work = _Work(order=order, seal=seal, steps=Steps(order.progress))
    with _explained():
        _remove_partial(order.folder)
        backup = _write(work)
        return backup if order.level is None else _prove(work, backup, order.level)


def plan_backup(*, folder: Path, alias: str = OWNER_ALIAS, storage: Storage = default_storage) -> BackupPlan:
    """Check what `create_backup` checks before it writes, and write nothing."""
    existing = next(parent for parent in [folder, *folder.parents] if parent.exists())
    with (
        _explained(),
        separate_connection(alias=alias) as connection,
        exported_snapshot(connection=connection) as snapshot,
    ):
        program_version("pg_dump", major=connection.pg_version // 10_000)
        facts = read_facts(session=snapshot.session)
        return BackupPlan(
            folder=folder,
            database=facts,
            tables=len(list_tables(session=snapshot.session)),
            files=sum(1 for _name in list_files(storage=storage)),
            free=_require_space(existing, facts, copies=_dumps_at_once(settings.BACKUP_RECIPIENTS)),
        )


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except _EXPECTED as error:
        raise UnableToBackUp(str(error)) from error


def _remove_partial(folder: Path) -> None:
    """Remove what an interrupted backup has left; who holds the lock of the folder may."""
    for leftover in [*folder.glob(f"*{PARTIAL}"), *folder.glob(f"files/*/*{PARTIAL}")]:
        if leftover.is_dir():
            remove_tree(leftover)
        else:
            leftover.unlink()


def _dumps_at_once(recipients: Sequence[str]) -> int:
    return 2 if recipients else 1  # In the clear and encrypted.


def _require_space(folder: Path, facts: DatabaseFacts, *, copies: int) -> int:
    needed = max(LEAST_FREE_BYTES, int(facts.size * _DUMPED_PART) * copies)
    return require_space(folder=folder, needed=needed)


def _write(work: _Work) -> Backup:
    with (
        separate_connection(alias=work.order.alias) as connection,
        exported_snapshot(connection=connection) as snapshot,
    ):
        facts = read_facts(session=snapshot.session)
        _require_space(work.order.folder, facts, copies=_dumps_at_once(work.recipients))
        identifier = _new_identifier(work.order.now, facts.name)
        with _partial_folder(work.order.folder / f"{identifier}{PARTIAL}") as partial:
            manifest, new_bytes = _fill(work, connection, snapshot, facts, partial, identifier)
            write_manifest(folder=partial, manifest=manifest)
            rename_durably(partial, work.order.folder / identifier)
    return Backup(path=work.order.folder / identifier, manifest=manifest, new_file_bytes=new_bytes)


def _fill(
    work: _Work,
    connection: DatabaseWrapper,
    snapshot: Snapshot,
    facts: DatabaseFacts,
    partial: Path,
    identifier: str,
) -> tuple[Manifest, int]:
    pg_dump_version = program_version("pg_dump", major=connection.pg_version // 10_000)
    # Before pg_dump: it reads sequences as they are at that time, further along.
    sequences = read_sequences(session=snapshot.session)
    with nameless_file(folder=partial) if work.seal else contextlib.nullcontext(partial / DUMP) as dump:
        tables, files, schema = _copy(work, connection, snapshot, dump)
        stored = _store_dump(work, dump, partial)
    manifest = Manifest(
        id=identifier,
        reason=work.order.reason,
        kind=work.order.kind,
        pinned=work.order.pinned,
        recipients=work.recipients,
        started_at=work.order.now,
        project_version=_project_version(),
        pg_dump_version=pg_dump_version,
        snapshot=snapshot.identifier,
        database=facts,
        dump=stored,
        tables=tables,
        sequences=sequences,
        schema=schema,
        migrations=read_migrations(session=snapshot.session, connection=connection),
        files=files.files,
        files_vanished=files.vanished,
        seconds=work.steps.seconds,
    )
    return manifest, files.new_bytes


def _store_dump(work: _Work, dump: Path, partial: Path) -> StoredFile:
    if work.seal is not None:
        with work.steps.step("encrypt", _("Encrypting the dump")):
            return seal_file(source=dump, target=partial / f"{DUMP}{ENCRYPTED}", seal=work.seal)
    with work.steps.step("hash", _("Hashing the dump")):
        sync(dump)
        sha256 = sha256_of(dump, progress=work.order.progress)
        return StoredFile(name=DUMP, size=dump.stat().st_size, sha256=sha256)


def _copy(
    work: _Work, connection: DatabaseWrapper, snapshot: Snapshot, dump: Path
) -> tuple[dict[str, Fingerprint], StoredFiles, dict[str, str]]:
    """Let pg_dump, the fingerprints and the copying of the files work side by side."""
    progress = work.order.progress
    with fingerprinting(connection=connection, snapshot=snapshot, progress=progress) as fingerprints:
        with work.steps.step("schema", _("Reading the definitions")):
            schema = read_schema_hashes(connection=connection)
        # The files after the snapshot: the file of every row of the snapshot is there.
        with (
            work.steps.step("dump", _("Dumping the database and taking fingerprints")),
            dumping(connection=connection, snapshot=snapshot.identifier, file=dump) as finish,
        ):
            with work.steps.step("files", _("Storing the uploaded files")):
                files = store_files(
                    storage=work.order.storage, folder=work.order.folder, seal=work.seal, progress=progress
                )
            finish()
            _refuse_empty(dump)
        with work.steps.step("fingerprints", _("Waiting for the fingerprints")):
            return fingerprints(), files, schema


def _refuse_empty(dump: Path) -> None:
    if not dump.exists() or dump.stat().st_size == 0:
        raise ProgramFailed(_("pg_dump ended without an error, but wrote nothing."))


def _prove(work: _Work, backup: Backup, level: Level) -> Backup:
    try:
        verification = prove(
            path=backup.path,
            manifest=backup.manifest,
            level=level,
            now=work.order.now,
            progress=work.order.progress,
            alias=work.order.alias,
            identities=work.seal.throw_away if work.seal else NO_IDENTITIES,
        )
    except UnableToVerify as error:
        sentence = _(
            "The backup %(name)s was written, but could not be verified: %(reason)s\n"
            "→ Then type: manage.py verify_backup %(name)s"
        )
        raise BackupNotProved(sentence % {"name": backup.path.name, "reason": error}) from error
    return replace(backup, manifest=replace(backup.manifest, verified=(verification,)))


@contextlib.contextmanager
def _partial_folder(path: Path) -> Iterator[Path]:
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        remove_tree(path)  # On success it has another name by now.


def _new_identifier(now: datetime.datetime, database: str) -> str:
    moment = now.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    name = re.sub(r"[^\w.-]", "_", database)
    return f"{moment}_{name}_{secrets.token_hex(3)}"


def _project_version() -> str:
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])
