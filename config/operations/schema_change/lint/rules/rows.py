"""Changes of rows: so many in one transaction that others wait for them, or together with the schema."""

import re
from collections.abc import Iterator

from django.db import migrations
from django.utils.translation import gettext_lazy as _

from config.migration_operations.update_in_batches import UpdateInBatches
from config.operations.schema_change.effects import Effect, StatementKind
from config.operations.schema_change.lint.findings import Objection, Rule, Severity
from config.operations.schema_change.lint.python_writes import Write
from config.operations.schema_change.lint.subjects import Step, Subject

_IN_BATCHES = 'UpdateInBatches("…", …)'
_UNBOUNDED = Rule(
    id="unbounded-change",
    why=_(
        "All rows of %(table)s that this changes stay locked until the last one is done, and nobody else can "
        "change them."
    ),
    safe_form=_IN_BATCHES,
)
_ONE_TRANSACTION = Rule(
    id="unbounded-change",
    why=_(
        "The batches share the transaction of the migration, so every row of %(table)s stays locked until "
        "the last batch."
    ),
    safe_form=_IN_BATCHES,
)
_FILLS_ROWS = Rule(
    id="not-null-fills-rows",
    why=_(
        "Before NOT NULL, Django gives all rows of %(table)s without a value the default in one statement."
    ),
    safe_form=_("Fill them in a migration before this one:\nUpdateInBatches(…)"),
)
_WITH_SCHEMA = Rule(
    id="data-with-schema",
    why=_(
        "The rows change in the same transaction as the table: its lock is held until the last row is done, "
        "and when it fails, all is lost."
    ),
    safe_form=_("Make two migrations of it: first the schema, then the rows."),
)
_CHANGES = frozenset(
    {StatementKind.UPDATE, StatementKind.DELETE, StatementKind.MERGE, StatementKind.TRUNCATE}
)
_NAMES_ROWS = re.compile(r'\bWHERE\s+("?\w+"?\.)?"?id"?\s*(=|IN\s*\()\s*[\d\'%]', re.IGNORECASE)
# Of those that others notice: comments and privileges go together with anything.
_SCHEMA = frozenset(
    {
        StatementKind.ALTER_TABLE,
        StatementKind.ADD_COLUMN,
        StatementKind.DROP_COLUMN,
        StatementKind.RENAME_COLUMN,
        StatementKind.RENAME_TABLE,
        StatementKind.DROP_TABLE,
        StatementKind.ALTER_TYPE,
        StatementKind.SET_NOT_NULL,
        StatementKind.DROP_NOT_NULL,
        StatementKind.ADD_CHECK,
        StatementKind.ADD_FOREIGN_KEY,
        StatementKind.ADD_UNIQUE,
        StatementKind.ADD_EXCLUSION,
        StatementKind.CREATE_INDEX,
    }
)


def find_unbounded(subject: Subject) -> Iterator[Objection]:
    for step, effect in subject.effects():
        if effect.kind not in _CHANGES or effect.table in subject.new_tables or _names_rows(effect):
            continue
        if isinstance(step.operation, migrations.AlterField):
            if (subject.migration.app_label, step.operation.model_name_lower) not in subject.filled:
                yield _objection(_FILLS_ROWS, step, effect.table, large=Severity.WARNING)
        else:
            yield _objection(_UNBOUNDED, step, effect.table)
    for step in subject.steps:
        for write in step.code.writes if step.code else ():
            yield from _find_in_python(subject, step, write)


def find_mixed(subject: Subject) -> Iterator[Objection]:
    """Object once to a migration that changes old rows and the shape of old tables."""
    if not subject.migration.atomic or not any(
        effect.kind in _SCHEMA and effect.table not in subject.new_tables
        for _step, effect in subject.effects()
    ):
        return
    for step in subject.steps:
        changed = [table for table in _changed_tables(step) if table not in subject.new_tables]
        if changed:
            yield _objection(_WITH_SCHEMA, step, changed[0], small=Severity.WARNING)
            return


def _find_in_python(subject: Subject, step: Step, write: Write) -> Iterator[Objection]:
    table = table_of(step, write)
    if write.is_insert or table in subject.new_tables:
        return
    is_one_transaction = subject.migration.atomic or bool(step.operation.atomic)
    if not write.is_counted:
        yield _objection(_UNBOUNDED, step, table)
    elif write.is_in_batches and is_one_transaction:
        yield _objection(_ONE_TRANSACTION, step, table)


def table_of(step: Step, write: Write) -> str:
    """Return the table that Python code writes to, or "" when only running it would tell."""
    try:
        return step.before.apps.get_model(*write.model)._meta.db_table if write.model else ""
    except LookupError:
        return ""


def _changed_tables(step: Step) -> Iterator[str]:
    if isinstance(step.operation, migrations.AlterField):
        return  # What Django fills in there has a rule of its own.
    yield from (effect.table for effect in step.effects if effect.changes_rows)
    yield from (table_of(step, write) for write in (step.code.writes if step.code else ()))
    if isinstance(step.operation, UpdateInBatches):
        yield ""


def _names_rows(effect: Effect) -> bool:
    """Whether the statement says which rows it means, by the values of their keys."""
    return _NAMES_ROWS.search(effect.sql) is not None


def _objection(
    rule: Rule, step: Step, table: str, *, large: Severity = Severity.ERROR, small: Severity | None = None
) -> Objection:
    return rule.objection(large=large, small=small, operation=step.position, table=table)
