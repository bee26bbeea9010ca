"""Tries what is pending on a restored backup: forwards, back, and forwards again, with real rows.

An empty database proves little: a NOT NULL column that is dropped comes back there without complaint.
"""

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _

from config.cluster import ClusterError
from config.databases import OWNER_ALIAS, schema_name
from config.migration_operations.guard import PatienceEnded
from config.operations.backups import LATEST, NoSuchBackup, NotRestorable, find_restorable
from config.operations.durable_files import NotEnoughSpace
from config.operations.encryption import NO_IDENTITIES, DamagedFile, Identities, NoFittingKey
from config.operations.fingerprints import Fingerprint, RowText, read_fingerprints
from config.operations.integrity import find_problems
from config.operations.maintenance import MaintenanceRunning, exclusive_folder
from config.operations.manifest import Manifest
from config.operations.models import Rehearsal
from config.operations.postgres import ProgramFailed, ProgramMissing
from config.operations.progress import SILENT, Progress
from config.operations.restored_database import fill_database
from config.operations.schema import ATTIC, comparable, read_schema
from config.operations.schema_change.attic import AtticKeeper
from config.operations.schema_change.execution import MigrationFailed, run_plan
from config.operations.schema_change.observation import MigrationObserver, Observation
from config.operations.schema_change.planning import Plan, read_plan
from config.operations.schema_change.rehearsal_report import rehearsal_facts
from config.operations.schema_change.scratch_database import scratch_database
from config.operations.sealed_files import opened_dump
from config.operations.snapshot import exported_snapshot
from config.operations.steps import Steps

_EXPECTED = (
    ClusterError,
    DamagedFile,
    MaintenanceRunning,
    NoFittingKey,
    NoSuchBackup,
    NotEnoughSpace,
    NotRestorable,
    ProgramFailed,
    ProgramMissing,
    OSError,
)
# What every run adds to, forwards and backwards: records, and Django's own about models.
_RECORDS = frozenset(
    {
        "auth_permission",
        "deploys",
        "django_content_type",
        "django_migrations",
        "migration_runs",
        "unfinished_steps",
    }
)

Schema = Mapping[str, str]
Fingerprints = Mapping[str, Fingerprint]


class UnableToRehearse(Exception):
    """The question could not be asked; the message says why, and what to type."""


@dataclass(frozen=True, kw_only=True)
class RehearsalOrder:
    """What `rehearse` was asked for; `name` is that of a backup, or latest."""

    folder: Path
    now: datetime.datetime
    name: str = LATEST
    alias: str = OWNER_ALIAS
    identities: Identities = NO_IDENTITIES
    progress: Progress = SILENT


@dataclass(frozen=True, kw_only=True)
class RehearsedPlan:
    """What was seen; `problems` are the reasons why the plan must not run, `remarks` are none."""

    plan: Plan
    backup: Manifest
    forwards: tuple[Observation, ...]
    backwards: tuple[Observation, ...]
    again: tuple[Observation, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    seconds: dict[str, float]

    @property
    def passed(self) -> bool:
        return not self.problems


@dataclass(frozen=True, kw_only=True)
class _State:
    """Schema and rows at one point of the rehearsal."""

    schema: Schema
    rows: Fingerprints


@dataclass
class _Course:
    """The rehearsal as far as it has come."""

    order: RehearsalOrder
    backup: Manifest
    connection: DatabaseWrapper
    steps: Steps
    problems: list[str]
    remarks: list[str]
    touched: set[str]


def rehearse(*, order: RehearsalOrder) -> RehearsedPlan:
    """Restore a backup into a throw-away server, try what is pending there, and record what was seen.

    Nothing is written to the live database but the record of the rehearsal.
    """
    steps = Steps(order.progress)
    try:
        with exclusive_folder(folder=order.folder, task="rehearse", now=order.now):
            path, backup = find_restorable(folder=order.folder, name=order.name)
            with _restored(order, path, backup, steps) as connection:
                course = _Course(order, backup, connection, steps, [], [], set())
                rehearsed = _rehearse(course)
    except _EXPECTED as error:
        raise UnableToRehearse(str(error)) from error
    _record(order, rehearsed)
    return rehearsed


@contextlib.contextmanager
def _restored(order: RehearsalOrder, path: Path, backup: Manifest, steps: Steps) -> Iterator[DatabaseWrapper]:
    """Yield a connection to a throw-away server that holds the backup."""
    order.progress.step(_("Starting a throw-away server"))
    with scratch_database(folder=order.folder, major=backup.database.major, alias=order.alias) as alias:
        connection = cast("DatabaseWrapper", connections[alias])
        with (
            steps.step("restore", _("Restoring the backup %(name)s there") % {"name": backup.id}),
            opened_dump(path=path, manifest=backup, identities=order.identities) as dump,
        ):
            fill_database(
                connection=connection, dump=dump, size=backup.database.size, progress=order.progress
            )
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")  # The planner of the migrations looks at the sizes.
        yield connection


def _rehearse(course: _Course) -> RehearsedPlan:
    plan = read_plan(connection=course.connection)
    forwards, backwards, again = [], [], []
    if plan.migrations:
        with contextlib.suppress(_Stopped):
            before = _read_state(course)
            forwards = _run(course, plan, "forwards", _("Applying what is pending"))
            after = _read_state(course)
            _compare_untouched(course, before, after, _("Applied"))
            if _is_reversible(course, plan):
                backwards = _run(course, _way_back(course, plan), "backwards", _("Taking it back"))
                _compare(course, before, _read_state(course), _("Taken back"))
                again = _run(course, plan, "again", _("Applying it again"))
                _compare(course, after, _read_state(course), _("Applied again"))
            _check_integrity(course)
    return RehearsedPlan(
        plan=plan,
        backup=course.backup,
        forwards=tuple(forwards),
        backwards=tuple(backwards),
        again=tuple(again),
        problems=tuple(course.problems),
        remarks=tuple(course.remarks),
        seconds=course.steps.seconds,
    )


class _Stopped(Exception):
    """A migration failed, so that there is nothing more to try."""


def _run(course: _Course, plan: Plan, name: str, sentence: str) -> list[Observation]:
    observer = MigrationObserver(course.connection)
    with course.steps.step(name, sentence):
        try:
            run_plan(
                connection=course.connection,
                plan=plan,
                progress=course.order.progress,
                observer=observer,
                keeper=AtticKeeper(now=course.order.now),
            )
        except (MigrationFailed, PatienceEnded) as error:
            course.problems.append(f"{sentence}: {error}")
            raise _Stopped from error
    course.touched |= observer.touched_tables
    return observer.observations


def _is_reversible(course: _Course, plan: Plan) -> bool:
    names = [migration.name for migration in plan.migrations if not migration.is_reversible]
    if names:
        sentence = _("Not tried backwards, because it cannot be taken back: %(names)s")
        course.remarks.append(sentence % {"names": ", ".join(names)})
    return not names


def _way_back(course: _Course, plan: Plan) -> Plan:
    """Return the plan that leads to what the backup had applied."""
    newest: dict[str, str | None] = {each.name.partition(".")[0]: None for each in plan.migrations}
    for name in course.backup.migrations:
        app, _dot, migration = name.partition(".")
        if app in newest:
            newest[app] = migration
    return read_plan(connection=course.connection, targets=list(newest.items()))


def _read_state(course: _Course) -> _State:
    with (
        course.steps.step("compare", _("Reading schema and rows")),
        exported_snapshot(connection=course.connection) as snapshot,
    ):
        # A column that was dropped and brought back is the last one.
        rows = read_fingerprints(connection=course.connection, snapshot=snapshot, row=RowText.BY_NAME)
    schema = read_schema(connection=course.connection, excluded=[ATTIC])
    schema_of_ours = schema_name(database=course.connection.settings_dict)
    return _State(
        schema={name: comparable(definition) for name, definition in schema.items()},
        rows={
            table.removeprefix(f"{schema_of_ours}.").strip('"'): fingerprint
            for table, fingerprint in rows.items()
            if table.startswith(f"{schema_of_ours}.")
        },
    )


def _compare(course: _Course, expected: _State, found: _State, moment: str) -> None:
    for name in sorted(expected.schema.keys() | found.schema.keys()):
        if expected.schema.get(name) != found.schema.get(name):
            sentence = _("%(moment)s: the schema differs from the one before in “%(name)s”.")
            course.problems.append(sentence % {"moment": moment, "name": name})
    _compare_untouched(course, expected, found, moment)
    for table in _differing(expected, found) & course.touched:
        remark = _("%(moment)s: rows of %(table)s differ from those before; the migrations change them.")
        course.remarks.append(remark % {"moment": moment, "table": table})


def _compare_untouched(course: _Course, expected: _State, found: _State, moment: str) -> None:
    for table in _differing(expected, found) - course.touched:
        problem = _("%(moment)s: rows of %(table)s differ, though nothing should have touched them.")
        course.problems.append(problem % {"moment": moment, "table": table})


def _differing(expected: _State, found: _State) -> set[str]:
    common = (expected.rows.keys() & found.rows.keys()) - _RECORDS
    return {table for table in common if expected.rows[table] != found.rows[table]}


def _check_integrity(course: _Course) -> None:
    with course.steps.step("integrity", _("Checking the data")):
        for problem in find_problems(using=course.connection.alias):
            course.problems.append(f"{problem.id}: {problem.msg}")


def _record(order: RehearsalOrder, rehearsed: RehearsedPlan) -> None:
    connection = connections[order.alias]
    has_table = Rehearsal._meta.db_table in connection.introspection.table_names()
    if has_table and rehearsed.plan.migrations:
        Rehearsal.objects.using(order.alias).create(
            at=order.now,
            plan=rehearsed.plan.fingerprint,
            backup=rehearsed.backup.id,
            passed=rehearsed.passed,
            report=rehearsal_facts(rehearsed=rehearsed),
        )
