"""Changes of a column's type that nobody has to wait for: `ChangeTypeOnline`, later `FinishTypeChange`."""

from typing import Any

from django.db import models
from django.db.migrations.operations import AlterField
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.operations.fields import FieldOperation
from django.db.migrations.state import ProjectState

from config.migration_operations.online_table import OnlineTable
from config.migration_operations.replacement import name_of_kept
from config.migration_operations.statement_parts import quoted
from config.migration_operations.step_trigger import drop_trigger
from config.migration_operations.type_change import TypeChange


class ChangeTypeOnline(FieldOperation):
    """Changes the type of a column as AlterField does; on a large table so that nobody has to wait.

    A large table gets a second column, kept in step by a trigger, which is filled in batches and takes the
    place of the first. The first stays in step until `FinishTypeChange`, in a later release, drops it; until
    then the change can be taken back without loss. The migration needs `atomic = False`, and a dependency on
    the migration that makes unfinished_steps. Killed at any point, it goes on when the command is repeated.

    `using` is the SQL expression that converts {column}, where a cast is not enough; `back` converts back.
    """

    category = OperationCategory.ALTERATION
    atomic = False

    def __init__(
        self, model_name: str, name: str, field: "models.Field[Any, Any]", using: str = "", back: str = ""
    ) -> None:
        super().__init__(model_name, name, field)
        self.field = field
        self.using = using
        self.back = back

    @property
    def migration_name_fragment(self) -> str:
        return f"change_type_of_{self.model_name_lower}_{self.name_lower}"

    def describe(self) -> str:
        return f"Change the type of {self.name} on {self.model_name}, online where the table is large"

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        AlterField(self.model_name, self.name, self.field).state_forwards(app_label, state)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self._change(app_label, schema_editor, from_state, to_state, backwards=False)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self._change(app_label, schema_editor, from_state, to_state, backwards=True)

    def _change(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: ProjectState,
        to_state: ProjectState,
        *,
        backwards: bool,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            using, back = (self.back, self.using) if backwards else (self.using, self.back)
            TypeChange(
                schema_editor=schema_editor,
                app_label=app_label,
                model_name=self.model_name,
                name=self.name,
                from_state=from_state,
                to_state=to_state,
                using=using,
                back=back,
                keeps=not backwards,
            ).run()


class FinishTypeChange(Operation):
    """Drops the column that ChangeTypeOnline left in step, when no running code needs the old type any more.

    Taking it back does nothing: taking back ChangeTypeOnline then makes the old column anew.
    """

    category = OperationCategory.REMOVAL

    def __init__(self, model_name: str, name: str) -> None:
        self.model_name = model_name
        self.name = name

    @property
    def migration_name_fragment(self) -> str:
        return f"finish_type_of_{self.model_name.lower()}_{self.name.lower()}"

    def describe(self) -> str:
        return f"Drop what {self.name} on {self.model_name} was before the change of its type"

    def references_model(self, name: str, app_label: str) -> bool:
        return name.lower() == self.model_name.lower()

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing: the state never knew of the old column."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        connection = schema_editor.connection
        model = from_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(connection.alias, model):
            return
        column = str(model._meta.get_field(self.name).column)
        table = OnlineTable(connection, model._meta.db_table)
        statements = (
            *drop_trigger(table=table.name, column=column),
            f"ALTER TABLE {quoted(table.name)} DROP COLUMN IF EXISTS {quoted(name_of_kept(column))}",
        )
        if connection.in_atomic_block or schema_editor.collect_sql:
            for statement in statements:
                schema_editor.execute(statement)
        elif table.has_column(name_of_kept(column)):
            table.change("drop the old column", statements)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Nothing, see above."""
