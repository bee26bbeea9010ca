"""A preview in the three forms it is asked for: for a terminal, for a pull request, for programs."""

from collections.abc import Iterator
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.operations.models import Direction, Way
from config.operations.schema_change.lint.findings import Finding, Severity
from config.operations.schema_change.planning import PlannedOperation
from config.operations.schema_change.preview import Expectation, LockedTable, MigrationPreview, Preview


def describe_preview(*, preview: Preview) -> Iterator[str]:
    """Yield the lines for a terminal."""
    if not preview.migrations:
        yield _("Nothing is pending.")
        return
    for migration in preview.migrations:
        yield from _describe(migration)
        yield ""
    yield _describe_rehearsal(preview)
    yield _("Plan %(plan)s") % {"plan": preview.plan}


def preview_markdown(*, preview: Preview) -> str:
    """Return what a pull request can hold."""
    parts = ["## " + _("Plan %(plan)s") % {"plan": preview.plan}, ""]
    if not preview.migrations:
        return "\n".join([*parts, _("Nothing is pending.")])
    parts.append(_row([_("migration"), _("way"), _("locks"), _("reversible"), _("expected"), _("findings")]))
    parts.append(_row(["---"] * 6))
    parts += [_markdown_row(migration) for migration in preview.migrations]
    for migration in preview.migrations:
        parts += ["", f"### {migration.name}", "", *_markdown_details(migration)]
    return "\n".join([*parts, "", _describe_rehearsal(preview)])


def preview_facts(*, preview: Preview) -> dict[str, Any]:
    """Return the preview in words for programs."""
    return {
        "plan": preview.plan,
        "rehearsed_at": preview.rehearsal.at.isoformat() if preview.rehearsal else None,
        "rehearsal_passed": preview.rehearsal.passed if preview.rehearsal else None,
        "migrations": [_facts(migration) for migration in preview.migrations],
    }


def finding_facts(*, finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "migration": finding.migration,
        "operation": finding.operation,
        "table": finding.table,
        "why": finding.why,
        "safe_form": finding.safe_form,
        "accepted": finding.accepted,
    }


def _describe(migration: MigrationPreview) -> Iterator[str]:
    direction = "" if migration.direction == Direction.APPLY else f" ({Direction.REVERT.label})"
    way, expected = Way(migration.way).label, _describe_expected(migration.expected)
    yield f"{migration.name}{direction} — {way}, {expected}"
    for operation in migration.operations:
        yield f"  {operation.position + 1}. {operation.description}"
        for line in _sql(operation):
            yield f"       {line}"
    for lock in migration.locks:
        yield "  " + _("Lock: %(lock)s") % {"lock": _describe_lock(lock)}
    yield f"  {_describe_reverse(migration)}"
    for finding in migration.findings:
        yield from _describe_finding(finding)


def _sql(operation: PlannedOperation) -> Iterator[str]:
    for statement in operation.statements:
        yield from f"{statement.sql.strip().rstrip(';')};".splitlines()
    if operation.is_opaque:
        yield _("(what it executes is known only when it runs)")


def _describe_lock(lock: LockedTable) -> str:
    mode = lock.mode.name.replace("_", " ")
    if lock.size is None:
        return _("%(table)s %(mode)s (new)") % {"table": lock.table, "mode": mode}
    rows = ngettext("%(rows)s row", "%(rows)s rows", lock.size.rows) % {"rows": f"{lock.size.rows:,}"}
    return f"{lock.table} {mode} ({rows}, {filesizeformat(lock.size.bytes)})"


def _describe_reverse(migration: MigrationPreview) -> str:
    if not migration.is_reversible:
        return _("Cannot be taken back: only restore leads back.")
    if migration.loses:
        return _("Can be taken back. Then gone to the attic: %(what)s") % {"what": ", ".join(migration.loses)}
    return _("Can be taken back.")


def _describe_finding(finding: Finding) -> Iterator[str]:
    mark = "✗" if finding.severity is Severity.ERROR else "!"
    if finding.accepted is not None:
        accepted = _("accepted because %(reason)s") % {"reason": finding.accepted}
        yield f"  ✓ {finding.rule}: {finding.why} ({accepted})"
        return
    yield f"  {mark} {finding.rule}: {finding.why}"
    for line in finding.safe_form.splitlines():
        yield f"      → {line}"


def _describe_expected(expected: Expectation | None) -> str:
    if expected is None:
        return _("not rehearsed")
    words = _("%(seconds).1f s in the rehearsal") if expected.is_rehearsed else _("%(seconds).1f s last time")
    return words % {"seconds": expected.seconds}


def _describe_rehearsal(preview: Preview) -> str:
    if preview.rehearsal is None:
        return _("This plan has not been rehearsed. → manage.py rehearse")
    words = {"at": f"{preview.rehearsal.at:%Y-%m-%d %H:%M}", "backup": preview.rehearsal.backup}
    if preview.rehearsal.passed:
        return _("Rehearsed on %(at)s with the backup %(backup)s: passed.") % words
    return _("Rehearsed on %(at)s with the backup %(backup)s: failed. → manage.py rehearse") % words


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _markdown_row(migration: MigrationPreview) -> str:
    locks = "<br>".join(_describe_lock(lock) for lock in migration.locks)
    findings = "<br>".join(f"{finding.severity.value}: {finding.rule}" for finding in migration.findings)
    reversible = _("yes") if migration.is_reversible else _("no")
    expected = _describe_expected(migration.expected)
    return _row([migration.name, str(Way(migration.way).label), locks, reversible, expected, findings])


def _markdown_details(migration: MigrationPreview) -> Iterator[str]:
    for operation in migration.operations:
        yield f"{operation.position + 1}. {operation.description}"
        if sql := list(_sql(operation)):
            yield ""
            yield from ("   ```sql", *(f"   {line}" for line in sql), "   ```")
    yield ""
    yield f"- {_describe_reverse(migration)}"
    for finding in migration.findings:
        first, *rest = [line.strip() for line in _describe_finding(finding)]
        yield f"- {first}"
        yield from (f"  `{line}`" for line in rest)


def _facts(migration: MigrationPreview) -> dict[str, Any]:
    return {
        "name": migration.name,
        "direction": migration.direction.value,
        "way": migration.way.value,
        "operations": [_operation_facts(operation) for operation in migration.operations],
        "locks": [
            {
                "table": lock.table,
                "mode": lock.mode.name,
                "rows": lock.size.rows if lock.size else None,
                "bytes": lock.size.bytes if lock.size else None,
            }
            for lock in migration.locks
        ],
        "reversible": migration.is_reversible,
        "reverse_drops": list(migration.loses),
        "findings": [finding_facts(finding=finding) for finding in migration.findings],
        "expected_seconds": migration.expected.seconds if migration.expected else None,
        "expected_from_rehearsal": migration.expected.is_rehearsed if migration.expected else None,
    }


def _operation_facts(operation: PlannedOperation) -> dict[str, Any]:
    return {
        "description": operation.description,
        "sql": [statement.sql for statement in operation.statements],
        "opaque": operation.is_opaque,
        "reversible": operation.is_reversible,
    }
