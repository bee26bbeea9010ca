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
from config.operations.schema_change.catalogue import Catalogue
from config.operations.schema_change.effects import Effect, StatementKind
from config.operations.schema_change.lint.offline import NeedsServer, OfflineConnection, OfflineEditor
from config.operations.schema_change.lint.python_code import PythonCode, read_code
from config.operations.schema_change.lint.state_catalogue import read_state
from config.operations.schema_change.statements import analyse, split


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operation on the database. Inside a SeparateDatabaseAndState there may be several at one position.

    `sql` has an element for each text that is sent: PostgreSQL runs what is in one text in one transaction.
    `catalogue` is that before the step.
    """

    position: int
    operation: Operation
    before: ProjectState
    after: ProjectState
    sql: tuple[str, ...]
    effects: tuple[Effect, ...]
    code: PythonCode | None
    catalogue: Catalogue

    @property
    def is_raw(self) -> bool:
        """Whether the executor runs the SQL as it is written, instead of in the form that blocks nobody."""
        return isinstance(self.operation, migrations.RunSQL | migrations.RunPython)


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
        object.__setattr__(self, "new_tables", frozenset(created_tables(self.steps)))

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
    state, steps = before, list[Step]()
    for position, operation in enumerate(migration.operations):
        after = state.clone()
        operation.state_forwards(migration.app_label, after)
        steps += [
            _step(position, *each, app_label=migration.app_label, connection=connection)
            for each in _flatten(operation, migration.app_label, state, after)
        ]
        state = after
    subject = Subject(
        migration=migration, before=before, in_use=in_use or before, steps=tuple(steps), filled=filled
    )
    return subject, state


def created_tables(steps: tuple[Step, ...]) -> Iterator[str]:
    for step in steps:
        for effect in step.effects:
            if effect.kind in (StatementKind.CREATE_TABLE, StatementKind.CREATE_TABLE_AS):
                yield effect.table


def tables(apps: Apps) -> Mapping[str, frozenset[str]]:
    """Return table → its columns, of every model that the code knows."""
    return {
        model._meta.db_table: frozenset(str(each.column) for each in model._meta.local_concrete_fields)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }


def _flatten(
    operation: Operation, app_label: str, before: ProjectState, after: ProjectState
) -> Iterator[tuple[Operation, ProjectState, ProjectState]]:
    if not isinstance(operation, migrations.SeparateDatabaseAndState):
        yield operation, before, after
        return
    for child in operation.database_operations:
        after = before.clone()
        child.state_forwards(app_label, after)
        yield from _flatten(child, app_label, before, after)
        before = after


def _step(
    position: int,
    operation: Operation,
    before: ProjectState,
    after: ProjectState,
    *,
    app_label: str,
    connection: OfflineConnection,
) -> Step:
    sql = _collect_sql(operation, app_label, before, after, connection)
    code = read_code(operation.code) if isinstance(operation, migrations.RunPython) else None
    catalogue = read_state(before.apps, connection=connection)
    texts = sql + (code.statements if code else ())
    return Step(
        position=position,
        operation=operation,
        before=before,
        after=after,
        sql=sql,
        effects=tuple(
            effect
            for text in texts
            for statement in split(text)
            for effect in analyse(statement, catalogue=catalogue).actions
        ),
        code=code,
        catalogue=catalogue,
    )


def _is_ours(operation: Operation) -> bool:
    """Whether it runs statements for as long as it takes, and looks after their locks itself."""
    return type(operation).__module__.startswith(f"{migration_operations.__name__}.")


def _collect_sql(
    operation: Operation,
    app_label: str,
    before: ProjectState,
    after: ProjectState,
    connection: OfflineConnection,
) -> tuple[str, ...]:
    if not operation.reduces_to_sql or _is_ours(operation):
        return ()
    editor = OfflineEditor(connection, collect_sql=True, atomic=False)
    with contextlib.suppress(NeedsServer), editor:
        operation.database_forwards(app_label, editor, before, after)
    return tuple(editor.collected_sql)
