"""What a rehearsal has shown, for a terminal and for programs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from config.operations.models import Way
from config.operations.schema_change.approval import shown_fingerprint
from config.operations.schema_change.observation import Observation, ObservedLock

if TYPE_CHECKING:
    from config.operations.schema_change.rehearsal import RehearsedPlan


def describe_rehearsal(*, rehearsed: "RehearsedPlan") -> Iterator[str]:
    if not rehearsed.plan.migrations:
        yield _("Nothing is pending in the backup %(name)s.") % {"name": rehearsed.backup.id}
        return
    yield _("Plan %(plan)s on the backup %(name)s") % {
        "plan": shown_fingerprint(plan=rehearsed.plan),
        "name": rehearsed.backup.id,
    }
    back = {each.outcome.name: each for each in rehearsed.backwards}
    again = {each.outcome.name: each for each in rehearsed.again}
    for observation in rehearsed.forwards:
        name = observation.outcome.name
        yield from _describe(observation, back.get(name), again.get(name))
    for remark in rehearsed.remarks:
        yield f"! {remark}"
    for problem in rehearsed.problems:
        yield f"✗ {problem}"
    if rehearsed.passed:
        yield _("Passed: forwards, back and forwards again.") if rehearsed.again else _("Passed forwards.")


def rehearsal_facts(*, rehearsed: "RehearsedPlan") -> dict[str, Any]:
    back = {each.outcome.name: each for each in rehearsed.backwards}
    again = {each.outcome.name: each for each in rehearsed.again}
    return {
        "plan": rehearsed.plan.fingerprint,
        "backup": rehearsed.backup.id,
        "passed": rehearsed.passed,
        "problems": list(rehearsed.problems),
        "remarks": list(rehearsed.remarks),
        "migrations": [
            {
                **_facts(each),
                "reverted": _facts(back[each.outcome.name]) if each.outcome.name in back else None,
                "again": _facts(again[each.outcome.name]) if each.outcome.name in again else None,
            }
            for each in rehearsed.forwards
        ],
        "seconds": rehearsed.seconds,
    }


def _describe(forwards: Observation, back: Observation | None, again: Observation | None) -> Iterator[str]:
    words = [_("%(seconds).2f s") % {"seconds": forwards.outcome.seconds}]
    if back is not None:
        words.append(_("back %(seconds).2f s") % {"seconds": back.outcome.seconds})
    if again is not None:
        words.append(_("again %(seconds).2f s") % {"seconds": again.outcome.seconds})
    words.append(_("%(size)s written") % {"size": filesizeformat(forwards.written)})
    yield f"{forwards.outcome.name} — {Way(forwards.outcome.way).label}: {', '.join(words)}"
    for lock in forwards.locks:
        yield f"  {_describe_lock(lock)}"


def _describe_lock(lock: ObservedLock) -> str:
    facts = {"table": lock.table, "mode": lock.mode.name.replace("_", " "), "seconds": lock.seconds}
    return _("%(table)s %(mode)s for %(seconds).3f s") % facts


def _facts(observation: Observation) -> dict[str, Any]:
    outcome = observation.outcome
    return {
        "name": outcome.name,
        "way": outcome.way.value,
        "seconds": outcome.seconds,
        "attempts": outcome.attempts,
        "written_bytes": observation.written,
        "locks": [
            {"table": lock.table, "mode": lock.mode.name, "seconds": lock.seconds}
            for lock in observation.locks
        ],
    }
