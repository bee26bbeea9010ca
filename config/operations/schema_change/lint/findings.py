"""What the linter says: a finding, and the objection of one rule that it is made of."""

import enum
from collections.abc import Collection
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _


class Severity(enum.StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One risk in one migration.

    `operation` counts from 0 and is None for what concerns the whole file. `accepted` is the reason that the
    file gives for taking the risk.
    """

    rule: str
    severity: Severity
    migration: str
    operation: int | None
    table: str
    why: str
    safe_form: str
    accepted: str | None = None


@dataclass(frozen=True, kw_only=True)
class Objection:
    """What a rule objects to, before anybody has asked how large the table is.

    `large` and `small` are the severities on tables of that size; None stands for no finding. An acceptance
    holds for both: on the small database of a developer it is not needless.
    """

    rule: str
    large: Severity | None
    small: Severity | None
    why: str
    safe_form: str
    operation: int | None = None
    table: str = ""

    def severity(self, *, is_large: bool) -> Severity | None:
        return self.large if is_large else self.small


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What one rule says, in the reader's language: `why` in a sentence, `safe_form` in a line or two.

    Both may name the table, and what else the rule fills in.
    """

    id: str
    why: str | Promise
    safe_form: str | Promise

    def objection(
        self,
        *,
        large: Severity | None,
        small: Severity | None,
        operation: int | None = None,
        table: str = "",
        **facts: str,
    ) -> Objection:
        facts = {"table": table or _("the table"), **facts}
        return Objection(
            rule=self.id,
            large=large,
            small=small,
            operation=operation,
            table=table,
            why=str(self.why) % facts,
            safe_form=str(self.safe_form) % facts,
        )


def open_errors(findings: Collection[Finding]) -> list[Finding]:
    """Return what keeps a migration from being deployed: errors that nobody has accepted."""
    return [each for each in findings if each.severity is Severity.ERROR and each.accepted is None]
