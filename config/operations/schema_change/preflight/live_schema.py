"""Whether the live schema is the one that the migrations build, and all of it in force."""

from collections.abc import Sequence

import psycopg
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.cluster import ClusterError
from config.operations.integrity import INVALID_INDEXES, UNVALIDATED_CONSTRAINTS
from config.operations.maintenance import MaintenanceRunning
from config.operations.postgres import ProgramFailed, ProgramMissing
from config.operations.schema_change.drift import DriftDifference, Kind, find_drift
from config.operations.schema_change.expected_schema import UnableToBuild
from config.operations.schema_change.preflight.remarks import (
    Circumstances,
    Remark,
    Remarks,
    failed_where_strict,
    fine,
    warning,
)

_CONTINUE = "manage.py migrate_safely"
_UNABLE = (
    ClusterError,
    MaintenanceRunning,
    OSError,
    ProgramFailed,
    ProgramMissing,
    UnableToBuild,
    psycopg.Error,
)
# Each has an item of its own.
_SAID_ELSEWHERE = (Kind.INVALID, Kind.UNVALIDATED)


def check_drift(circumstances: Circumstances) -> Remarks:
    try:
        found = find_drift(
            alias=circumstances.alias,
            folder=circumstances.folder,
            now=circumstances.now,
            progress=circumstances.progress,
        )
    except _UNABLE as error:
        yield failed_where_strict(
            circumstances,
            _("The live schema could not be compared with the migrations: %(reason)s") % {"reason": error},
            _("Mend the cause, then repeat: manage.py preflight"),
        )
        return
    differences = [each for each in found if each.kind not in _SAID_ELSEWHERE]
    if not differences:
        yield fine(_("as the applied migrations build it"))
    elif circumstances.is_interrupted:
        yield warning(
            _("The live schema is on its way to a migration that was interrupted."),
            _("Continue it: %(command)s") % {"command": _CONTINUE},
            details=_details(differences),
        )
    else:
        yield _drifted(circumstances, differences)


def _drifted(circumstances: Circumstances, differences: Sequence[DriftDifference]) -> Remark:
    sentence = ngettext(
        "The live schema differs from the migrations in %(count)d object (- database, + migrations):",
        "The live schema differs from the migrations in %(count)d objects (- database, + migrations):",
        len(differences),
    ) % {"count": len(differences)}
    remedy = _("Type the statements in “manage.py dbshell --database owner”, or write a migration for it.")
    details = _details(differences)
    # Another schema in the same database may be somebody's on purpose.
    if all(each.title.startswith("SCHEMA ") and each.kind is Kind.EXTRA for each in differences):
        return warning(sentence, remedy, details=details)
    return failed_where_strict(circumstances, sentence, remedy, details=details)


def _details(differences: Sequence[DriftDifference]) -> list[str]:
    words = {
        Kind.MISSING: _("missing"),
        Kind.EXTRA: _("too much"),
        Kind.CHANGED: _("changed"),
        Kind.DISABLED: _("disabled"),
        Kind.INVALID: _("invalid"),
        Kind.UNVALIDATED: _("not validated"),
    }
    lines: list[str] = []
    for each in differences:
        lines += [f"{each.title}: {words[each.kind]}", *(f"  {line}" for line in each.lines)]
        lines += [f"  → {line}" for statement in each.statements for line in statement.splitlines()]
    return lines


def check_indexes(circumstances: Circumstances) -> Remarks:
    found = circumstances.rows(INVALID_INDEXES)
    for table, name, _is_partitioned, is_leftover in found:
        sentence = _("The index %(name)s of %(table)s is invalid: its building was interrupted.")
        statement = f"{'DROP' if is_leftover else 'REINDEX'} INDEX CONCURRENTLY {name}"
        yield _incomplete(circumstances, sentence % {"name": name, "table": table}, statement)
    if not found:
        yield fine(_("all valid"))


def check_constraints(circumstances: Circumstances) -> Remarks:
    found = circumstances.rows(UNVALIDATED_CONSTRAINTS)
    for table, name in found:
        sentence = _("The constraint %(name)s of %(table)s has not been validated: old rows may break it.")
        statement = f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"
        yield _incomplete(circumstances, sentence % {"name": name, "table": table}, statement)
    if not found:
        yield fine(_("all validated"))


def _incomplete(circumstances: Circumstances, sentence: str, statement: str) -> Remark:
    if circumstances.is_interrupted:
        return warning(sentence, _("Continue it: %(command)s") % {"command": _CONTINUE})
    repair = "manage.py verify_integrity --fix --apply"
    return failed_where_strict(
        circumstances,
        sentence,
        _("Mend it: %(command)s; or type: %(statement)s") % {"command": repair, "statement": statement},
    )
