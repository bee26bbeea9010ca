"""What a pruning and its plan look like: lines for a terminal, plain values for a machine."""

from collections.abc import Iterator
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from config.operations.expired_databases import ExpiredDatabases
from config.operations.neighbours import KeptDatabase
from config.operations.pruning import Pruning
from config.operations.restore_report import kept_facts
from config.operations.retention import Decision


def describe_decision(*, decision: Decision) -> str:
    sentence = _("keep    %(name)s: %(why)s") if decision.keeps else _("delete  %(name)s: %(why)s")
    return sentence % {"name": decision.backup.name, "why": decision.reason.label}


def describe_expired(*, kept: KeptDatabase) -> str:
    day = date_format(timezone.localtime(kept.replaced_at), "Y-m-d")
    sentence = _("delete  the database %(name)s: replaced by a restore on %(day)s (%(size)s)")
    return sentence % {"name": kept.name, "day": day, "size": filesizeformat(kept.size)}


def describe_loss(*, plan: Pruning, expired: ExpiredDatabases) -> str:
    """Say how much will be gone, for a question."""
    if not expired.databases:
        return _("%(backups)d backups") % {"backups": len(plan.deletes)}
    counts = {"backups": len(plan.deletes), "databases": len(expired.databases)}
    return _("%(backups)d backups and %(databases)d replaced databases") % counts


def describe_problems(*, plan: Pruning, expired: ExpiredDatabases) -> Iterator[str]:
    if plan.unreadable:
        sentence = _("No uploaded file is deleted, because these do not say which they hold: %(names)s")
        yield sentence % {"names": ", ".join(plan.unreadable)}
    if expired.problem:
        sentence = _("Databases that restores have replaced may be left: %(problem)s")
        yield sentence % {"problem": expired.problem}


def describe_pruning(
    *, plan: Pruning, expired: ExpiredDatabases, applied: bool, is_offsite: bool
) -> Iterator[str]:
    if expired.databases:
        sentence = (
            _("Deleted %(count)d databases that restores had replaced (%(size)s).")
            if applied
            else _("Would delete %(count)d databases that restores have replaced (%(size)s).")
        )
        size = filesizeformat(sum(kept.size for kept in expired.databases))
        yield sentence % {"count": len(expired.databases), "size": size}
    sentence = (
        _("%(place)s: deleted %(count)d backups and %(files)d uploaded files (%(size)s).")
        if applied
        else _(
            "%(place)s: would delete %(count)d backups and %(files)d uploaded files (%(size)s). "
            "→ To delete them: %(command)s"
        )
    )
    yield sentence % {
        "count": len(plan.deletes),
        "files": plan.files,
        "size": filesizeformat(plan.file_bytes),
        "place": plan.place,
        "command": f"manage.py prune_backups {'--offsite ' if is_offsite else ''}--apply",
    }


def pruning_facts(*, plan: Pruning, expired: ExpiredDatabases, applied: bool) -> dict[str, Any]:
    return {
        "place": plan.place,
        "applied": applied,
        "backups": [
            {"name": each.backup.name, "keep": each.keeps, "why": each.reason.value}
            for each in plan.decisions
        ],
        "deletes": plan.deletes,
        "files": plan.files,
        "file_bytes": plan.file_bytes,
        "unreadable": plan.unreadable,
        "databases": [kept_facts(kept=kept) for kept in expired.databases],
        "databases_problem": expired.problem,
    }
