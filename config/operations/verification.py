"""Proves that a backup is one: the strongest proof is to restore it and to compare."""

import dataclasses
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _

from config.cluster import ClusterError
from config.databases import OWNER_ALIAS
from config.operations.backups import find_backup
from config.operations.database_facts import read_schema_hashes, read_sequences
from config.operations.durable_files import NotEnoughSpace, require_space, sha256_of
from config.operations.encryption import NO_IDENTITIES, DamagedFile, Identities, NoFittingKey
from config.operations.fingerprints import compare_fingerprints, read_fingerprints
from config.operations.maintenance import exclusive_folder
from config.operations.manifest import (
    Level,
    Manifest,
    UnreadableManifest,
    Verification,
    read_manifest,
    write_manifest,
)
from config.operations.media_files import find_faulty_files
from config.operations.postgres import ProgramFailed, ProgramMissing, read_archive
from config.operations.progress import SILENT, Progress
from config.operations.restored_database import fill_database
from config.operations.scratch_cluster import scratch_cluster, settings_of
from config.operations.sealed_files import find_unopenable_files, opened_dump
from config.operations.snapshot import exported_snapshot, separate_connection

# What a fresh cluster takes, and how much the restored database may exceed the one that was backed up.
_CLUSTER_BYTES = 200_000_000
_RESTORED_PART = 1.5

_INVALID_INDEXES = """
    SELECT indexrelid::regclass::text FROM pg_index WHERE NOT (indisvalid AND indisready) ORDER BY 1
"""


class UnableToVerify(Exception):
    """The question could not be asked; nothing is known against the backup."""


@dataclass(frozen=True, kw_only=True)
class VerifiedBackup:
    name: str
    verification: Verification


def verify_backup(
    *,
    folder: Path,
    name: str,
    level: Level,
    now: datetime,
    progress: Progress = SILENT,
    identities: Identities = NO_IDENTITIES,
    alias: str = OWNER_ALIAS,
) -> VerifiedBackup:
    """Verify one backup and write the result into its manifest.

    Needs no database but a throw-away one, so it works when the live one is gone. Of `alias` only the
    settings are read. Of an encrypted one, all but its hashes needs a private key.
    """
    path = find_backup(folder=folder, name=name)
    with exclusive_folder(folder=folder, task="verify_backup", now=now):
        try:
            manifest = read_manifest(folder=path)
        except UnreadableManifest as error:
            verification = Verification(level=level, at=now, passed=False, seconds=0, problems=(str(error),))
        else:
            verification = prove(
                path=path,
                manifest=manifest,
                level=level,
                now=now,
                progress=progress,
                alias=alias,
                identities=identities,
            )
    return VerifiedBackup(name=path.name, verification=verification)


def prove(
    *,
    path: Path,
    manifest: Manifest,
    level: Level,
    now: datetime,
    progress: Progress,
    alias: str,
    identities: Identities = NO_IDENTITIES,
) -> Verification:
    """Do what `verify_backup` does for a caller that holds the lock of the folder."""
    started = time.monotonic()
    try:
        problems = _first_problems(path, manifest, level, identities, progress, alias)
    except (ClusterError, ProgramMissing, NotEnoughSpace, NoFittingKey, OSError, psycopg.Error) as error:
        raise UnableToVerify(str(error)) from error
    verification = Verification(
        level=level,
        at=now,
        passed=not problems,
        seconds=round(time.monotonic() - started, 2),
        problems=tuple(problems),
    )
    verified = dataclasses.replace(manifest, verified=(*manifest.verified, verification))
    write_manifest(folder=path, manifest=verified)
    return verification


def _first_problems(
    path: Path,
    manifest: Manifest,
    level: Level,
    identities: Identities,
    progress: Progress,
    alias: str,
) -> list[str]:
    """Return the problems of the weakest level that finds any."""
    progress.step(_("Comparing sizes and hashes"))
    problems = list(compare_hashes(path=path, manifest=manifest, progress=progress))
    if problems or level is Level.HASH:
        return problems
    if manifest.is_encrypted:
        progress.step(_("Decrypting the dump"))
    try:
        with opened_dump(path=path, manifest=manifest, identities=identities) as dump:
            progress.step(_("Reading the whole dump"))
            problems = list(_read_whole(dump, path, manifest, identities))
            if not problems and level is Level.RESTORED:
                problems = list(_compare_restored(dump, path, manifest, progress, alias))
    except DamagedFile as error:
        return [str(error)]
    return problems


def compare_hashes(*, path: Path, manifest: Manifest, progress: Progress = SILENT) -> Iterator[str]:
    """Yield one sentence for each file that is not the one that was written."""
    dump, stored = path / manifest.dump.name, manifest.dump.stored
    if path.name != manifest.id:
        yield _("The folder has been renamed; its backup is %(name)s.") % {"name": manifest.id}
    if not dump.exists():
        yield _("The dump is missing.")
    elif dump.stat().st_size != stored.size or sha256_of(dump, progress=progress) != stored.sha256:
        yield _("The dump is not the file that was written: its size or its hash differs.")
    yield from find_faulty_files(files=manifest.files, folder=path.parent)


def _read_whole(dump: Path, path: Path, manifest: Manifest, identities: Identities) -> Iterator[str]:
    try:
        read_archive(file=dump, major=manifest.database.major)
    except ProgramFailed as error:
        yield _("The dump cannot be read to its end: %(reason)s") % {"reason": error}
    # What this process has encrypted it has opened again already; the rest it cannot open.
    if not identities.is_throw_away:
        yield from find_unopenable_files(files=manifest.files, folder=path.parent, identities=identities)


def _compare_restored(
    dump: Path, path: Path, manifest: Manifest, progress: Progress, alias: str
) -> Iterator[str]:
    needed = _CLUSTER_BYTES + int(manifest.database.size * _RESTORED_PART)
    require_space(folder=path.parent, needed=needed)
    progress.step(_("Starting a throw-away server"))
    with (
        scratch_cluster(folder=path.parent, major=manifest.database.major) as cluster,
        separate_connection(alias=alias) as connection,
    ):
        connection.settings_dict = settings_of(cluster=cluster, settings=connection.settings_dict)
        progress.step(_("Restoring the dump there"))
        try:
            size = manifest.database.size
            fill_database(connection=connection, dump=dump, size=size, progress=progress)
        except ProgramFailed as error:
            yield _explain_failed_restore(error)
            return
        progress.step(_("Comparing the restored database with the manifest"))
        yield from compare_with_manifest(connection=connection, manifest=manifest, progress=progress)


def compare_with_manifest(
    *, connection: DatabaseWrapper, manifest: Manifest, progress: Progress = SILENT
) -> Iterator[str]:
    """Yield one sentence for each difference between a restored database and what was backed up.

    Constraints and indexes need no comparison of their own: that a constraint holds was checked when it was
    restored, and whether it has to hold for the old rows is part of its definition.
    """
    with exported_snapshot(connection=connection) as snapshot:
        found = read_fingerprints(connection=connection, snapshot=snapshot, progress=progress)
        yield from compare_fingerprints(expected=manifest.tables, found=found)
        yield from _compare_sequences(manifest.sequences, read_sequences(session=snapshot.session))
        for (index,) in snapshot.session.execute(_INVALID_INDEXES):
            yield _("The index %(name)s is invalid.") % {"name": index}
    yield from _compare_schemas(manifest.schema, read_schema_hashes(connection=connection))


def _compare_sequences(expected: Mapping[str, int], found: Mapping[str, int]) -> Iterator[str]:
    """A sequence that is behind would give out a key that is taken."""
    for name, value in sorted(expected.items()):
        if found.get(name, value - 1) < value:
            yield _("The sequence %(name)s is behind the one that was backed up.") % {"name": name}


def _compare_schemas(expected: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            yield _("The definition differs: %(name)s") % {"name": name}


def _explain_failed_restore(error: ProgramFailed) -> str:
    # The throw-away server speaks English; the second is what it says of a file that cannot grow.
    if any(words in str(error) for words in ("No space left on device", "Check free disk space")):
        raise UnableToVerify(str(error)) from error
    return _("The dump cannot be restored: %(reason)s") % {"reason": error}
