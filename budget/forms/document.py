"""What the four official forms have in common. Their words are the paper's: Korean in every language."""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import ClassVar

from django.utils import timezone, translation

korean = translation.override("ko")

SHORTEST_TABLE = 12  # rows of the forms with two halves


@dataclass(frozen=True, kw_only=True)
class Imprint:
    """What the foot of every page tells; `is_draft` asks for the watermark."""

    status: str
    version: str
    moment: datetime.datetime  # When it was printed; of a completed settlement, when it was completed.
    is_final: bool
    is_draft: bool

    def __str__(self) -> str:
        occasion = "확정" if self.is_final else "인쇄"
        parts = (self.status, self.version, f"{occasion} {show_day(self.day)} {self.local:%H:%M}")
        return " · ".join(filter(None, parts))

    @property
    def local(self) -> datetime.datetime:
        return timezone.localtime(self.moment)

    @property
    def day(self) -> datetime.date:
        return self.local.date()


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of one half: a title (항목), won, a note (비고). Nothing spent is no amount."""

    title: str
    amount: int | None
    note: str = ""
    is_parish_subsidy: bool = False


Pair = tuple[Line | None, Line | None]


@dataclass(frozen=True, kw_only=True)
class TwoHalves:
    """The table of the forms 1 and 3: what comes in on the left, what goes out on the right."""

    groups: ClassVar[tuple[str, ...]] = ("예산수입내역", "예산지출내역")
    columns: ClassVar[tuple[str, ...]] = ("항목", "금액", "비고") * 2

    incomes: tuple[Line, ...]
    expenses: tuple[Line, ...]

    @property
    def rows(self) -> tuple[Pair, ...]:
        """The rows, filled up to the shortest length."""
        filling = [None] * (SHORTEST_TABLE - len(self.expenses))
        return tuple(zip_longest(self.incomes, [*self.expenses, *filling]))

    @property
    def total_income(self) -> int:
        return total(self.incomes)

    @property
    def total_expense(self) -> int:
        return total(self.expenses)


def total(lines: Iterable[Line]) -> int:
    """Return the sum of what is printed, so that a paper always agrees with itself."""
    return sum(line.amount or 0 for line in lines)


def without_repeated_titles(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines; of neighbours with one title only the first keeps it."""
    last = None
    for line in lines:
        yield replace(line, title="") if line.title == last else line
        last = line.title


def sum_by_category(lines: Iterable[tuple[str, int, str]]) -> tuple[Line, ...]:
    """Return a line for each category in order of first appearance, with the notes of its parts."""
    amounts: dict[str, int] = {}
    notes: dict[str, dict[str, None]] = {}
    for category, amount, note in lines:
        amounts[category] = amounts.get(category, 0) + amount
        notes.setdefault(category, {}).update({note: None} if note else {})
    return tuple(
        Line(title=category, amount=amount, note=", ".join(notes[category]))
        for category, amount in amounts.items()
    )


def show_day(day: datetime.date) -> str:
    """Return 2025.8.5."""
    return f"{day.year}.{day.month}.{day.day}"
