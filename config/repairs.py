"""Problems that have one right answer carry it, so that nobody has to find it in the night."""

from dataclasses import dataclass
from typing import Any

from django.core import checks


@dataclass(frozen=True, kw_only=True)
class Repair:
    """SQL that does no harm where nothing is wrong any more, by names and keys from the database.

    CONCURRENTLY is possible only outside a transaction; every other repair is one.
    """

    statements: tuple[str, ...]
    in_transaction: bool = True


class RepairableError(checks.Error):
    """An error with its one right answer; None where that depends on the case."""

    def __init__(self, *args: Any, repair: Repair | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.repair = repair
