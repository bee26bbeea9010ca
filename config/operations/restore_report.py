"""What a restore, its plan and its undoing look like: lines for a terminal, plain values for a machine."""

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.operations.manifest import Manifest
from config.operations.neighbours import KEPT_DAYS, KeptDatabase
from config.operations.restore import Restoration, RestorePlan, RowChange
from config.operations.restore_undo import Undone

_MOST_CHANGES = 20


def describe_plan(*, plan: RestorePlan) -> Iterator[str]:
    manifest = plan.backup
    sentence = _(
        "The backup %(name)s of %(database)s, as it was at %(moment)s: %(rows)d rows, %(files)d files."
    )
    yield sentence % {
        "name": manifest.id,
        "database": manifest.database.name,
        "moment": _moment(manifest.started_at),
        "rows": manifest.rows,
        "files": len(manifest.files),
    }
    if not plan.is_there:
        yield _("There is no database %(name)s at present.") % {"name": plan.database}
        return
    sentence = _(
        "It replaces %(name)s, which is kept for %(days)d days. Whoever uses it is disconnected once."
    )
    yield sentence % {"name": plan.database, "days": KEPT_DAYS}
    yield from map(_describe_change, plan.changes[:_MOST_CHANGES])
    if len(plan.changes) > _MOST_CHANGES:
        yield _("… and %(count)d more tables") % {"count": len(plan.changes) - _MOST_CHANGES}
    if not plan.changes:
        yield _("Every table has as many rows now as it will have then.")


def describe_restoration(*, restoration: Restoration) -> Iterator[str]:
    sentence = _("%(database)s is as it was at %(moment)s: %(rows)d rows, all compared.")
    yield sentence % {
        "database": restoration.database,
        "moment": _moment(restoration.backup.started_at),
        "rows": restoration.backup.rows,
    }
    returned = restoration.returned_files
    sentence = ngettext(
        "%(count)d uploaded file was put back.", "%(count)d uploaded files were put back.", returned
    )
    yield sentence % {"count": returned}
    if restoration.kept is not None:
        sentence = _(
            "What was there is kept as %(kept)s for %(days)d days. → To go back: manage.py restore --undo"
        )
        yield sentence % {"kept": restoration.kept, "days": KEPT_DAYS}
    yield _("Connections were refused for %(seconds).2f s.") % {"seconds": restoration.refused_seconds}
    for name in restoration.dropped:
        yield _("Dropped, because its time was over: %(name)s") % {"name": name}
    if count := len(restoration.newer_migrations):
        sentence = ngettext(
            "%(count)d migration is newer than the backup. → Apply it: manage.py migrate",
            "%(count)d migrations are newer than the backup. → Apply them: manage.py migrate",
            count,
        )
        yield sentence % {"count": count}
    yield _("→ Then check: manage.py verify_integrity")


def describe_seconds(*, seconds: dict[str, float]) -> Iterator[str]:
    names = {
        "hash": _("comparing hashes"),
        "restore": _("restoring"),
        "statistics": _("statistics"),
        "compare": _("comparing rows and definitions"),
        "safety_backup": _("safety backup"),
        "files": _("uploaded files"),
        "exchange": _("exchange"),
    }
    yield from (f"{duration:8.2f} s  {names[step]}" for step, duration in seconds.items())


def describe_kept(*, kept: KeptDatabase, database: str) -> str:
    sentence = _("%(kept)s (%(size)s), which was replaced at %(moment)s, becomes %(database)s again.")
    return sentence % {
        "kept": kept.name,
        "size": filesizeformat(kept.size),
        "moment": _moment(kept.replaced_at),
        "database": database,
    }


def describe_undone(*, undone: Undone) -> Iterator[str]:
    sentence = _("%(database)s is again what it was before %(moment)s.")
    yield sentence % {"database": undone.database, "moment": _moment(undone.returned.replaced_at)}
    if undone.kept is not None:
        sentence = _("What was restored is kept as %(kept)s for %(days)d days.")
        yield sentence % {"kept": undone.kept, "days": KEPT_DAYS}
    if undone.returned_files is None:
        yield _("The uploaded files were left as they are: the backup that was made before is gone.")
    yield _("Connections were refused for %(seconds).2f s.") % {"seconds": undone.refused_seconds}
    yield _("→ Then check: manage.py verify_integrity")


def plan_facts(*, plan: RestorePlan) -> dict[str, Any]:
    return {
        **_backup_facts(plan.backup),
        "database": plan.database,
        "is_there": plan.is_there,
        "changes": [dataclasses.asdict(change) for change in plan.changes],
    }


def restoration_facts(*, restoration: Restoration) -> dict[str, Any]:
    return {
        **_backup_facts(restoration.backup),
        "database": restoration.database,
        "kept": restoration.kept,
        "safety_backup": restoration.safety_backup,
        "returned_files": restoration.returned_files,
        "newer_migrations": restoration.newer_migrations,
        "dropped": restoration.dropped,
        "refused_seconds": restoration.refused_seconds,
        "seconds": restoration.seconds,
    }


def kept_facts(*, kept: KeptDatabase) -> dict[str, Any]:
    return {"name": kept.name, "replaced_at": kept.replaced_at.isoformat(), "bytes": kept.size}


def undone_facts(*, undone: Undone) -> dict[str, Any]:
    return {
        "database": undone.database,
        "returned": kept_facts(kept=undone.returned),
        "kept": undone.kept,
        "returned_files": undone.returned_files,
        "refused_seconds": undone.refused_seconds,
    }


def _backup_facts(manifest: Manifest) -> dict[str, Any]:
    return {"backup": manifest.id, "taken_at": manifest.started_at.isoformat(), "rows": manifest.rows}


def _describe_change(change: RowChange) -> str:
    numbers = {name: _("no table") if count is None else f"{count:,}" for name, count in _counts(change)}
    return _("  %(table)s: %(now)s rows now, %(then)s then") % {"table": change.table, **numbers}


def _counts(change: RowChange) -> tuple[tuple[str, int | None], ...]:
    return (("now", change.now), ("then", change.then))


def _moment(moment: datetime.datetime) -> str:
    return date_format(timezone.localtime(moment), "Y-m-d H:i")
