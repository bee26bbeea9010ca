"""What the pending migrations, or those to be reverted, will do: operation by operation, down to the SQL."""

import hashlib
import inspect
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from config.operations.models import Direction, Way
from config.operations.schema_change.attic import needs_steps
from config.operations.schema_change.attic_changes import Step as Change
from config.operations.schema_change.foresight import after, names_after
from config.operations.schema_change.online_steps import Step, StepKind, as_statements, steps_of
from config.operations.schema_change.schema_editor import ForeseeingEditor
from config.operations.schema_change.sizes import TableSize, read_sizes
from config.operations.schema_change.statements import Statement, read_catalogue, split
from config.operations.schema_change.units import Unit, name_of, units_of
from config.operations.schema_change.wording import describe_operation

_NO_TABLES: frozenset[str] = frozenset()
_OURS = "config.migration_operations"


@dataclass(frozen=True, kw_only=True)
class PlannedOperation:
    """`position` counts from 0 in the migration file, whichever the direction.

    `statements` are those that will really run. They are empty where only running tells (`is_opaque`).
    """

    position: int
    operation: Operation
    description: str
    statements: tuple[Statement, ...]
    is_reversible: bool
    is_opaque: bool


@dataclass(frozen=True, kw_only=True)
class PlannedMigration:
    """`operations` come in the order in which they run; `large_tables` are all that the database has."""

    name: str
    migration: Migration
    direction: Direction
    way: Way
    operations: tuple[PlannedOperation, ...]
    large_tables: frozenset[str]

    @property
    def statements(self) -> tuple[Statement, ...]:
        return tuple(statement for operation in self.operations for statement in operation.statements)

    @property
    def is_reversible(self) -> bool:
        return all(operation.is_reversible for operation in self.operations)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`fingerprint` is the sha256, in hex, of the names, Django's SQL and the files of the migrations."""

    migrations: tuple[PlannedMigration, ...]
    fingerprint: str


def read_plan(
    *,
    connection: DatabaseWrapper,
    targets: Sequence[tuple[str, str | None]] | None = None,
    sizes: Mapping[str, TableSize] | None = None,
) -> Plan:
    """Work out what leads to `targets`, as MigrationExecutor takes them; without them, to the newest of all.

    (app, None) means none of its migrations. Nothing is written and nothing locked. `sizes` are read from the
    database unless they are given.
    """
    sizes = read_sizes(connection=connection) if sizes is None else sizes
    large_tables = frozenset(table for table, size in sizes.items() if size.is_large)
    executor = _PlanningExecutor(connection, large_tables)
    return executor.read(executor.loader.graph.leaf_nodes() if targets is None else list(targets))


class _PlanningExecutor(MigrationExecutor):
    """Goes through the states of the models as Django's executor does, and only writes down what is due."""

    def __init__(self, connection: DatabaseWrapper, large_tables: frozenset[str]) -> None:
        super().__init__(connection)
        self._database = connection
        self._large_tables = large_tables
        self._catalogue = read_catalogue(connection=connection)
        self._planned: list[PlannedMigration] = []
        self._hashed: list[object] = []

    def read(self, targets: Any) -> Plan:
        plan = self.migration_plan(targets)
        full_plan = self.migration_plan(self.loader.graph.leaf_nodes(), clean_start=True)
        django: Any = self
        if any(backwards for _migration, backwards in plan):
            django._migrate_all_backwards(plan, full_plan, fake=False)
        elif plan:
            state = django._create_project_state(with_applied_migrations=True)
            django._migrate_all_forwards(state, plan, full_plan, fake=False, fake_initial=False)
        fingerprint = hashlib.sha256(json.dumps(self._hashed).encode()).hexdigest()
        return Plan(migrations=tuple(self._planned), fingerprint=fingerprint)

    def apply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> ProjectState:
        self._write_down(state, migration, Direction.APPLY)
        return migration.mutate_state(state, preserve=False)

    def unapply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False
    ) -> ProjectState:
        self._write_down(state, migration, Direction.REVERT)
        return state

    def _write_down(self, state: ProjectState, migration: Migration, direction: Direction) -> None:
        large_tables = self._large_tables
        units = units_of(migration, state.clone(), direction, skip_irreversible=True)
        foreseen = [self._foresee(unit, name_of(migration)) for unit in units]
        is_online = not migration.atomic or any(each.needs_steps for each in foreseen)
        self._planned.append(
            PlannedMigration(
                name=name_of(migration),
                migration=migration,
                direction=direction,
                way=Way.ONLINE if is_online else Way.ATOMIC,
                operations=tuple(
                    _planned_operation(position, operation, foreseen, is_online=is_online)
                    for position, operation in _in_order(migration, direction)
                ),
                large_tables=large_tables,
            )
        )
        scripts = {each.unit.key: each.script for each in foreseen}
        self._hashed.append([name_of(migration), direction, _file_hash(migration), scripts])

    def _foresee(self, unit: Unit, migration: str) -> "_ForeseenUnit":
        """Foresee a unit, and what tables there will be after it."""
        script = tuple(self._collect(unit, _NO_TABLES))
        statements = as_statements(script, self._catalogue)
        steps: tuple[Step, ...] = ()
        is_long = False
        if unit.is_schema_only:
            bare = tuple(self._collect(unit, self._large_tables))
            steps = steps_of(bare, large_tables=self._large_tables, catalogue=self._catalogue)
            is_long = any(step.kind != StepKind.TRANSACTION for step in steps) or self._keeping_is_long(
                unit, migration
            )
        foreseen = _ForeseenUnit(
            unit=unit,
            script=script,
            statements=statements,
            steps=as_statements((sql for step in steps for sql in step.sql), self._catalogue),
            needs_steps=is_long,
        )
        for statement in statements:
            self._catalogue = after(self._catalogue, statement.actions)
            self._large_tables = names_after(self._large_tables, statement.actions)
        return foreseen

    def _keeping_is_long(self, unit: Unit, migration: str) -> bool:
        """Whether what is dropped or brought back has to be copied while others write."""
        return needs_steps(
            step=Change(
                connection=self._database,
                migration=migration,
                position=unit.position,
                direction=unit.direction,
                operation=unit.operation,
                app_label=unit.app_label,
                from_state=unit.from_state,
                to_state=unit.to_state,
            ),
            large_tables=self._large_tables,
        )

    def _collect(self, unit: Unit, large_tables: frozenset[str]) -> Iterator[str]:
        is_possible = unit.direction == Direction.APPLY or unit.operation.reversible
        if is_possible and (unit.is_schema_only or _tells_its_sql(unit.operation)):
            editor = ForeseeingEditor(self._database, large_tables=large_tables)
            unit.run(editor)
            for sql in editor.take():
                yield from split(sql)


@dataclass(frozen=True, kw_only=True)
class _ForeseenUnit:
    """`script` is what Django executes; `statements` tell of it, and `steps` of what is done step by step."""

    unit: Unit
    script: tuple[str, ...]
    statements: tuple[Statement, ...]
    steps: tuple[Statement, ...]
    needs_steps: bool

    @property
    def is_opaque(self) -> bool:
        return not self.unit.is_schema_only and not _tells_its_sql(self.unit.operation)


def _planned_operation(
    position: int, operation: Operation, foreseen: Sequence[_ForeseenUnit], *, is_online: bool
) -> PlannedOperation:
    own = [each for each in foreseen if each.unit.position == position]
    statements = (each.steps if is_online and each.unit.is_schema_only else each.statements for each in own)
    return PlannedOperation(
        position=position,
        operation=operation,
        description=describe_operation(operation=operation),
        statements=tuple(itertools.chain.from_iterable(statements)),
        is_reversible=operation.reversible,
        is_opaque=any(each.is_opaque for each in own),
    )


def _in_order(migration: Migration, direction: Direction) -> list[tuple[int, Operation]]:
    operations = list(enumerate(migration.operations))
    return operations if direction == Direction.APPLY else operations[::-1]


def _tells_its_sql(operation: Operation) -> bool:
    """Whether a schema editor that only collects is enough for it to say what it would execute."""
    return type(operation) is RunSQL or type(operation).__module__.startswith(_OURS)


def _file_hash(migration: Migration) -> str:
    file = inspect.getsourcefile(type(migration))
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
