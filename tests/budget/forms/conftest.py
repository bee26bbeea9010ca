"""The worked example of the specification: a winter retreat of thirty people, two nights."""

import datetime
from decimal import Decimal

import pytest
from django.utils.translation import override

from tests.factories import (
    AnnualAllocationFactory,
    BudgetExpenseFactory,
    BudgetFactory,
    BudgetIncomeFactory,
    EventFactory,
    OrganizationFactory,
    ReceiptScanFactory,
    SettlementFactory,
    SettlementItemFactory,
    UserFactory,
)

NOW = datetime.datetime(2025, 2, 1, 3, 4, tzinfo=datetime.UTC)
COMPLETED_AT = datetime.datetime(2025, 3, 9, 3, 45, tzinfo=datetime.UTC)

# 분류, 상세, 금액, 수량, 단위, 횟수, 단위
PLANNED = [
    ("숙소", "숙박비", 15_000, 30, "명", 2, "박"),
    ("식비", "자체", 8_000, 30, "명", 4, "회"),
    ("식비", "외부", 10_000, 30, "명", 1, "회"),
    ("간식비", "간식", 3_000, 30, "명", 4, "회"),
    ("차량", "관광버스", 700_000, 1, "대", 2, "회"),
    ("프로그램", "눈썰매", 20_000, 30, "명", 1, ""),
    ("프로그램", "준비물", 180_000, 1, "", 1, ""),
    ("보험료", "", 72_300, 1, "", 1, ""),
    ("예비비", "", 727_700, 1, "", 1, ""),
]
# 분류, 일, 거래처, 상세, 금액, 결제방식
SPENT = [
    ("식비", 15, "한아름 마트", "추가 식재료", 187_450, "PERSONAL_CARD"),
    ("숙소", 16, "은하 청소년수련원", "숙박비", 900_000, "DEBIT_CARD"),
    ("식비", 13, "한아름 마트", "식재료", 612_300, "DEBIT_CARD"),
    ("간식비", 15, "산들 편의점", "컵라면", 46_500, "CASH"),
]


@pytest.fixture
def english():
    with override("en"):
        yield


@pytest.fixture
def event(db):
    return EventFactory(
        organization=OrganizationFactory(name="중고등부 주일학교"),
        name="겨울피정 2025",
        start_date=datetime.date(2025, 2, 14),
        end_date=datetime.date(2025, 2, 16),
    )


@pytest.fixture
def budget(event):
    """Return the budget, submitted after another request of 1,250,000 of the same year."""
    AnnualAllocationFactory(organization=event.organization, year=2025, amount=6_500_000)
    request(event.organization, amount=1_250_000, submitted_at=NOW - datetime.timedelta(days=30))
    budget = BudgetFactory(
        event=event,
        status="APPROVED",
        submitted_at=NOW - datetime.timedelta(days=8),
        deposit_account="한마음은행 000-00-000041",
        account_holder="중고등부 주일학교",
    )
    plan_income(budget)
    for order, (category, detail, price, quantity, quantity_unit, times, times_unit) in enumerate(PLANNED):
        BudgetExpenseFactory(
            budget=budget,
            display_order=order,
            category=category,
            detail=detail,
            unit_price=price,
            quantity=Decimal(quantity),
            quantity_unit=quantity_unit,
            times=Decimal(times),
            times_unit=times_unit,
        )
    return budget


def plan_income(budget):
    BudgetIncomeFactory(budget=budget, display_order=1, title="참가비", note="학생 30인 × 3만")
    BudgetIncomeFactory(
        budget=budget, display_order=2, title="본당지원금", amount=4_000_000, is_parish_subsidy=True
    )
    BudgetIncomeFactory(budget=budget, display_order=3, title="후원금", amount=600_000)


def request(organization, *, amount, submitted_at, status="SUBMITTED", start_date=datetime.date(2025, 1, 4)):
    """Submit a budget of another event that asks the parish for an amount."""
    other = EventFactory(organization=organization, start_date=start_date, end_date=start_date)
    submitted = BudgetFactory(event=other, status=status, submitted_at=submitted_at)
    BudgetIncomeFactory(budget=submitted, amount=amount, is_parish_subsidy=True)
    return submitted


@pytest.fixture
def settlement(budget):
    """Return the completed settlement; its lines were not entered in the order of their days."""
    settlement = SettlementFactory(
        event=budget.event,
        status="COMPLETED",
        completed_at=COMPLETED_AT,
        return_amount=3_900_000,
        account_balance=-4_152_250,
        cash_balance=6_000,
    )
    for order, (title, amount) in enumerate([("참가비", 900_000), ("후원금", 300_000), ("후원금", 300_000)]):
        SettlementItemFactory(
            settlement=settlement, display_order=order, item_type="INCOME", category=title, amount=amount
        )
    for order, (category, day, vendor, description, amount, payment_method) in enumerate(SPENT, start=10):
        SettlementItemFactory(
            settlement=settlement,
            display_order=order,
            category=category,
            transacted_on=datetime.date(2025, 2, day),
            vendor=vendor,
            description=description,
            amount=amount,
            payment_method=payment_method,
            paid_by=UserFactory(name="박보람") if payment_method == "PERSONAL_CARD" else None,
            missing_receipt_reason="영수증 분실, 현금출납부 참고" if payment_method == "CASH" else "",
        )
    attach(settlement, "식재료", "20250213 식재료(김은총).jpg")
    return settlement


def attach(settlement, description, filename):
    item = settlement.items.get(description=description)
    return ReceiptScanFactory(settlement=settlement, settlement_item=item, original_filename=filename)
