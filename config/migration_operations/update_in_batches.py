"""A change of data that a migration makes in batches: `UpdateInBatches`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models, router
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import RunPython
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState, StateApps
from django.db.models.sql import UpdateQuery
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext as _

from config.migration_operations.batches import Rows, Work, change_in_batches, examples
from config.migration_operations.failures import OperationFailed, require_own_transactions

Change = Mapping[str, Any] | Callable[[StateApps, Rows], None]


class NotAsPromised(OperationFailed):
    """Some rows are not as they should be now; the message says how many, and names a few."""


@deconstructible
@dataclass(kw_only=True)  # deconstructible adds an attribute, so that frozen would not do.
class BatchedUpdate:
    """Rows that match `where` get `change`, after which they match it no longer.

    `change` is what `QuerySet.update` takes, as a mapping, or a function that is given the historical apps
    and a queryset of some rows that nobody else can change. `verify` must be true of every row in the end;
    that none matches `where` is verified in any case.
    """

    change: Change
    where: Any
    verify: Any = None


class UpdateInBatches(Operation):
    """Changes the rows of a table a few at a time, each few in a transaction of their own.

    The migration needs `atomic = False`, and a dependency on the migration that makes unfinished_steps.
    Interrupted, even by a kill, it goes on where it was when the command is repeated. Rows that others hold
    are left for the end. So that rows written meanwhile need no change, give the column its default in an
    earlier migration.

    `name` is unique within the app. `reverse` is another BatchedUpdate, or `noop` where the data may stay;
    without it the migration cannot be reverted.
    """

    noop = staticmethod(RunPython.noop)
    category = OperationCategory.PYTHON
    atomic = False

    def __init__(
        self,
        name: str,
        model: str,
        change: Change,
        where: Any,
        verify: Any = None,
        reverse: BatchedUpdate | Callable[..., None] | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self.change = change
        self.where = where
        self.verify = verify
        self.reverse = reverse

    @property
    def reversible(self) -> bool:  # type: ignore[override]
        return self.reverse is not None

    @property
    def migration_name_fragment(self) -> str:
        return self.name.lower()

    def describe(self) -> str:
        return f"Change rows of {self.model} in batches: {self.name}"

    def references_model(self, name: str, app_label: str) -> bool:
        return True  # `change` and `where` may lead anywhere.

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing: data are no part of it."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        update = BatchedUpdate(change=self.change, where=self.where, verify=self.verify)
        self._run(app_label, schema_editor, from_state, update, direction="APPLY")

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if isinstance(self.reverse, BatchedUpdate):
            self._run(app_label, schema_editor, from_state, self.reverse, direction="REVERT")

    def _run(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        state: ProjectState,
        update: BatchedUpdate,
        *,
        direction: str,
    ) -> None:
        connection = schema_editor.connection
        if not router.allow_migrate(connection.alias, app_label, model_name=self.model.lower()):
            return
        rows = state.apps.get_model(app_label, self.model)._base_manager.using(connection.alias)
        if schema_editor.collect_sql:
            schema_editor.collected_sql.extend(_shown(rows.all(), update))
            return
        require_own_transactions(connection, operation=self.name)
        change_in_batches(
            connection=connection,
            work=Work(
                step=f"{app_label}.{self.name}/{direction}",
                sentence=self.describe(),
                rows=rows.all(),
                needing=update.where,
                change=_changing(update.change, state.apps),
                locks_first=callable(update.change),
            ),
        )
        _verify(rows.all(), update, self.name)


def _changing(change: Change, apps: StateApps) -> Callable[[Rows], int]:
    if not callable(change):
        return lambda rows: rows.update(**change)

    def call(rows: Rows) -> int:
        count = rows.count()
        if count:
            change(apps, rows)
        return count

    return call


def _verify(rows: Rows, update: BatchedUpdate, name: str) -> None:
    if update.verify is None:
        return
    as_promised = models.Case(models.When(update.verify, then=True), default=False)
    wrong = rows.alias(as_promised=as_promised).filter(as_promised=False)
    if count := wrong.count():
        raise NotAsPromised(
            _(
                "Rows of the table %(table)s that are not as they should be after %(name)s: "
                "%(count)d (%(keys)s)."
            )
            % {"name": name, "count": count, "table": rows.model._meta.db_table, "keys": examples(wrong)}
        )


def _shown(rows: Rows, update: BatchedUpdate) -> list[str]:
    """Return the statement as comments, because what runs is many of them."""
    if callable(update.change):
        return [f"-- In batches, by {update.change.__name__}()"]
    query: UpdateQuery = rows.filter(update.where).query.chain(UpdateQuery)  # type: ignore[assignment]
    query.add_update_values(dict(update.change))
    connection = rows.query.get_compiler(using=rows.db).connection
    sql = connection.ops.compose_sql(*query.get_compiler(connection=connection).as_sql())
    return [f"-- In batches: {line}" for line in sql.splitlines()]
