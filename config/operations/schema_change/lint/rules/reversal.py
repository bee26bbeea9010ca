"""Migrations that cannot be taken back, or only while their tables are empty."""

from collections.abc import Iterator

from django.db import migrations
from django.db.models import Field
from django.utils.translation import gettext_lazy as _

from config.operations.schema_change.effects import StatementKind
from config.operations.schema_change.lint.findings import Objection, Rule, Severity
from config.operations.schema_change.lint.subjects import Step, Subject

_MISSING_SQL = Rule(
    id="missing-reverse",
    why=_("There is no SQL that takes this back, so revert stops here."),
    safe_form='migrations.RunSQL("CREATE …", reverse_sql="DROP …")',
)
_MISSING_PYTHON = Rule(
    id="missing-reverse",
    why=_("There is no function that takes this back, so revert stops here."),
    safe_form="migrations.RunPython(forwards, migrations.RunPython.noop)",
)
_LEAVES_SOMETHING = Rule(
    id="missing-reverse",
    why=_(
        "To take this back does nothing, so the schema stays changed and the migration fails the next time."
    ),
    safe_form='migrations.RunSQL("ALTER TABLE … ADD …", reverse_sql="ALTER TABLE … DROP …")',
)
_IRREVERSIBLE = Rule(
    id="irreversible-operation",
    why=_("This operation cannot be taken back, so revert stops here."),
    safe_form=_("Give it a reverse, or an operation of your own database_backwards and reversible = True."),
)
_NEEDS_VALUE = Rule(
    id="reverse-needs-value",
    why=_(
        "To take this back adds %(name)s as NOT NULL without a value, which fails as soon as the table has a "
        "row."
    ),
    safe_form=_(
        "Let it be empty first, in an earlier operation:\n"
        'migrations.AlterField("…", "…", models.TextField(null=True))'
    ),
)
_CHANGES_SCHEMA = frozenset(
    {
        StatementKind.CREATE_TABLE,
        StatementKind.CREATE_TABLE_AS,
        StatementKind.DROP_TABLE,
        StatementKind.RENAME_TABLE,
        StatementKind.ADD_COLUMN,
        StatementKind.DROP_COLUMN,
        StatementKind.RENAME_COLUMN,
        StatementKind.ALTER_TYPE,
        StatementKind.ADD_CHECK,
        StatementKind.ADD_FOREIGN_KEY,
        StatementKind.ADD_UNIQUE,
        StatementKind.ADD_EXCLUSION,
        StatementKind.CREATE_INDEX,
        StatementKind.CREATE_TRIGGER,
    }
)


def find(subject: Subject) -> Iterator[Objection]:
    for step in subject.steps:
        if not step.operation.reversible:
            yield _objection(_irreversible(step), step)
        elif _leaves_something(step):
            yield _objection(_LEAVES_SOMETHING, step)
        elif isinstance(step.operation, migrations.RemoveField):
            yield from _find_value_needed(subject, step, step.operation)


def _irreversible(step: Step) -> Rule:
    if isinstance(step.operation, migrations.RunSQL):
        return _MISSING_SQL
    return _MISSING_PYTHON if isinstance(step.operation, migrations.RunPython) else _IRREVERSIBLE


def _leaves_something(step: Step) -> bool:
    operation = step.operation
    if not isinstance(operation, migrations.RunSQL) or operation.reverse_sql != migrations.RunSQL.noop:
        return False
    return any(effect.kind in _CHANGES_SCHEMA for effect in step.effects)


def _find_value_needed(
    subject: Subject, step: Step, operation: migrations.RemoveField
) -> Iterator[Objection]:
    model = step.before.apps.get_model(subject.migration.app_label, operation.model_name)
    field = model._meta.get_field(operation.name)
    if isinstance(field, Field) and step.sql and not _can_be_filled(field):
        yield _objection(_NEEDS_VALUE, step, table=model._meta.db_table, name=str(field.column))


def _can_be_filled(field: "Field[object, object]") -> bool:
    """Whether Django finds a value for the rows that are there when the column comes back."""
    has_value = field.has_default() or field.has_db_default() or (field.empty_strings_allowed and field.blank)
    return field.null or field.generated or bool(field.many_to_many) or has_value


def _objection(rule: Rule, step: Step, *, table: str = "", **facts: str) -> Objection:
    return rule.objection(
        large=Severity.ERROR, small=Severity.ERROR, operation=step.position, table=table, **facts
    )
