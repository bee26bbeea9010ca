"""Forms of any length, made without a database."""

import datetime
import io
from decimal import Decimal

from PIL import Image

from budget.forms.budget_forms import BudgetDetailForm, BudgetForm, DetailLine
from budget.forms.document import Imprint, Line
from budget.forms.receipt_pictures import Receipt
from budget.forms.settlement_forms import ExpenseDetailForm, ExpenseLine, SettlementForm

MOMENT = datetime.datetime(2025, 3, 9, 3, 45, tzinfo=datetime.UTC)


def imprint(*, is_draft=False):
    return Imprint(status="완료", version="제1판", moment=MOMENT, is_final=True, is_draft=is_draft)


def receipt(number, *, has_picture=True):
    buffer = io.BytesIO()
    Image.new("RGB", (20, 40), (30 * number, 0, 0)).save(buffer, "JPEG")
    return Receipt(
        caption=f"{number}. 2025.8.5 한아름 마트 35,000원",
        filename=f"{number}.jpg",
        picture=buffer.getvalue() if has_picture else None,
    )


def lines(count):
    return tuple(Line(title=f"항목 {number}", amount=1_000 * number) for number in range(1, count + 1))


def budget_paper(count=5, *, is_draft=False, **changes):
    values = {
        "title": "겨울피정 예산서",
        "imprint": imprint(is_draft=is_draft),
        "year": 2025,
        "incomes": (
            Line(title="본당지원금", amount=40_000, is_parish_subsidy=True),
            Line(title="참가비", amount=9_000, note="=1+1"),
        ),
        "expenses": lines(count),
        "allocation": 30_000,
        "earlier_requests": 5_000,
        "deposit_account": "한마음은행 000-00",
        "account_holder": "중고등부",
    }
    return BudgetForm(**{**values, **changes})


def detail_paper(count=3, *, unit="명"):
    line = DetailLine(
        category="숙소",
        detail="-숙박비",
        unit_price=15_000,
        quantity=Decimal("30.00"),
        quantity_unit=unit,
        times=Decimal("2.50"),
        times_unit="박",
        amount=1_125_000,
        note="",
    )
    lump = DetailLine(
        category="보험료",
        detail="",
        unit_price=72_300,
        quantity=Decimal(1),
        quantity_unit="",
        times=Decimal(1),
        times_unit="",
        amount=72_300,
        note="",
    )
    return BudgetDetailForm(title="겨울피정 예산상세 내역서", imprint=imprint(), lines=(line, lump)[:count])


def settlement_paper(count=5):
    return SettlementForm(
        title="2025 겨울피정 결산",
        imprint=imprint(),
        incomes=(Line(title="참가비", amount=9_000),),
        expenses=(*lines(count), Line(title="예비비", amount=None)),
        account_balance=-6_500,
        cash_balance=500,
        return_amount=0,
    )


def expense_paper(count=5, *, receipts=()):
    line = ExpenseLine(
        category="식비",
        day=datetime.date(2025, 8, 5),
        vendor="@한아름 마트",
        description="식재료",
        amount=35_000,
        payment_method="개인카드",
        payer="박보람",
        remarks=("20250805 식재료(김은총).jpg",),
    )
    return ExpenseDetailForm(
        title="겨울피정 지출 상세내역서", imprint=imprint(), lines=(line,) * count, receipts=receipts
    )
