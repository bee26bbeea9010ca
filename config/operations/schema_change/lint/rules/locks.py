"""Statements that read or write a whole table while nobody else may write to it.

What counts is what happens under `migrate_safely`. It gives the statements that Django emits a form that
blocks nobody, so an index or a constraint of Django's is only a warning, about plain `migrate`; what it runs
as it is written (raw SQL), and what has no such form, is an error. On a small table none of it takes long
enough to matter, and whatever waits for a lock is tried again by the executor.
"""

import re
from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from config.operations.schema_change.effects import Effect, StatementKind, TableLock
from config.operations.schema_change.lint.findings import Objection, Rule, Severity
from config.operations.schema_change.lint.subjects import Step, Subject

_ONLY_PLAIN_MIGRATE = {
    StatementKind.CREATE_INDEX: Rule(
        id="blocking-index",
        why=_(
            "Under plain migrate nobody could write to %(table)s while the index is built; migrate_safely "
            "builds it concurrently."
        ),
        safe_form="manage.py migrate_safely",
    ),
    StatementKind.SET_NOT_NULL: Rule(
        id="blocking-not-null",
        why=_(
            "Under plain migrate nobody could read %(table)s while every row is checked for NULL; "
            "migrate_safely validates a check first."
        ),
        safe_form="manage.py migrate_safely",
    ),
    StatementKind.ADD_COLUMN: Rule(
        id="column-scans-table",
        why=_(
            "Under plain migrate nobody could read %(table)s until every row is checked for the constraint "
            "of the new column; migrate_safely adds the constraint after it."
        ),
        safe_form="manage.py migrate_safely",
    ),
    **dict.fromkeys(
        (StatementKind.ADD_CHECK, StatementKind.ADD_FOREIGN_KEY, StatementKind.ADD_UNIQUE),
        Rule(
            id="blocking-constraint",
            why=_(
                "Under plain migrate nobody could write to %(table)s while every row is checked; "
                "migrate_safely adds the constraint without that."
            ),
            safe_form="manage.py migrate_safely",
        ),
    ),
}
_UNIQUE_AFTERWARDS = _(
    "Let migrate_safely build the index first, with a constraint of its own:\n"
    'migrations.AddConstraint("…", models.UniqueConstraint(fields=["…"], name="…"))'
)
_ALWAYS = {
    StatementKind.CREATE_INDEX: Rule(
        id="blocking-index",
        why=_("Raw SQL is run as it is written: nobody can write to %(table)s while the index is built."),
        safe_form='migrations.AddIndex("…", models.Index(fields=["…"], name="…"))',
    ),
    StatementKind.SET_NOT_NULL: Rule(
        id="blocking-not-null",
        why=_(
            "Raw SQL is run as it is written: nobody can read %(table)s while every row is checked for NULL."
        ),
        safe_form='migrations.AlterField("…", "…", models.TextField(db_default=""))',
    ),
    StatementKind.ADD_CHECK: Rule(
        id="blocking-constraint",
        why=_("Raw SQL is run as it is written: nobody can read %(table)s while every row is checked."),
        safe_form='migrations.AddConstraint("…", models.CheckConstraint(condition=models.Q(…), name="…"))',
    ),
    StatementKind.ADD_FOREIGN_KEY: Rule(
        id="blocking-constraint",
        why=_("Raw SQL is run as it is written: nobody can write to %(table)s while every row is checked."),
        safe_form='migrations.AddField("…", "…", models.ForeignKey("…", models.PROTECT, null=True))',
    ),
    StatementKind.ADD_UNIQUE: Rule(
        id="blocking-constraint",
        why=_("Nobody can read %(table)s while the index of the constraint is built."),
        safe_form=_UNIQUE_AFTERWARDS,
    ),
    StatementKind.ADD_PRIMARY_KEY: Rule(
        id="blocking-constraint",
        why=_("Nobody can read %(table)s while the index of the primary key is built."),
        safe_form=_(
            "Build the index concurrently, then only name it:\n"
            "ALTER TABLE … ADD CONSTRAINT … PRIMARY KEY USING INDEX …"
        ),
    ),
    StatementKind.ADD_EXCLUSION: Rule(
        id="blocking-constraint",
        why=_(
            "An exclusion constraint has no form that blocks nobody: its index is built while nobody can "
            "read %(table)s."
        ),
        safe_form=_(
            "Add it while the table is small, or in an hour when nobody works:\n"
            "# lint: accept blocking-constraint because …"
        ),
    ),
    StatementKind.ALTER_TYPE: Rule(
        id="type-change-rewrites",
        why=_("The new type makes PostgreSQL write all of %(table)s anew, and nobody can read it meanwhile."),
        safe_form='ChangeTypeOnline("…", "…", models.BigIntegerField())',
    ),
    StatementKind.ADD_COLUMN: Rule(
        id="column-rewrites-table",
        why=_(
            "The new column has another value in each row, so PostgreSQL writes all of %(table)s anew, and "
            "nobody can read it meanwhile."
        ),
        safe_form=_(
            "Add it empty, and fill it in a migration of its own:\n"
            'migrations.AddField("…", "…", models.UUIDField(null=True)), UpdateInBatches(…)'
        ),
    ),
}
_CHECKED_AGAIN = Rule(
    id="type-change-scans",
    why=_(
        "The rows of %(table)s can stay, but what hangs on the column is checked or built again for each of "
        "them, and nobody can read it meanwhile."
    ),
    safe_form='ChangeTypeOnline("…", "…", models.CharField(max_length=200))',
)
_GENERATED = Rule(
    id="column-rewrites-table",
    why=_(
        "A generated column is computed for all rows of %(table)s at once, and nobody can read it meanwhile."
    ),
    safe_form=_(
        "Keep it in a plain column that a trigger fills, and let UpdateInBatches see to the rows that are "
        "there;\n"
        "or add it while the table is small."
    ),
)
_COLUMN_READS_TABLE = Rule(
    id="column-scans-table",
    why=_(
        "The new column brings a constraint with it, and nobody can read %(table)s until every row is "
        "checked."
    ),
    safe_form=_(
        "Add the column without it, and the constraint in the next operation:\n"
        'migrations.AddField(…), migrations.AddConstraint("…", models.UniqueConstraint(…))'
    ),
)
_OTHER = Rule(
    id="blocking-statement",
    why=_("This statement goes through all of %(table)s while nobody can write to it."),
    safe_form=_("Look for a form with CONCURRENTLY, in a migration with atomic = False."),
)
_LOCKED = Rule(
    id="blocking-statement",
    why=_("The lock on %(table)s is held until the transaction ends, whatever comes after it."),
    safe_form=_("Leave it out: each statement takes the lock that it needs."),
)
_ALL_TABLES = Rule(
    id="blocking-statement",
    why=_("This statement goes through all tables, one after the other, while nobody can write to them."),
    safe_form="REINDEX SCHEMA CONCURRENTLY …",
)
_UNREADABLE = Rule(
    id="unreadable-block",
    why=_("Nobody can foresee what a DO block changes, and it changes all of it in one transaction."),
    safe_form=_("Write the statements one by one, or in a function of Python."),
)
_WHOLE_DATABASE = re.compile(
    r"\A(REINDEX\b(?!.*\bCONCURRENTLY\b).*\b(SCHEMA|DATABASE|SYSTEM)\b|CLUSTER\Z"
    r"|VACUUM\s*(FULL|\([^)]*\bFULL\b[^)]*\))\Z)",
    re.IGNORECASE | re.DOTALL,
)
_BLOCK = re.compile(
    r"\ADO\b.*\b(UPDATE|DELETE\s+FROM|TRUNCATE|ALTER\s+TABLE|EXECUTE)\b", re.IGNORECASE | re.DOTALL
)
_VALIDATED_TOO_EARLY = Rule(
    id="validates-under-lock",
    why=_(
        "Every row of %(table)s is read while a lock from the same transaction still keeps everybody from "
        "writing."
    ),
    safe_form=_("Put what reads the rows into a migration of its own, after this one."),
)


def find(subject: Subject) -> Iterator[Objection]:
    for step, effect in subject.effects():
        for table in _blocked_tables(effect):
            if table not in subject.new_tables:
                yield _objection(step, effect, table)


def find_beyond_tables(subject: Subject) -> Iterator[Objection]:
    """Find what takes locks on purpose, on everything, or where nobody sees it."""
    for step, effect in subject.effects():
        if effect.kind is StatementKind.LOCK_TABLE:
            for lock in _blocking(effect):
                if lock.table not in subject.new_tables:
                    yield _error(_LOCKED, step, lock.table)
        elif _WHOLE_DATABASE.search(effect.sql):
            yield _error(_ALL_TABLES, step)
        elif _BLOCK.search(effect.sql):
            yield _UNREADABLE.objection(large=Severity.WARNING, small=None, operation=step.position)


def find_held_locks(subject: Subject) -> Iterator[Objection]:
    """Find what blocks nobody by itself, but does so while the lock of a statement before is held."""
    locked: set[str] = set()
    for step, effect in subject.effects():
        for table in sorted(locked & {*effect.scans}):
            if effect.kind is StatementKind.VALIDATE and table not in subject.new_tables:
                yield _error(_VALIDATED_TOO_EARLY, step, table)
        if subject.migration.atomic:
            locked |= {lock.table for lock in _blocking(effect)}


def _error(rule: Rule, step: Step, table: str = "") -> Objection:
    return rule.objection(large=Severity.ERROR, small=None, operation=step.position, table=table)


def _objection(step: Step, effect: Effect, table: str) -> Objection:
    is_rewrite = table in effect.rewrites
    rule = None if step.is_raw or is_rewrite else _ONLY_PLAIN_MIGRATE.get(effect.kind)
    severity = Severity.WARNING if rule else Severity.ERROR
    rule = rule or _rule_without_safe_way(effect, is_rewrite=is_rewrite)
    return rule.objection(large=severity, small=None, operation=step.position, table=table)


def _rule_without_safe_way(effect: Effect, *, is_rewrite: bool) -> Rule:
    if effect.kind is StatementKind.ADD_COLUMN and not is_rewrite:
        return _COLUMN_READS_TABLE
    if effect.kind is StatementKind.ADD_COLUMN and " STORED" in effect.sql.upper():
        return _GENERATED
    if effect.kind is StatementKind.ALTER_TYPE and not is_rewrite:
        return _CHECKED_AGAIN
    return _ALWAYS.get(effect.kind, _OTHER)


def _blocked_tables(effect: Effect) -> Iterator[str]:
    """Yield the tables that are read or written wholly while writers wait."""
    yield from sorted({lock.table for lock in _blocking(effect)} & {*effect.scans, *effect.rewrites})


def _blocking(effect: Effect) -> list[TableLock]:
    return [lock for lock in effect.locks if lock.mode.blocks_writes]
