"""What an operation of a migration does, in the reader's words."""

from collections.abc import Callable
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations
from django.db.migrations.operations.base import Operation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.migration_operations.change_type import ChangeTypeOnline, FinishTypeChange
from config.migration_operations.update_in_batches import UpdateInBatches

_Words = str | Promise
_WORDS: dict[type[Operation], _Words] = {
    migrations.CreateModel: gettext_lazy("Create the table of %(name)s"),
    migrations.DeleteModel: gettext_lazy("Drop the table of %(name)s"),
    migrations.RenameModel: gettext_lazy("Rename %(old_name)s to %(new_name)s"),
    migrations.AlterModelTable: gettext_lazy("Rename the table of %(name)s to %(table)s"),
    migrations.AlterModelTableComment: gettext_lazy("Change the comment on the table of %(name)s"),
    migrations.AlterUniqueTogether: gettext_lazy("Change what is unique together in %(name)s"),
    migrations.AlterIndexTogether: gettext_lazy("Change what is indexed together in %(name)s"),
    migrations.AlterModelOptions: gettext_lazy("Change options of %(name)s, which no table shows"),
    migrations.AlterModelManagers: gettext_lazy("Change the managers of %(name)s, which no table shows"),
    migrations.AddField: gettext_lazy("Add the column %(name)s to %(model_name)s"),
    migrations.RemoveField: gettext_lazy("Drop the column %(name)s of %(model_name)s"),
    migrations.AlterField: gettext_lazy("Change the column %(name)s of %(model_name)s"),
    migrations.RenameField: gettext_lazy("Rename the column %(old_name)s of %(model_name)s to %(new_name)s"),
    migrations.AddIndex: gettext_lazy("Add the index %(index_name)s to %(model_name)s"),
    AddIndexConcurrently: gettext_lazy("Add the index %(index_name)s to %(model_name)s"),
    migrations.RemoveIndex: gettext_lazy("Drop the index %(name)s of %(model_name)s"),
    RemoveIndexConcurrently: gettext_lazy("Drop the index %(name)s of %(model_name)s"),
    migrations.RenameIndex: gettext_lazy("Rename an index of %(model_name)s to %(new_name)s"),
    migrations.AddConstraint: gettext_lazy("Add the constraint %(constraint_name)s to %(model_name)s"),
    migrations.RemoveConstraint: gettext_lazy("Drop the constraint %(name)s of %(model_name)s"),
    migrations.AlterConstraint: gettext_lazy("Change the message of the constraint %(name)s"),
    migrations.RunSQL: gettext_lazy("Run SQL of its own"),
    migrations.RunPython: gettext_lazy("Run Python code: %(code_name)s"),
    UpdateInBatches: gettext_lazy("Change rows of %(model)s in batches: %(name)s"),
    ChangeTypeOnline: gettext_lazy("Change the type of %(name)s of %(model_name)s while it is used"),
    FinishTypeChange: gettext_lazy("Drop what the column %(name)s of %(model_name)s was before"),
    migrations.SeparateDatabaseAndState: gettext_lazy("Change the database and what Django knows apart"),
}
_DETAILS: dict[str, Callable[[Any], str]] = {
    "index_name": lambda operation: operation.index.name,
    "constraint_name": lambda operation: operation.constraint.name,
    "code_name": lambda operation: getattr(operation.code, "__name__", ""),
}


def describe_operation(*, operation: Operation) -> str:
    """Return one sentence; an operation that is not Django's describes itself."""
    words = _WORDS.get(type(operation))
    if words is None:
        return operation.describe()
    return str(words) % _Details(operation)


def describe_reverted(*, operation: Operation) -> str:
    return _("Take back: %(words)s") % {"words": describe_operation(operation=operation)}


class _Details:
    """What a sentence may name of an operation."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    def __getitem__(self, name: str) -> str:
        detail = _DETAILS.get(name)
        return detail(self._operation) if detail else str(getattr(self._operation, name))
