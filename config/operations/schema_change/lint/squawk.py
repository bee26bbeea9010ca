"""squawk, a linter of SQL, on the SQL that Django emits. It knows neither sizes nor what the executor does.

So most of what it says is either ours to say better, or made safe by the executor: SWITCHED_OFF has the
reason for each of its rules that is not asked. What is left is reported as `squawk-<its rule>`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.cluster import OLDEST_MAJOR
from config.operations.schema_change.lint.findings import Objection, Rule, Severity
from config.operations.schema_change.lint.subjects import Subject

SWITCHED_OFF = {
    "require-lock-timeout": "The executor sets it for every statement, and retries.",
    "require-statement-timeout": "The executor bounds a deploy by its patience.",
    "prefer-robust-stmts": "The executor knows which steps are done; IF NOT EXISTS would hide half-done "
    "ones.",
    "require-concurrent-index-creation": "blocking-index knows the size, and what the executor builds "
    "itself.",
    "constraint-missing-not-valid": "blocking-constraint knows the size, and what the executor validates "
    "apart.",
    "disallowed-unique-constraint": "blocking-constraint, for the same reason.",
    "adding-foreign-key-constraint": "blocking-constraint, for the same reason.",
    "adding-not-nullable-field": "blocking-not-null, for the same reason.",
    "adding-serial-primary-key-field": "column-scans-table and column-rewrites-table know the size.",
    "adding-field-with-default": "column-rewrites-table knows which defaults differ from row to row.",
    "changing-column-type": "type-change-rewrites knows the old type, and so whether anything is rewritten.",
    "require-concurrent-reindex": "blocking-statement knows the size.",
    "renaming-column": "rename-in-use knows what the models of the release before read.",
    "renaming-table": "rename-in-use, for the same reason.",
    "ban-set-schema": "rename-in-use, for the same reason.",
    "ban-drop-column": "drop-in-use knows what the models of the release before read.",
    "ban-drop-table": "drop-in-use, for the same reason.",
    "ban-drop-default": "default-in-use knows it from the default that Django takes away after it has "
    "filled rows.",
    "adding-required-field": "required-column asks the models, which tell apart what fills itself.",
    "ban-drop-not-null": "No code that ran before writes NULL there, and it is the way back from NOT NULL.",
    "ban-drop-constraint": "To allow more is safe for the data that are there, and part of changing any "
    "rule.",
    "ban-drop-function": "Our triggers have their functions to themselves, and a migration changes both.",
    "require-concurrent-index-deletion": "The lock is short, and the executor does not queue for it.",
    "ban-concurrent-index-creation-in-transaction": "concurrently-in-transaction sees Django's operations "
    "as well.",
    "transaction-nesting": "ends-transaction sees Python code as well.",
    "ban-uncommitted-transaction": "ends-transaction has said it already.",
    "renaming-object": "No query names an index or a constraint; tables and columns have rename-in-use.",
    "require-concurrent-partition-detach": "The lock is short, and no table of ours has partitions.",
    "require-enum-value-ordering": "The order of the values is a matter of the model, seen in its review.",
    "prefer-bigint-over-int": "A matter of the model, seen in its review; no lock depends on it.",
    "prefer-bigint-over-smallint": "The same.",
    "prefer-identity": "The same.",
    "prefer-text-field": "The same; a longer varchar is no rewrite any more.",
}
# Off unless asked for. A trigger that is switched off keeps no audit trail.
_SWITCHED_ON = ("ban-disable-trigger",)
_LONGEST_RUN_SECONDS = 30
_STILL_USED = (
    "ban-drop-view",
    "ban-drop-type",
    "ban-drop-schema",
    "ban-drop-sequence",
    "ban-drop-domain",
    "ban-drop-extension",
    "ban-drop-generated-expression",
    "ban-alter-identity",
)
_DOMAINS = ("ban-create-domain-with-constraint", "ban-alter-domain-with-add-constraint")
_RULES = {
    **{
        name: Rule(
            id=f"squawk-{name}",
            why=gettext_lazy("The code that is running while this is applied may still need it."),
            safe_form=gettext_lazy("Make sure that no release needs it any more, then accept this finding."),
        )
        for name in _STILL_USED
    },
    **{
        name: Rule(
            id=f"squawk-{name}",
            why=gettext_lazy("A rule of a domain holds for all its columns, and cannot be changed for one."),
            safe_form=gettext_lazy("Give the column a CHECK of its own."),
        )
        for name in _DOMAINS
    },
    "ban-duplicate-column-assignments": Rule(
        id="squawk-ban-duplicate-column-assignments",
        why=gettext_lazy("The statement gives one column two values, which PostgreSQL refuses."),
        safe_form=gettext_lazy("Leave one of them."),
    ),
    "ban-disable-trigger": Rule(
        id="squawk-ban-disable-trigger",
        why=gettext_lazy(
            "While a trigger is switched off, neither the rules of the data nor the audit trail hold."
        ),
        safe_form=gettext_lazy("Write rows that the trigger accepts, and leave it on."),
    ),
    "ban-truncate-cascade": Rule(
        id="squawk-ban-truncate-cascade",
        why=gettext_lazy("CASCADE empties every table that refers to this one, without naming any of them."),
        safe_form=gettext_lazy("Name each table: TRUNCATE first_table, second_table"),
    ),
    "ban-drop-database": Rule(
        id="squawk-ban-drop-database",
        why=gettext_lazy("A migration changes a database; it does not drop one."),
        safe_form=gettext_lazy("Leave it out."),
    ),
    "ban-char-field": Rule(
        id="squawk-ban-char-field",
        why=gettext_lazy("The type character pads with blanks, which then take part in comparisons."),
        safe_form="text, varchar(…)",
    ),
    "prefer-timestamp-tz": Rule(
        id="squawk-prefer-timestamp-tz",
        why=gettext_lazy("The type timestamp forgets the time zone; Django stores moments with it."),
        safe_form="timestamp with time zone",
    ),
    "identifier-too-long": Rule(
        id="squawk-identifier-too-long",
        why=gettext_lazy("PostgreSQL cuts names off after 63 bytes, without a word."),
        safe_form=gettext_lazy("Give it a shorter name."),
    ),
    "syntax-error": Rule(
        id="squawk-syntax-error",
        why=gettext_lazy("squawk cannot read this SQL: %(message)s."),
        safe_form=gettext_lazy("Run it once against PostgreSQL; if that can read it, accept this finding."),
    ),
}
_ERRORS = frozenset(
    {"ban-disable-trigger", "ban-truncate-cascade", "ban-drop-database", "ban-duplicate-column-assignments"}
)


class SquawkFailed(Exception):
    """squawk is not installed, or does not do what it should; the message ends with the next command."""


def find(subject: Subject) -> Iterator[Objection]:
    lines: list[str] = []
    positions: list[int] = []
    for step in subject.steps:
        for sql in step.sql:
            # A risk is accepted in the migration, with its reason, and not by a comment in the SQL.
            new = f"{sql.rstrip().removesuffix(';')};".replace("squawk-ignore", "").splitlines()
            lines += new
            positions += [step.position] * len(new)
    if lines:
        for violation in _run("\n".join(lines), in_transaction=subject.migration.atomic):
            yield _objection(violation, positions[min(violation["line"], len(positions) - 1)])


def _objection(violation: dict[str, Any], position: int) -> Objection:
    name = violation["rule_name"]
    severity = Severity.ERROR if name in _ERRORS else Severity.WARNING
    # A rule of a newer squawk speaks in its own words.
    rule = _RULES.get(name) or Rule(id=f"squawk-{name}", why="%(message)s", safe_form="%(help)s")
    facts = {"message": violation["message"].rstrip("."), "help": violation["help"] or ""}
    return rule.objection(large=severity, small=severity, operation=position, **facts)


def _run(sql: str, *, in_transaction: bool) -> list[dict[str, Any]]:
    command = [
        str(_program()),
        "--reporter=json",
        f"--pg-version={OLDEST_MAJOR}",
        f"--exclude={','.join(SWITCHED_OFF)}",
        f"--include={','.join(_SWITCHED_ON)}",
        *(["--assume-in-transaction"] if in_transaction else []),
    ]
    try:
        run = subprocess.run(
            command, input=sql, capture_output=True, text=True, timeout=_LONGEST_RUN_SECONDS, check=False
        )
        violations: list[dict[str, Any]] = json.loads(run.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise SquawkFailed(
            _("squawk, the linter of SQL, cannot be run: %(words)s\n→ Install it: make setup")
            % {"words": error}
        ) from error
    return violations


def _program() -> Path:
    """Return where pip puts it: beside the Python that runs us."""
    return Path(sys.executable).parent / "squawk"
