"""Changes that the code of the release before does not survive: it runs on until the new one is started.

None of this depends on the size of a table.
"""

import re
from collections.abc import Iterator

from django.db import migrations
from django.db.models import Field
from django.utils.translation import gettext_lazy as _

from config.operations.schema_change.effects import Effect, StatementKind
from config.operations.schema_change.lint.findings import Objection, Rule, Severity
from config.operations.schema_change.lint.subjects import Step, Subject, tables

_DROP = Rule(
    id="drop-in-use",
    why=_("The code that is running while this is applied still reads %(name)s, and fails without it."),
    safe_form=_(
        "Take it out of the models only, and drop it with the next release:\n"
        'migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("…", "…")])'
    ),
)
_RENAME = Rule(
    id="rename-in-use",
    why=_("The code that is running while this is applied knows %(name)s only under the old name."),
    safe_form=_(
        "Rename it in Python alone, and leave the database as it is:\n"
        'new_name = models.TextField(db_column="old_name"), Meta.db_table = "old_name"'
    ),
)
_REQUIRED = Rule(
    id="required-column",
    why=_(
        "The code that is running while this is applied does not know %(name)s: without a value for it, "
        "none of "
        "its new rows is let in."
    ),
    safe_form='migrations.AddField("…", "…", models.TextField(default="", db_default=""))',
)
_DEFAULT = Rule(
    id="default-in-use",
    why=_("The code that is running while this is applied leaves the value of %(name)s to the database."),
    safe_form=_("Give the value in Python first, and take db_default away with the next release."),
)
_NOT_NULL = re.compile(r"\bNOT\s+NULL\b", re.IGNORECASE)
_FILLS_ITSELF = re.compile(r"\b(DEFAULT|GENERATED|(small|big)?serial)\b", re.IGNORECASE)
_COLUMN_KINDS = {StatementKind.DROP_COLUMN: _DROP, StatementKind.RENAME_COLUMN: _RENAME}
_TABLE_KINDS = {
    StatementKind.DROP_TABLE: _DROP,
    StatementKind.RENAME_TABLE: _RENAME,
    StatementKind.SET_SCHEMA: _RENAME,
}


def find(subject: Subject) -> Iterator[Objection]:
    for step, effect in subject.effects():
        rule = _COLUMN_KINDS.get(effect.kind) or _TABLE_KINDS.get(effect.kind)
        if rule is not None and _is_in_use(subject, effect):
            yield _objection(rule, step, effect.table, effect.name)
        elif step.is_raw:
            yield from _find_required_in_sql(subject, step, effect)
    for step in subject.steps:
        yield from _find_required(subject, step)


def _is_in_use(subject: Subject, effect: Effect) -> bool:
    columns = tables(subject.in_use.apps).get(effect.table)
    if columns is None:
        return False
    return effect.kind in _TABLE_KINDS or effect.name in columns


def _find_required_in_sql(subject: Subject, step: Step, effect: Effect) -> Iterator[Objection]:
    if effect.table not in tables(subject.in_use.apps):
        return
    if effect.kind is StatementKind.DROP_DEFAULT:
        yield _objection(_DEFAULT, step, effect.table, effect.name)
    elif effect.kind is StatementKind.ADD_COLUMN and _must_be_filled(effect.sql):
        yield _objection(_REQUIRED, step, effect.table, effect.name)


def _must_be_filled(definition: str) -> bool:
    return _NOT_NULL.search(definition) is not None and not _FILLS_ITSELF.search(definition)


def _find_required(subject: Subject, step: Step) -> Iterator[Objection]:
    operation = step.operation
    if not isinstance(operation, migrations.AddField | migrations.AlterField) or not step.sql:
        return
    model = step.after.apps.get_model(subject.migration.app_label, operation.model_name)
    if model._meta.db_table not in tables(subject.in_use.apps):
        return
    new = model._meta.get_field(operation.name)
    if not isinstance(new, Field) or not new.concrete or not _needs_value(new):
        return
    if isinstance(operation, migrations.AddField):
        yield _objection(_REQUIRED, step, model._meta.db_table, str(new.column))
        return
    old = step.before.apps.get_model(model._meta.label)._meta.get_field(operation.name)
    if isinstance(old, Field) and old.has_db_default():
        yield _objection(_DEFAULT, step, model._meta.db_table, str(new.column))


def _needs_value(field: "Field[object, object]") -> bool:
    """Whether an INSERT that does not name the column fails."""
    fills_itself = field.has_db_default() or field.generated or field.db_returning
    return not (field.null or fills_itself or field.many_to_many)


def _objection(rule: Rule, step: Step, table: str, column: str) -> Objection:
    return rule.objection(
        large=Severity.ERROR,
        small=Severity.ERROR,
        operation=step.position,
        table=table,
        name=f"{table}.{column}" if column else table,
    )
