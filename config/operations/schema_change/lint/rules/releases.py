"""Changes that the code of the release before does not survive: it runs on until the new one is started.

None of this depends on the size of a table.
"""

import re
from collections.abc import Iterator, Mapping

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
        "The code that is running while this is applied does not know %(name)s: without a value for it, none "
        "of its new rows is let in."
    ),
    safe_form='migrations.AddField("…", "…", models.TextField(default="", db_default=""))',
)
_DEFAULT = Rule(
    id="default-in-use",
    why=_("The code that is running while this is applied leaves the value of %(name)s to the database."),
    safe_form=_("Give the value in Python first, and take db_default away with the next release."),
)
_OF_COLUMNS = {StatementKind.DROP_COLUMN: _DROP, StatementKind.RENAME_COLUMN: _RENAME}
_OF_TABLES = {
    StatementKind.DROP_TABLE: _DROP,
    StatementKind.RENAME_TABLE: _RENAME,
    StatementKind.SET_SCHEMA: _RENAME,
}
_NOT_NULL = re.compile(r"\bNOT\s+NULL\b", re.IGNORECASE)
_DEFAULTS = re.compile(r"\bDEFAULT\b", re.IGNORECASE)
_FILLS_ITSELF = re.compile(r"\b(GENERATED|(small|big)?serial)\b", re.IGNORECASE)


def find(subject: Subject) -> Iterator[Objection]:
    for step, effect in subject.effects():
        if effect.kind in _OF_TABLES:
            yield from _objections(_OF_TABLES[effect.kind], subject, step, effect.table)
        elif effect.kind in _OF_COLUMNS:
            yield from _objections(_OF_COLUMNS[effect.kind], subject, step, effect.table, effect.name)
        elif effect.kind is StatementKind.ADD_COLUMN and _must_be_filled(effect, step):
            yield from _objections(_REQUIRED, subject, step, effect.table, new_column=effect.name)
        elif effect.kind is StatementKind.DROP_DEFAULT and _is_relied_upon(effect, step):
            yield from _objections(_DEFAULT, subject, step, effect.table, effect.name)


def _must_be_filled(added: Effect, step: Step) -> bool:
    """Whether an INSERT that does not name the new column fails. Django takes its defaults away at once."""
    if not _NOT_NULL.search(added.sql) or _FILLS_ITSELF.search(added.sql):
        return False
    return not _DEFAULTS.search(added.sql) or _has(step, StatementKind.DROP_DEFAULT, added)


def _is_relied_upon(dropped: Effect, step: Step) -> bool:
    """Whether the default was there before, instead of only for the rows that this step fills."""
    column = step.catalogue.column(dropped.table, dropped.name)
    was_set = _has(step, StatementKind.SET_DEFAULT, dropped) or _has(step, StatementKind.ADD_COLUMN, dropped)
    return column is not None and column.is_not_null and not was_set


def _has(step: Step, kind: StatementKind, about: Effect) -> bool:
    return any((each.kind, each.table, each.name) == (kind, about.table, about.name) for each in step.effects)


def _objections(
    rule: Rule, subject: Subject, step: Step, table: str, column: str = "", *, new_column: str = ""
) -> Iterator[Objection]:
    """Yield nothing if the table or column is this migration's own.

    If only earlier migrations of the same deploy have made it, the code that is running does not know it: no
    severity, but an acceptance is not needless, because another database may get them one by one.
    """
    is_in_use = _is_known(tables(subject.in_use.apps), table, column)
    if not is_in_use and not _is_known(tables(subject.before.apps), table, column):
        return
    severity = Severity.ERROR if is_in_use else None
    name = ".".join(filter(None, (table, column or new_column)))
    yield rule.objection(large=severity, small=severity, operation=step.position, table=table, name=name)


def _is_known(known: Mapping[str, frozenset[str]], table: str, column: str) -> bool:
    return table in known and (not column or column in known[table])
