"""Grows a database to millions of invented rows, to measure and to rehearse with."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from budget.models import Organization
from config.databases import OWNER_ALIAS
from config.operations.progress import SILENT, Progress
from config.operations.scale_rows import (
    EVENTS_IN_BLOCK,
    FUNCTIONS,
    PEOPLE_IN_BLOCK,
    ROWS_IN_BLOCK,
    STATEMENTS,
)
from config.operations.seed import DEMO_ENVIRONMENTS, DemoDataRefused, UnableToSeed, seed

BYTES_IN_BLOCK = 60_000_000  # Tables, indexes and the log that the server keeps of them, as measured.

_ORGANIZATIONS = 4


@dataclass(frozen=True)
class ScaleReport:
    """What was done or, after a dry run, what would have been: blocks of a thousand events, and their rows.

    `size` is what the new blocks take on disk at most, in bytes.
    """

    created_blocks: int
    kept_blocks: int
    dry_run: bool

    @property
    def rows(self) -> Mapping[str, int]:
        return {table: rows * self.created_blocks for table, rows in ROWS_IN_BLOCK.items()}

    @property
    def size(self) -> int:
        return self.created_blocks * BYTES_IN_BLOCK


def seed_scale(
    *, thousands: int, dry_run: bool = False, progress: Progress = SILENT, alias: str = OWNER_ALIAS
) -> ScaleReport:
    """Put in what is missing of `thousands` thousand events with all that belongs to them.

    Each thousand is one transaction: whatever interrupts this leaves no half event. Of `alias` is asked what
    the application's role may not do: to make functions for a while. Raises UnableToSeed.
    """
    if settings.ENVIRONMENT not in DEMO_ENVIRONMENTS:
        raise DemoDataRefused(_refusal(settings.ENVIRONMENT))
    seed(demo=False, dry_run=dry_run)
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
    missing = list(_missing_blocks(connection, thousands))
    report = ScaleReport(len(missing), thousands - len(missing), dry_run)
    _require_space(report.size)
    if missing and not dry_run:
        progress.step(_("Putting in invented rows"))
        _place(connection, missing, progress)
    return report


def _missing_blocks(connection: BaseDatabaseWrapper, thousands: int) -> Iterator[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT block FROM generate_series(1, %s) AS block
             WHERE NOT EXISTS (SELECT FROM events WHERE id = pg_temp.key('event', block * %s))
             ORDER BY block
            """,
            [thousands, EVENTS_IN_BLOCK],
        )
        yield from (block for (block,) in cursor.fetchall())


def _place(connection: BaseDatabaseWrapper, blocks: list[int], progress: Progress) -> None:
    organizations = _organizations(connection.alias)
    total = sum(ROWS_IN_BLOCK.values()) * len(blocks)
    with connection.cursor() as cursor, progress.measure(total, unit=_("rows")) as advance:
        for block in blocks:
            with transaction.atomic(using=connection.alias):
                for statement in STATEMENTS.values():
                    cursor.execute(statement, {"organizations": organizations, **_numbers(block)})
                    advance(cursor.rowcount)
        # Without statistics every plan on the new rows is a guess.
        for table in STATEMENTS:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(table)}")


def _organizations(alias: str) -> list[Any]:
    keys = (
        Organization.objects.using(alias).filter(is_active=True).order_by("code").values_list("pk", flat=True)
    )
    found = list(keys[:_ORGANIZATIONS])
    if len(found) < _ORGANIZATIONS:
        raise UnableToSeed(_("Four active organizations are needed. Activate those that are not."))
    return found


def _numbers(block: int) -> dict[str, int]:
    """Return between which numbers the events and the people of a block are."""
    return {
        "first": (block - 1) * EVENTS_IN_BLOCK + 1,
        "last": block * EVENTS_IN_BLOCK,
        "first_person": (block - 1) * PEOPLE_IN_BLOCK + 1,
        "last_person": block * PEOPLE_IN_BLOCK,
    }


def _require_space(needed: int) -> None:
    """Only the disk of a private cluster can be seen from here."""
    if settings.CLUSTER is None or not settings.CLUSTER.folder.exists():
        return
    free = shutil.disk_usage(settings.CLUSTER.folder).free
    if free < needed:
        sentence = _(
            "The rows may take %(needed)d MB on disk; %(free)d MB are free. Make room, or ask for fewer."
        )
        megabyte = 1_000_000
        raise UnableToSeed(sentence % {"needed": needed // megabyte, "free": free // megabyte})


def _refusal(environment: str) -> str:
    return _(
        "Invented rows do not belong into the database of %(environment)s. "
        "To put in the four organizations only: manage.py seed"
    ) % {"environment": environment}
