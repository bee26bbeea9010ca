"""What cannot be in a transaction, and what meddles with the executor's."""

import re
from collections.abc import Iterator

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.utils.translation import gettext_lazy as _

from config.migration_operations.change_type import ChangeTypeOnline
from config.migration_operations.update_in_batches import UpdateInBatches
from config.operations.schema_change.effects import Effect, StatementKind
from config.operations.schema_change.lint.findings import Objection, Rule, Severity
from config.operations.schema_change.lint.subjects import Step, Subject
from config.operations.schema_change.statements import split

_CONCURRENTLY = Rule(
    id="concurrently-in-transaction",
    why=_("PostgreSQL refuses this inside a transaction, and the migration is one."),
    safe_form="class Migration(migrations.Migration):\n    atomic = False",
)
_NOT_ALONE = Rule(
    id="concurrently-in-transaction",
    why=_("PostgreSQL runs statements that are sent together in one transaction, and refuses this in one."),
    safe_form='migrations.RunSQL(["DROP INDEX CONCURRENTLY …", "CREATE INDEX CONCURRENTLY …"], …)',
)
_BATCHES = Rule(
    id="batches-in-transaction",
    why=_("Each batch is committed by itself, which the operation refuses to do inside a transaction."),
    safe_form="class Migration(migrations.Migration):\n    atomic = False",
)
_IF_NOT_EXISTS = Rule(
    id="concurrently-if-not-exists",
    why=_(
        "An interrupted build leaves an invalid index under this name, and IF NOT EXISTS takes it for the "
        "index."
    ),
    safe_form=_(
        "Let migrate_safely build the index, which looks whether it is valid:\n"
        'migrations.AddIndex("…", models.Index(fields=["…"], name="…"))'
    ),
)
_TIMEOUT = Rule(
    id="changes-timeout",
    why=_("The executor keeps others from waiting by its own time limits; this statement undoes them."),
    safe_form=_("Leave it out, and give the deploy more time: manage.py migrate_safely --patience SECONDS"),
)
_TRANSACTION = Rule(
    id="ends-transaction",
    why=_("This ends the transaction of the executor: what failed afterwards could not be undone."),
    safe_form=_("Leave it out; what cannot be in a transaction goes into a migration with atomic = False."),
)
_SETS_TIMEOUT = re.compile(
    r"\b(lock_timeout|statement_timeout|deadlock_timeout|transaction_timeout|"
    r"idle_in_transaction_session_timeout)\b",
    re.IGNORECASE,
)
_IF_NOT_EXISTS_SQL = re.compile(r"\bCONCURRENTLY\s+IF\s+NOT\s+EXISTS\b", re.IGNORECASE)


def find(subject: Subject) -> Iterator[Objection]:
    for step, effect in subject.effects():
        yield from _find_in_effect(subject, step, effect)
    for step in subject.steps:
        if step.code is not None and step.code.ends_transaction:
            yield _error(_TRANSACTION, step)
        if isinstance(step.operation, UpdateInBatches | ChangeTypeOnline) and subject.migration.atomic:
            yield _error(_BATCHES, step)
        if _is_refused(subject, step):
            yield _error(_CONCURRENTLY, step)
        elif _is_sent_with_others(step):
            yield _error(_NOT_ALONE, step)


def _find_in_effect(subject: Subject, step: Step, effect: Effect) -> Iterator[Objection]:
    is_new = effect.table in subject.new_tables
    if effect.kind is StatementKind.CREATE_INDEX and _IF_NOT_EXISTS_SQL.search(effect.sql) and not is_new:
        yield _IF_NOT_EXISTS.objection(
            large=Severity.ERROR, small=Severity.WARNING, operation=step.position, table=effect.table
        )
    if effect.kind is StatementKind.TRANSACTION:
        yield _error(_TRANSACTION, step)
    sets = effect.kind is StatementKind.SETTING or "set_config" in effect.sql.lower()
    if sets and step.is_raw and _SETS_TIMEOUT.search(effect.sql):
        yield _error(_TIMEOUT, step)


def _is_refused(subject: Subject, step: Step) -> bool:
    if isinstance(step.operation, AddIndexConcurrently | RemoveIndexConcurrently):
        return subject.migration.atomic
    is_in_transaction = subject.migration.atomic or bool(step.operation.atomic)
    return is_in_transaction and any(not effect.in_transaction for effect in step.effects)


def _is_sent_with_others(step: Step) -> bool:
    if all(effect.in_transaction for effect in step.effects):
        return False
    return any(len(split(text)) > 1 for text in step.sql)


def _error(rule: Rule, step: Step) -> Objection:
    return rule.objection(large=Severity.ERROR, small=Severity.ERROR, operation=step.position)
