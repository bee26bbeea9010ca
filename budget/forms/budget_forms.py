"""Forms 1 and 2: the budget (예산서) and its detail (예산상세내역서)."""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from django.db.models import Q, Sum

from budget.forms.document import (
    Imprint,
    Line,
    TwoHalves,
    korean,
    sum_by_category,
    total,
    without_repeated_titles,
)
from budget.models import AnnualAllocation, Budget, BudgetIncome

REQUESTED = (Budget.Status.SUBMITTED, Budget.Status.APPROVED)


@dataclass(frozen=True, kw_only=True)
class BudgetForm(TwoHalves):
    """All amounts are won. `allocation` is None where the parish has not allocated anything."""

    template: ClassVar[str] = "budget/forms/budget.html"
    total_labels: ClassVar[tuple[str, str]] = ("예상수입총액", "예상지출총액")

    title: str
    imprint: Imprint
    year: int
    allocation: int | None
    earlier_requests: int
    deposit_account: str
    account_holder: str

    @property
    def subsidy(self) -> int:
        return total(line for line in self.incomes if line.is_parish_subsidy)

    @property
    def own_funds(self) -> int:
        return self.total_expense - self.subsidy

    @property
    def all_requests(self) -> int:
        return self.earlier_requests + self.subsidy

    @property
    def remaining(self) -> int | None:
        return None if self.allocation is None else self.allocation - self.all_requests


@dataclass(frozen=True, kw_only=True)
class DetailLine:
    category: str
    detail: str
    unit_price: int
    quantity: Decimal
    quantity_unit: str
    times: Decimal
    times_unit: str
    amount: int
    note: str


@dataclass(frozen=True, kw_only=True)
class BudgetDetailForm:
    template: ClassVar[str] = "budget/forms/budget_detail.html"
    columns: ClassVar[tuple[str, ...]] = ("분류", "상세", "금액(원)", "수량", "횟수", "합계(원)", "비고")
    total_label: ClassVar[str] = "예산 총액"

    title: str
    imprint: Imprint
    lines: tuple[DetailLine, ...]

    @property
    def total(self) -> int:
        return sum(line.amount for line in self.lines)


@korean
def budget_form(*, budget: Budget, now: datetime.datetime) -> BudgetForm:
    event = budget.event
    incomes = [
        Line(
            title=income.title,
            amount=income.amount,
            note=income.note,
            is_parish_subsidy=income.is_parish_subsidy,
        )
        for income in budget.incomes.order_by("display_order")
    ]
    expenses = budget.expenses.order_by("display_order").values_list("category", "amount", "note")
    return BudgetForm(
        title=f"{event.name} 예산서",
        imprint=_imprint(budget, now),
        year=event.start_date.year,
        incomes=tuple(without_repeated_titles(incomes)),
        expenses=sum_by_category(expenses),
        allocation=_allocation(budget),
        earlier_requests=sum_of_earlier_requests(budget=budget),
        deposit_account=budget.deposit_account,
        account_holder=budget.account_holder,
    )


@korean
def budget_detail_form(*, budget: Budget, now: datetime.datetime) -> BudgetDetailForm:
    return BudgetDetailForm(
        title=f"{budget.event.name} 예산상세 내역서",
        imprint=_imprint(budget, now),
        lines=tuple(
            DetailLine(
                category=expense.category,
                detail=expense.detail,
                unit_price=expense.unit_price,
                quantity=expense.quantity,
                quantity_unit=expense.quantity_unit,
                times=expense.times,
                times_unit=expense.times_unit,
                amount=expense.amount,
                note=expense.note,
            )
            for expense in budget.expenses.order_by("display_order")
        ),
    )


def sum_of_earlier_requests(*, budget: Budget) -> int:
    """Return the subsidies, in won, that the organization requested in the year before this budget.

    A draft, returned or not, comes after everything that has been submitted.
    """
    event = budget.event
    earlier = Q(
        budget__status__in=REQUESTED,
        budget__event__organization=event.organization_id,
        budget__event__start_date__year=event.start_date.year,
    ) & ~Q(budget=budget.pk)
    if budget.status != Budget.Status.DRAFT:
        # Keys are ordered by time, and settle what was submitted at the same instant.
        at_once = Q(budget__submitted_at=budget.submitted_at, budget__lt=budget.pk)
        earlier &= Q(budget__submitted_at__lt=budget.submitted_at) | at_once
    subsidies = BudgetIncome.objects.filter(earlier, is_parish_subsidy=True)
    requested: int = subsidies.aggregate(total=Sum("amount", default=0))["total"]
    return requested


def _allocation(budget: Budget) -> int | None:
    event = budget.event
    allocations = AnnualAllocation.objects.filter(
        organization=event.organization_id, year=event.start_date.year
    )
    return allocations.values_list("amount", flat=True).first()


def _imprint(budget: Budget, now: datetime.datetime) -> Imprint:
    return Imprint(
        status=f"예산 {budget.get_status_display()}",
        version=f"제{budget.version}판",
        moment=now,
        is_final=False,
        is_draft=budget.status != Budget.Status.APPROVED,
    )
