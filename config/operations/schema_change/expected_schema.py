"""The schema that the applied migrations build: made on a throw-away server, kept until they change."""

import contextlib
import datetime
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import django
from django.db import DatabaseError, connections
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from config.databases import EXTENSIONS_SCHEMA, schema_name
from config.operations.durable_files import write_durably
from config.operations.maintenance import exclusive_folder
from config.operations.manifest import hash_of
from config.operations.postgres import program_version, restore_archive, run_program
from config.operations.progress import SILENT, Progress
from config.operations.schema import APPLICATION_NAME, ATTIC, read_definitions
from config.operations.schema_change.migration_sources import hash_of_sources
from config.operations.schema_change.scratch_database import scratch_database

FOLDER = ".schemas"  # Of the backups; a dot keeps it from being taken for one.

_FORMAT = 1
_KEPT = 3
_RESTORED = "again"
# Where a server has them elsewhere already, the migrations leave them there.
_EXTENSIONS_ELSEWHERE = """
    SELECT extname, nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
     WHERE extname = ANY (%s) AND nspname <> %s
"""
REQUIRED_EXTENSIONS = ("pg_trgm", "pgcrypto", "uuid-ossp")

Key = tuple[str, str]


class UnableToBuild(Exception):
    """The schema cannot be built here; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class ExpectedSchema:
    """Object → definition, as migrations build it and as a restored backup has it.

    They differ in expressions only, which PostgreSQL prints otherwise than it has read them.
    """

    built: Mapping[str, str]
    restored: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Basis:
    """All that the result depends on."""

    major: int
    applied: tuple[Key, ...]
    has_history: bool
    schema: str
    extensions: Mapping[str, str]

    @property
    def key(self) -> str:
        labels = sorted({app for app, _name in self.applied})
        versions = (_FORMAT, django.VERSION, program_version("pg_dump", major=self.major))
        return hash_of([asdict(self), versions, hash_of_sources(labels=labels)])


def expected_schema(
    *, alias: str, folder: Path, now: datetime.datetime, progress: Progress = SILENT
) -> ExpectedSchema:
    """Return what the migrations build that are applied in the live database `alias`.

    `folder` is the one of the backups. Raises UnableToBuild, MaintenanceRunning where another process is just
    building it, and what a cluster or a client program raises.
    """
    basis = _read_basis(cast("DatabaseWrapper", connections[alias]))
    home = folder / FOLDER
    path = home / f"{basis.key}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):  # Not there, or damaged.
        return ExpectedSchema(**json.loads(path.read_text(encoding="utf-8")))
    with exclusive_folder(folder=home, task="preflight", now=now):
        expected = _build(basis, home, alias, progress)
        write_durably(path=path, content=json.dumps(asdict(expected), ensure_ascii=False).encode())
        _forget_old(home)
    return expected


def _read_basis(connection: DatabaseWrapper) -> _Basis:
    recorder = MigrationRecorder(connection)
    with connection.cursor() as cursor:
        cursor.execute(_EXTENSIONS_ELSEWHERE, [list(REQUIRED_EXTENSIONS), EXTENSIONS_SCHEMA])
        extensions = dict(cursor.fetchall())
    return _Basis(
        major=connection.pg_version // 10_000,
        applied=tuple(sorted(recorder.applied_migrations())),
        has_history=recorder.has_table(),
        schema=schema_name(database=connection.settings_dict),
        extensions=extensions,
    )


def _build(basis: _Basis, folder: Path, alias: str, progress: Progress) -> ExpectedSchema:
    wanted = _wanted(MigrationLoader(None), set(basis.applied))
    progress.step(_("Building the schema of the migrations on a throw-away server"))
    with scratch_database(folder=folder, major=basis.major, alias=alias) as scratch:
        connection = cast("DatabaseWrapper", connections[scratch])
        _prepare(connection, basis)
        executor = MigrationExecutor(connection)
        whole = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
        plan = [(each, False) for each, _backwards in whole if (each.app_label, each.name) in wanted]
        try:
            executor.migrate(targets=None, plan=plan)
        except DatabaseError as error:
            sentence = _("The migrations do not run on an empty database: %(reason)s")
            raise UnableToBuild(sentence % {"reason": str(error).strip()}) from error
        return ExpectedSchema(
            built=read_definitions(connection=connection, excluded=[ATTIC]),
            restored=_read_restored(connection, folder),
        )


def _prepare(connection: DatabaseWrapper, basis: _Basis) -> None:
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for name in (basis.schema, *basis.extensions.values()):
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(name)}")
        for name, schema in basis.extensions.items():
            cursor.execute(f"CREATE EXTENSION {quote(name)} SCHEMA {quote(schema)}")
    if basis.has_history:
        MigrationRecorder(connection).ensure_schema()


def _wanted(loader: MigrationLoader, applied: set[Key]) -> set[Key]:
    """Return what to run: on an empty database a squashed migration runs for those that it replaces."""
    replaced = {key for migration in loader.replacements.values() for key in migration.replaces}
    if unknown := applied - loader.disk_migrations.keys() - replaced:
        sentence = _("This code does not have these applied migrations: %(names)s")
        raise UnableToBuild(sentence % {"names": _names(unknown)})
    squashed = {key for key, each in loader.replacements.items() if applied.issuperset(each.replaces)}
    wanted = {*(applied & loader.graph.nodes.keys()), *squashed}
    for key in sorted(wanted):
        if gaps := {node.key for node in loader.graph.node_map[key].parents} - wanted:
            sentence = _("%(later)s is applied, but %(earlier)s, which it builds on, is not.")
            raise UnableToBuild(sentence % {"later": ".".join(key), "earlier": _names(gaps)})
    return wanted


def _names(keys: Iterable[Key]) -> str:
    return ", ".join(".".join(key) for key in sorted(keys))


def _read_restored(connection: DatabaseWrapper, folder: Path) -> dict[str, str]:
    restored = connection.copy(alias=NO_DB_ALIAS)
    restored.settings_dict["NAME"] = _RESTORED
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        file = Path(temporary) / "schema.dump"
        options = ("--schema-only", "--format=custom", f"--file={file}")
        run_program("pg_dump", *options, connection=connection, application_name=APPLICATION_NAME)
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {_RESTORED} TEMPLATE template0")
        try:
            restore_archive(connection=restored, file=file)
            return read_definitions(connection=restored, excluded=[ATTIC])
        finally:
            restored.close()


def _forget_old(folder: Path) -> None:
    def age(path: Path) -> float:
        return path.stat().st_mtime

    newest: Iterable[Path] = sorted(folder.glob("*.json"), key=age, reverse=True)
    for path in list(newest)[_KEPT:]:
        path.unlink(missing_ok=True)
