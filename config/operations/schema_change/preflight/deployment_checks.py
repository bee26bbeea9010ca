"""The checklist among Django's own deployment checks: `manage.py check --deploy --database owner`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.utils import timezone

from config.databases import OWNER_ALIAS
from config.operations.schema_change.preflight.remarks import Outcome, Remark

# By this tag they are known among Django's.
TAG = "preflight"

_LEVELS = {Outcome.WARNING: (checks.Warning, "W"), Outcome.FAILED: (checks.Error, "E")}


def check_deployment(*, databases: Sequence[str] | None = None, **options: Any) -> list[checks.CheckMessage]:
    """Return what is not well; what needs the database is asked only when the command names one."""
    # Each command of manage.py registers this; few ask it.
    from config.operations.schema_change.preflight.checklist import run_preflight

    preflight = run_preflight(
        folder=Path(settings.BACKUP_DIR),
        now=timezone.now(),
        alias=OWNER_ALIAS if databases is None or OWNER_ALIAS in databases else databases[0],
        with_database=bool(databases),
    )
    return [
        message
        for answer in preflight.answers
        if answer.item.name != "django"  # It is among them itself.
        for message in _messages(str(answer.item.title), answer.item.number, answer.remarks)
    ]


def _messages(title: str, number: int, remarks: Sequence[Remark]) -> Iterator[checks.CheckMessage]:
    for remark in remarks:
        if remark.outcome in _LEVELS:
            message, letter = _LEVELS[remark.outcome]
            sentence = "\n".join([remark.sentence, *remark.details])
            yield message(sentence, hint=remark.remedy, obj=title, id=f"operations.{letter}{number}")
