"""Writes each form as a spreadsheet: the cells of the paper, in which every sum is a live formula."""

from typing import Any

from budget.forms.budget_forms import BudgetDetailForm, BudgetForm, DetailLine
from budget.forms.document import Line, korean
from budget.forms.kinds import Form
from budget.forms.settlement_forms import ExpenseDetailForm, SettlementForm
from budget.forms.spreadsheet import AMOUNT_WITH_SIGN, Spreadsheet

HALVES = (16, 18, 16, 16, 18, 16)
INCOME, EXPENSE = 1, 4  # the columns of the amounts


@korean
def write_xlsx(*, form: Form) -> bytes:
    """Return the file; the same form gives the same bytes."""
    match form:
        case BudgetForm():
            return _write_budget(form)
        case BudgetDetailForm():
            return _write_budget_detail(form)
        case SettlementForm():
            return _write_settlement(form)
        case ExpenseDetailForm():
            return _write_expense_detail(form)


def _write_budget(form: BudgetForm) -> bytes:
    sheet = Spreadsheet(title=form.title, imprint=form.imprint, widths=HALVES)
    first = sheet.row + 2
    _total_income, total_expense = _write_halves(sheet, form, empty_amount="")
    sheet.header(0, "예산 총액", until=5, group=True)
    sheet.next_row()
    needed = _write_sum(sheet, "예상소요예산", f"={total_expense}", form.total_expense)
    parts = [
        sheet.address(INCOME, row=first + place)
        for place, line in enumerate(form.incomes)
        if line.is_parish_subsidy
    ]
    subsidy = _write_sum(sheet, "본당보조예산", "=" + ("+".join(parts) or "0"), form.subsidy)
    _write_sum(sheet, "자체예산", f"={needed}-{subsidy}", form.own_funds)
    sheet.next_row()
    _write_requests(sheet, form, subsidy)
    sheet.next_row()
    _write_account(sheet, form)
    return sheet.close()


def _write_requests(sheet: Spreadsheet, form: BudgetForm, subsidy: str) -> None:
    allocation = sheet.address(3)
    _write_label(sheet, f"{form.year} 예산 배정액 (A)")
    sheet.amount(3, form.allocation, until=5, number_format=AMOUNT_WITH_SIGN)
    sheet.next_row()
    request = _write_sum(sheet, "금번 신청액", f"={subsidy}", form.subsidy, number_format=AMOUNT_WITH_SIGN)
    formula = f"={form.earlier_requests}+{request}"
    requests = _write_sum(sheet, "신청 누계액(B)", formula, form.all_requests, number_format=AMOUNT_WITH_SIGN)
    if form.remaining is None:
        _write_label(sheet, "잔여액(A-B)")
        sheet.amount(3, None, until=5)
        sheet.next_row()
    else:
        formula = f"={allocation}-{requests}"
        _write_sum(sheet, "잔여액(A-B)", formula, form.remaining, number_format=AMOUNT_WITH_SIGN)


def _write_account(sheet: Spreadsheet, form: BudgetForm) -> None:
    sheet.header(0, "입금계좌")
    sheet.text(1, form.deposit_account, until=3)
    sheet.header(4, "수취인")
    sheet.text(5, form.account_holder)


def _write_budget_detail(form: BudgetDetailForm) -> bytes:
    widths = (14, 20, 17, 10, 10, 18, 18)
    sheet = Spreadsheet(title=form.title, imprint=form.imprint, widths=widths)
    first = _write_columns(sheet, form.columns)
    for line in form.lines:
        _write_detail_line(sheet, line)
    sheet.header(0, form.total_label, until=4)
    sheet.formula(5, sheet.sum_above(5, first), form.total, bold=True)
    sheet.text(6, "")
    return sheet.close()


def _write_detail_line(sheet: Spreadsheet, line: DetailLine) -> None:
    sheet.text(0, line.category)
    sheet.text(1, line.detail)
    sheet.amount(2, line.unit_price)
    factors = [sheet.address(2)]
    for column, number, unit in ((3, line.quantity, line.quantity_unit), (4, line.times, line.times_unit)):
        if sheet.measure(column, number, unit):
            factors.append(sheet.address(column))
    sheet.formula(5, f"=ROUND({'*'.join(factors)},0)", line.amount)
    sheet.text(6, line.note)
    sheet.next_row()


def _write_settlement(form: SettlementForm) -> bytes:
    sheet = Spreadsheet(title=form.title, imprint=form.imprint, widths=HALVES)
    income, expense = _write_halves(sheet, form, empty_amount="-")
    _write_sum(sheet, "예산 잔액", f"={income}-{expense}", form.balance, bold=True)
    for label, amount in (
        ("계좌잔액", form.account_balance),
        ("현금잔액", form.cash_balance),
        ("반환 예정 금액", form.return_amount),
    ):
        _write_label(sheet, label)
        sheet.amount(3, amount, until=5)
        sheet.next_row()
    return sheet.close()


def _write_expense_detail(form: ExpenseDetailForm) -> bytes:
    widths = (12, 12, 18, 20, 18, 11, 32)
    sheet = Spreadsheet(title=form.title, imprint=form.imprint, widths=widths)
    first = _write_columns(sheet, form.columns)
    for line in form.lines:
        sheet.text(0, line.category)
        sheet.day(1, line.day)
        sheet.text(2, line.vendor)
        sheet.text(3, line.description)
        sheet.amount(4, line.amount)
        sheet.text(5, "\n".join(filter(None, (line.payer, line.payment_method))), align="center")
        sheet.text(6, "\n".join(line.remarks))
        sheet.next_row()
    sheet.header(0, form.total_label, until=3)
    sheet.formula(4, sheet.sum_above(4, first), form.total, bold=True)
    sheet.text(5, "")
    sheet.text(6, "")
    return sheet.close()


def _write_columns(sheet: Spreadsheet, columns: tuple[str, ...]) -> int:
    """Write the header of every page, and return the first row after it."""
    header = sheet.row
    sheet.headers(columns)
    sheet.repeat_on_every_page(header)
    return sheet.row


def _write_halves(
    sheet: Spreadsheet, form: BudgetForm | SettlementForm, *, empty_amount: str
) -> tuple[str, str]:
    """Write the table with two halves, and return the addresses of its two sums."""
    header = sheet.row
    for column, group in zip((0, 3), form.groups, strict=True):
        sheet.header(column, group, until=column + 2, group=True)
    sheet.next_row()
    sheet.headers(form.columns)
    sheet.repeat_on_every_page(header)
    first = sheet.row
    for income, expense in form.rows:
        _write_line(sheet, 0, income, empty_amount="")
        _write_line(sheet, 3, expense, empty_amount=empty_amount)
        sheet.next_row()
    sums = []
    totals = (form.total_income, form.total_expense)
    for column, label, total in zip((INCOME, EXPENSE), form.total_labels, totals, strict=True):
        sheet.header(column - 1, label)
        formula = sheet.sum_above(column, first)
        sums.append(sheet.formula(column, formula, total, until=column + 1, bold=True))
    sheet.next_row(2)
    return sums[0], sums[1]


def _write_line(sheet: Spreadsheet, column: int, line: Line | None, *, empty_amount: str) -> None:
    sheet.text(column, line.title if line else "")
    if line:
        sheet.amount(column + 1, line.amount)
    else:
        sheet.text(column + 1, empty_amount, align="right")
    sheet.text(column + 2, line.note if line else "")


def _write_label(sheet: Spreadsheet, label: str) -> None:
    sheet.header(0, label, until=2)


def _write_sum(sheet: Spreadsheet, label: str, formula: str, value: int, **style: Any) -> str:
    """Write a row of a label and a formula, and return the formula's address."""
    _write_label(sheet, label)
    address = sheet.formula(3, formula, value, until=5, **style)
    sheet.next_row()
    return address
