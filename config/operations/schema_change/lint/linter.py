"""Says of migrations, before they run, what would go wrong on a database in use.

The rules are in the files beside this one; each says in its docstring what it takes for safe. How grave a
finding is depends on the size of the table: see Objection.
"""

from collections.abc import Callable, Iterator, Mapping

from config.operations.schema_change.effects import StatementKind
from config.operations.schema_change.lint import squawk
from config.operations.schema_change.lint.acceptance import (
    accepted_reason,
    find_wrong_acceptances,
    read_acceptances,
)
from config.operations.schema_change.lint.findings import Finding, Objection
from config.operations.schema_change.lint.offline import offline_connection
from config.operations.schema_change.lint.rules import code, locks, releases, reversal, rows, transactions
from config.operations.schema_change.lint.selection import Selection, filled_models, full_name, select_plan
from config.operations.schema_change.lint.subjects import Subject, read_subject
from config.operations.schema_change.planning import Plan
from config.operations.schema_change.sizes import TableSize

RULES: tuple[Callable[[Subject], Iterator[Objection]], ...] = (
    code.find,
    reversal.find,
    releases.find,
    locks.find,
    locks.find_held_locks,
    locks.find_beyond_tables,
    rows.find_unbounded,
    rows.find_mixed,
    transactions.find,
    squawk.find,
)


def lint(*, plan: Plan, sizes: Mapping[str, TableSize]) -> tuple[Finding, ...]:
    """Return what there is to say of the migrations that a plan applies."""
    return lint_selection(selection=select_plan(plan=plan, sizes=sizes))


def lint_selection(*, selection: Selection) -> tuple[Finding, ...]:
    connection, findings = offline_connection(), list[Finding]()
    state, filled = selection.state, selection.filled
    sizes, in_use = selection.sizes, None if selection.sizes is None else state
    for migration in selection.migrations:
        if selection.only is not None and full_name(migration) not in selection.only:
            state = migration.mutate_state(state)
        else:
            subject, state = read_subject(
                migration=migration, before=state, in_use=in_use, filled=filled, connection=connection
            )
            sizes = sizes and _with_new_names(sizes, subject)
            findings += _lint_one(subject, sizes)
        filled |= {*filled_models(migration)}
    return tuple(findings)


def _lint_one(subject: Subject, sizes: Mapping[str, TableSize] | None) -> Iterator[Finding]:
    acceptances = read_acceptances(migration=subject.migration)
    objections = _distinct(objection for rule in RULES for objection in rule(subject))
    wrong = find_wrong_acceptances(acceptances=acceptances, objections=objections)
    for objection in (*objections, *wrong):
        severity = objection.severity(is_large=_is_large(objection.table, sizes))
        if severity is not None:
            yield Finding(
                rule=objection.rule,
                severity=severity,
                migration=subject.name,
                operation=objection.operation,
                table=objection.table,
                why=objection.why,
                safe_form=objection.safe_form,
                accepted=accepted_reason(objection.rule, acceptances),
            )


def _with_new_names(sizes: Mapping[str, TableSize], subject: Subject) -> Mapping[str, TableSize]:
    """Return the sizes also under the names that the migration gives."""
    new_names = {
        effect.new_name: sizes[effect.table]
        for _step, effect in subject.effects()
        if effect.kind is StatementKind.RENAME_TABLE and effect.table in sizes
    }
    return {**sizes, **new_names}


def _is_large(table: str, sizes: Mapping[str, TableSize] | None) -> bool:
    if sizes is None:
        return True
    if not table:  # Only running it would tell which table it is.
        return any(size.is_large for size in sizes.values())
    return table in sizes and sizes[table].is_large


def _distinct(objections: Iterator[Objection]) -> list[Objection]:
    """Return one objection of a rule to an operation and a table, in the order of the operations."""
    first: dict[tuple[str, int | None, str], Objection] = {}
    for objection in objections:
        first.setdefault((objection.rule, objection.operation, objection.table), objection)
    return sorted(
        first.values(), key=lambda objection: -1 if objection.operation is None else objection.operation
    )
