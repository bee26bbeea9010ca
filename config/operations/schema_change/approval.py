"""Whether somebody has approved what is about to run, and exactly that."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from config.operations.schema_change.planning import Plan

SHOWN_CHARACTERS = 12  # Of a fingerprint: enough to tell two plans of one database apart.


class NotApproved(Exception):
    """What would run was not approved; the message says what to type."""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """`plan` is the fingerprint that the approver has seen, or its first characters."""

    approver: str = ""
    plan: str = ""


NO_APPROVAL = Approval()


def shown_fingerprint(*, plan: Plan) -> str:
    return plan.fingerprint[:SHOWN_CHARACTERS]


def require_approval(*, plan: Plan, approval: Approval) -> None:
    """Refuse what nobody has approved in production, and anywhere what was approved for another plan."""
    words = {"plan": shown_fingerprint(plan=plan), "approved": approval.plan}
    if approval.plan and not _is_for(plan, approval.plan):
        raise NotApproved(
            _(
                "The approval is for the plan %(approved)s, but what would run now is the plan %(plan)s.\n"
                "→ Look at it and have it approved again: manage.py migrate_safely --check-only"
            )
            % words
        )
    if settings.ENVIRONMENT == "production" and not (approval.approver and approval.plan):
        raise NotApproved(
            _(
                "In production somebody has to approve the plan that will run.\n"
                "→ Show it: manage.py migrate_safely --check-only\n"
                "→ Then: manage.py migrate_safely --approved-by NAME --plan %(plan)s"
            )
            % words
        )


def _is_for(plan: Plan, approved: str) -> bool:
    return len(approved) >= SHOWN_CHARACTERS and plan.fingerprint.startswith(approved.lower())
