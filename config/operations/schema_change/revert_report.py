"""What `revert` would do and has done, for a terminal and for programs."""

from collections.abc import Iterator
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.operations.schema_change.attic_effects import Loss
from config.operations.schema_change.deploy_report import (
    conclusion_facts,
    describe_conclusion,
    describe_outcomes,
    outcome_facts,
)
from config.operations.schema_change.reverting import Revert, RevertPreview
from config.operations.schema_change.way_back import Checkpoint
from config.operations.schema_change.wording import describe_reverted


def describe_preview(*, preview: RevertPreview) -> Iterator[str]:
    for migration in preview.plan.migrations:
        yield _("Would take back %(migration)s:") % {"migration": migration.name}
        for operation in migration.operations:
            yield f"  {describe_reverted(operation=operation.operation)}"
    for loss in preview.effects.losses:
        yield _describe_loss(loss)
    for entry in preview.effects.returns:
        at = f"{timezone.localtime(entry.at):%Y-%m-%d %H:%M}"
        yield _("Comes back from the attic: %(place)s, dropped %(at)s") % {"place": entry.place, "at": at}


def describe_revert(*, revert: Revert) -> Iterator[str]:
    yield from describe_outcomes(outcomes=revert.outcomes)
    if revert.backup:
        yield _("Backup before: %(name)s") % {"name": revert.backup}
    yield from describe_conclusion(conclusion=revert.conclusion)
    if revert.preview.effects.losses:
        yield _("What was dropped is in the attic, and comes back when the migration is applied again.")
    if revert.conclusion.pending:
        yield _("→ Check out the release that belongs to this schema, or apply them again: migrate_safely")


def describe_checkpoint(*, checkpoint: Checkpoint) -> str:
    return _("%(key)s  %(at)s  %(operator)s  %(result)s: %(migrations)s") % {
        "key": checkpoint.key,
        "at": f"{timezone.localtime(checkpoint.started_at):%Y-%m-%d %H:%M}",
        "operator": checkpoint.operator,
        "result": checkpoint.result,
        "migrations": ", ".join(checkpoint.migrations) or _("nothing left to take back"),
    }


def preview_facts(*, preview: RevertPreview) -> dict[str, Any]:
    return {
        "plan": preview.plan.fingerprint,
        "migrations": [
            {
                "name": migration.name,
                "way": migration.way.value,
                "operations": [describe_reverted(operation=each.operation) for each in migration.operations],
            }
            for migration in preview.plan.migrations
        ],
        "to_attic": [
            {"table": loss.place.table, "column": loss.place.column, "count": loss.count}
            for loss in preview.effects.losses
        ],
        "from_attic": [
            {"table": entry.place.table, "column": entry.place.column, "at": entry.at.isoformat()}
            for entry in preview.effects.returns
        ],
    }


def revert_facts(*, revert: Revert) -> dict[str, Any]:
    return {
        **preview_facts(preview=revert.preview),
        "backup": revert.backup,
        "migrations": [outcome_facts(outcome=outcome) for outcome in revert.outcomes],
        **conclusion_facts(conclusion=revert.conclusion),
        "seconds": revert.seconds,
    }


def checkpoint_facts(*, checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "deploy": checkpoint.key,
        "started_at": checkpoint.started_at.isoformat(),
        "operator": checkpoint.operator,
        "result": checkpoint.result,
        "migrations": list(checkpoint.migrations),
    }


def _describe_loss(loss: Loss) -> str:
    sentence = (
        ngettext(
            "Goes to the attic: the column %(place)s, with %(count)d value",
            "Goes to the attic: the column %(place)s, with %(count)d values",
            loss.count,
        )
        if loss.place.column
        else ngettext(
            "Goes to the attic: the table %(place)s, with %(count)d row",
            "Goes to the attic: the table %(place)s, with %(count)d rows",
            loss.count,
        )
    )
    return sentence % {"place": loss.place, "count": loss.count}
