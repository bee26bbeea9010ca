"""Forms 3 and 4: the settlement (결산서) and its spending line by line (지출 상세내역서)."""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from budget.forms.document import (
    Imprint,
    Line,
    TwoHalves,
    korean,
    show_day,
    sum_by_category,
    without_repeated_titles,
)
from budget.forms.receipt_pictures import Receipt, read_picture
from budget.models import BudgetExpense, PaymentMethod, Settlement, SettlementItem

RECEIPTS_ON_PAGE = 6


@dataclass(frozen=True, kw_only=True)
class SettlementForm(TwoHalves):
    """All amounts are won."""

    template: ClassVar[str] = "budget/forms/settlement.html"
    total_labels: ClassVar[tuple[str, str]] = ("수입총액", "지출총액")

    title: str
    imprint: Imprint
    account_balance: int
    cash_balance: int
    return_amount: int

    @property
    def balance(self) -> int:
        return self.total_income - self.total_expense


@dataclass(frozen=True, kw_only=True)
class ExpenseLine:
    """`remarks` are the names of the receipts, or why there is none, and the note."""

    category: str
    day: datetime.date | None
    vendor: str
    description: str
    amount: int
    payment_method: str
    payer: str
    remarks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ExpenseDetailForm:
    template: ClassVar[str] = "budget/forms/expense_detail.html"
    columns: ClassVar[tuple[str, ...]] = ("분류", "일시", "거래처", "상세", "금액(원)", "결제방식", "비고")
    total_label: ClassVar[str] = "지출 총액"

    title: str
    imprint: Imprint
    lines: tuple[ExpenseLine, ...]
    receipts: tuple[Receipt, ...] = ()

    @property
    def total(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def receipt_pages(self) -> tuple[tuple[Receipt, ...], ...]:
        first_of_pages = range(0, len(self.receipts), RECEIPTS_ON_PAGE)
        return tuple(self.receipts[first : first + RECEIPTS_ON_PAGE] for first in first_of_pages)


@korean
def settlement_form(*, settlement: Settlement, now: datetime.datetime) -> SettlementForm:
    event = settlement.event
    items = list(settlement.items.order_by("display_order"))
    incomes = [
        Line(title=item.category, amount=item.amount, note=_describe(item))
        for item in items
        if item.item_type == SettlementItem.Type.INCOME
    ]
    spent = sum_by_category((item.category, item.amount, item.note) for item in _spending(items))
    return SettlementForm(
        title=f"{event.start_date.year} {event.name} 결산",
        imprint=_imprint(settlement, now),
        incomes=tuple(without_repeated_titles(incomes)),
        expenses=(*spent, *_unspent(settlement, {line.title for line in spent})),
        account_balance=settlement.account_balance,
        cash_balance=settlement.cash_balance,
        return_amount=settlement.return_amount,
    )


@korean
def expense_detail_form(
    *, settlement: Settlement, now: datetime.datetime, with_receipts: bool = False
) -> ExpenseDetailForm:
    """Read the spending, and the files of its receipts if asked for."""
    items = settlement.items.select_related("paid_by").prefetch_related("scans").order_by("display_order")
    spending = _by_category_and_day(_spending(items))
    return ExpenseDetailForm(
        title=f"{settlement.event.name} 지출 상세내역서",
        imprint=_imprint(settlement, now),
        lines=tuple(_expense_line(item) for item in spending),
        receipts=tuple(_receipts(spending)) if with_receipts else (),
    )


def _receipts(spending: Iterable[SettlementItem]) -> Iterator[Receipt]:
    for number, item in enumerate(spending, start=1):
        day = show_day(item.transacted_on) if item.transacted_on else ""
        parts = (f"{number}.", day, item.vendor, f"{item.amount:,}원")
        for scan in sorted(item.scans.all(), key=lambda scan: scan.original_filename):
            yield Receipt(
                caption=" ".join(filter(None, parts)),
                filename=scan.original_filename,
                picture=read_picture(file=scan.file),
            )


def _spending(items: Iterable[SettlementItem]) -> list[SettlementItem]:
    return [item for item in items if item.item_type == SettlementItem.Type.EXPENSE]


def _describe(item: SettlementItem) -> str:
    return ", ".join(filter(None, (item.description, item.note)))


def _unspent(settlement: Settlement, spent: set[str]) -> tuple[Line, ...]:
    """Return the categories that were planned and cost nothing, in the budget's order."""
    planned = BudgetExpense.objects.filter(budget__event=settlement.event_id).order_by("display_order")
    categories = dict.fromkeys(planned.values_list("category", flat=True))
    return tuple(Line(title=name, amount=None) for name in categories if name not in spent)


def _by_category_and_day(items: list[SettlementItem]) -> list[SettlementItem]:
    """Return the items grouped in the settlement's order; those without a day come last in their group."""
    places = {category: place for place, category in enumerate(dict.fromkeys(i.category for i in items))}
    return sorted(items, key=lambda item: (places[item.category], item.transacted_on or datetime.date.max))


def _expense_line(item: SettlementItem) -> ExpenseLine:
    is_personal = item.payment_method == PaymentMethod.PERSONAL_CARD
    return ExpenseLine(
        category=item.category,
        day=item.transacted_on,
        vendor=item.vendor,
        description=item.description,
        amount=item.amount,
        payment_method=item.get_payment_method_display(),
        payer=item.paid_by.name if is_personal and item.paid_by else "",
        remarks=_remarks(item),
    )


def _remarks(item: SettlementItem) -> tuple[str, ...]:
    receipts = sorted(scan.original_filename for scan in item.scans.all())
    return tuple(filter(None, (*(receipts or [item.missing_receipt_reason]), item.note)))


def _imprint(settlement: Settlement, now: datetime.datetime) -> Imprint:
    """Take the time of a completed settlement from its record: printed again, it is the same file."""
    budget = getattr(settlement.event, "budget", None)
    completed = settlement.completed_at if settlement.status == Settlement.Status.COMPLETED else None
    return Imprint(
        status=f"결산 {settlement.get_status_display()}",
        version=f"예산 제{budget.version}판" if budget else "",
        moment=completed or now,
        is_final=completed is not None,
        is_draft=completed is None,
    )
