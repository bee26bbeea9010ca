"""What the rules look at: each step of a migration, with the SQL that Django emits for it and what that "
"does."""

import contextlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

from django.apps.registry import Apps
from django.db import migrations
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from config import migration_operations
from config.operations.models import Direction
from config.operations.schema_change.catalogue import Catalogue
from config.operations.schema_change.effects import Effect, StatementKind
from config.operations.schema_change.foresight import after
from config.operations.schema_change.lint.offline import NeedsServer, OfflineConnection, OfflineEditor
from config.operations.schema_change.lint.python_code import PythonCode, read_code
from config.operations.schema_change.lint.state_catalogue import read_state
from config.operations.schema_change.statements import analyse, split
from config.operations.schema_change.units import Unit, units_of


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operation on the database. Inside a SeparateDatabaseAndState there may be several at one position.

    `sql` has an element for each text that is sent: PostgreSQL runs what is in one text in one transaction.
    `catalogue` is that before the step. The executor runs the SQL of a step that `is_raw` as it is written,
    and gives that of all others the form that blocks nobody.
    """

    position: int
    operation: Operation
    before: ProjectState
    sql: tuple[str, ...]
    effects: tuple[Effect, ...]
    code: PythonCode | None
    catalogue: Catalogue
    is_raw: bool


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One migration. `in_use` is what the code that is running while it is applied expects of the "
    "database."""

    migration: Migration
    before: ProjectState
    in_use: ProjectState
    steps: tuple[Step, ...]
    filled: Set[tuple[str, str]]
    """Models (app, name) whose rows an earlier migration has changed in batches."""
    new_tables: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "new_tables", frozenset(_created_tables(self.steps)))

    @property
    def name(self) -> str:
        return f"{self.migration.app_label}.{self.migration.name}"

    def effects(self) -> Iterator[tuple[Step, Effect]]:
        for step in self.steps:
            for effect in step.effects:
                yield step, effect


def read_subject(
    *,
    migration: Migration,
    before: ProjectState,
    in_use: ProjectState | None,
    filled: Set[tuple[str, str]],
    connection: OfflineConnection,
) -> tuple[Subject, ProjectState]:
    """Return the subject and the state after it. Without `in_use` the migration is a release of its own."""
    units = units_of(migration, before, Direction.APPLY)
    subject = Subject(
        migration=migration,
        before=before,
        in_use=in_use or before,
        steps=tuple(_step(unit, connection) for unit in units),
        filled=filled,
    )
    is_last = bool(units) and units[-1].key == str(len(migration.operations) - 1)
    # The models of the last step are made already; to make them again takes longest of all.
    return subject, units[-1].to_state if is_last else migration.mutate_state(before)


def _created_tables(steps: tuple[Step, ...]) -> set[str]:
    """Return the tables that the steps make, by all the names that they give them."""
    created: set[str] = set()
    for step in steps:
        for effect in step.effects:
            if effect.kind in (StatementKind.CREATE_TABLE, StatementKind.CREATE_TABLE_AS):
                created.add(effect.table)
            elif effect.kind is StatementKind.RENAME_TABLE and effect.table in created:
                created.add(effect.new_name)
    return created


def tables(apps: Apps) -> Mapping[str, frozenset[str]]:
    """Return table → its columns, of every model that the code knows."""
    return {
        model._meta.db_table: frozenset(str(each.column) for each in model._meta.local_concrete_fields)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }


def _step(unit: Unit, connection: OfflineConnection) -> Step:
    operation = unit.operation
    sql = _collect_sql(unit, connection)
    code = read_code(operation.code) if isinstance(operation, migrations.RunPython) else None
    catalogue = read_state(unit.from_state.apps, connection=connection)
    return Step(
        position=unit.position,
        operation=operation,
        before=unit.from_state,
        sql=sql,
        effects=tuple(_effects(sql + (code.statements if code else ()), catalogue)),
        code=code,
        catalogue=catalogue,
        is_raw=not unit.is_schema_only,
    )


def _effects(texts: tuple[str, ...], catalogue: Catalogue) -> Iterator[Effect]:
    for text in texts:
        for statement in split(text):
            effects = analyse(statement, catalogue=catalogue).actions
            yield from effects
            catalogue = after(catalogue, effects)


def _collect_sql(unit: Unit, connection: OfflineConnection) -> tuple[str, ...]:
    if not unit.operation.reduces_to_sql or _is_ours(unit.operation):
        return ()
    editor = OfflineEditor(connection, collect_sql=True, atomic=False)
    with contextlib.suppress(NeedsServer), editor:
        unit.run(editor)
    return tuple(editor.collected_sql)


def _is_ours(operation: Operation) -> bool:
    """Whether it runs statements for as long as it takes, and looks after their locks itself."""
    return type(operation).__module__.startswith(f"{migration_operations.__name__}.")
