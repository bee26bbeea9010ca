"""Risks that a migration takes on purpose: `# lint: accept <rule> because <reason>`, anywhere in its file."""

import re
import sys
import tokenize
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.migrations import Migration
from django.utils.translation import gettext_lazy as _

from config.operations.schema_change.lint.findings import Objection, Rule, Severity

_COMMENT = re.compile(r"#\s*lint:\s*(?P<order>.*)")
_ORDER = re.compile(r"accept\s+(?P<rule>[\w-]+)(?:\s+because\s+(?P<reason>\S.*))?")
_UNEXPLAINED = Rule(
    id="unexplained-acceptance",
    why=_("A risk is accepted for a reason; “%(comment)s” gives none that can be read."),
    safe_form=_("# lint: accept %(accepted)s because …"),
)
_NEEDLESS = Rule(
    id="needless-acceptance",
    why=_("Nothing here needs the acceptance of %(accepted)s; the next reader would look for a risk."),
    safe_form=_("Take the comment out."),
)


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """A comment as it stands in the file; without a rule or a reason it accepts nothing."""

    comment: str
    rule: str
    reason: str


def read_acceptances(*, migration: Migration) -> tuple[Acceptance, ...]:
    file = getattr(sys.modules.get(type(migration).__module__), "__file__", None)
    return tuple(_read(Path(file))) if file else ()


def find_wrong_acceptances(
    *, acceptances: Collection[Acceptance], objections: Collection[Objection]
) -> Iterator[Objection]:
    rules = {objection.rule for objection in objections}
    for acceptance in acceptances:
        if not acceptance.reason:
            yield _objection(_UNEXPLAINED, acceptance)
        elif acceptance.rule not in rules:
            yield _objection(_NEEDLESS, acceptance)


def accepted_reason(rule: str, acceptances: Collection[Acceptance]) -> str | None:
    return next((each.reason for each in acceptances if each.rule == rule and each.reason), None)


def _read(file: Path) -> Iterator[Acceptance]:
    with file.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            comment = _COMMENT.fullmatch(token.string) if token.type == tokenize.COMMENT else None
            if comment is not None:
                order = _ORDER.fullmatch(comment["order"].strip())
                yield Acceptance(
                    comment=token.string,
                    rule=order["rule"] if order else "",
                    reason=(order["reason"] if order else None) or "",
                )


def _objection(rule: Rule, acceptance: Acceptance) -> Objection:
    return rule.objection(
        large=Severity.ERROR,
        small=Severity.ERROR,
        comment=acceptance.comment,
        accepted=acceptance.rule or "<rule>",
    )
