"""Which tables and columns an operation of a migration drops or makes, in either direction."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.db import migrations
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field, Model

from config.operations.models import Direction
from config.operations.schema_change.attic_entries import Place

_CONCERNED = (migrations.CreateModel, migrations.DeleteModel, migrations.AddField, migrations.RemoveField)


class Kind(Enum):
    DROPS = "drops"
    MAKES = "makes"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A table, or with `field` one column of it, that goes or comes."""

    kind: Kind
    place: Place
    model: type[Model]
    field: "Field[Any, Any] | None" = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operation, from the state before to the state after it in this direction."""

    connection: DatabaseWrapper
    migration: str
    position: int
    direction: Direction
    operation: Operation
    app_label: str
    from_state: ProjectState
    to_state: ProjectState


def is_concerned(*, operation: Operation) -> bool:
    """Whether the operation does nothing but drop or make tables and columns."""
    return type(operation) in _CONCERNED


def read_changes(*, step: Step) -> tuple[Change, ...]:
    """Return what the operation drops and makes, in its order, without asking or changing the database."""
    if not is_concerned(operation=step.operation):
        return ()
    recorder = Recorder(step)
    run_operation(step=step, editor=recorder)
    return tuple(recorder.changes)


def run_operation(*, step: Step, editor: Any) -> None:
    run = (
        step.operation.database_forwards
        if step.direction is Direction.APPLY
        else step.operation.database_backwards
    )
    run(step.app_label, editor, step.from_state, step.to_state)


class Recorder:
    """What operations that are concerned need of a schema editor, which only takes notes."""

    def __init__(self, step: Step) -> None:
        self.connection = step.connection
        self.changes: list[Change] = []
        self._step = step

    def create_model(self, model: type[Model]) -> None:
        self.changes.append(self._change(Kind.MAKES, model))
        self.changes.extend(self._change(Kind.MAKES, each) for each in own_relations(model=model))

    def delete_model(self, model: type[Model]) -> None:
        self.changes.extend(self._change(Kind.DROPS, each) for each in own_relations(model=model))
        self.changes.append(self._change(Kind.DROPS, model))

    def add_field(self, model: type[Model], field: "Field[Any, Any]") -> None:
        self._note_field(Kind.MAKES, model, field)

    def remove_field(self, model: type[Model], field: "Field[Any, Any]") -> None:
        self._note_field(Kind.DROPS, model, field)

    def _note_field(self, kind: Kind, model: type[Model], field: "Field[Any, Any]") -> None:
        through = own_relation(field=field)
        if through is not None:
            self.changes.append(self._change(kind, through))
        elif field.column and not field.generated:
            self.changes.append(self._change(kind, model, field))

    def _change(self, kind: Kind, model: type[Model], field: "Field[Any, Any] | None" = None) -> Change:
        return Change(kind=kind, place=place_of(self._step, model, field), model=model, field=field)


def place_of(step: Step, model: type[Model], field: "Field[Any, Any] | None" = None) -> Place:
    return Place(
        migration=step.migration,
        position=step.position,
        direction=step.direction,
        table=model._meta.db_table,
        column=str(field.column) if field is not None else "",
    )


def own_relations(*, model: type[Model]) -> Iterator[type[Model]]:
    """Yield the models of the tables that Django makes for the many-to-many fields of `model`."""
    for field in model._meta.local_many_to_many:
        through = own_relation(field=field)
        if through is not None:
            yield through


def own_relation(*, field: Any) -> type[Model] | None:
    through = field.remote_field.through if field.many_to_many else None
    return through if through is not None and through._meta.auto_created else None
