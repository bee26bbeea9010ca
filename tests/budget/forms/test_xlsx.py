"""The spreadsheets, read back cell by cell."""

import datetime
import io

import openpyxl
import pytest

from budget.forms.document import Line
from budget.forms.xlsx import write_xlsx
from tests.budget.forms.papers import MOMENT, budget_paper, detail_paper, expense_paper, settlement_paper


def read(form, *, values=False):
    """Return the one sheet: with its formulas, or with the values that it opens with."""
    [sheet] = openpyxl.load_workbook(io.BytesIO(write_xlsx(form=form)), data_only=values).worksheets
    return sheet


def cells(sheet, row):
    return [cell.value for cell in sheet[row]]


def beside(sheet, label):
    """Return the cell of the amount that stands beside a label."""
    [row] = [cell.row for cell in sheet["A"] if cell.value == label]
    return sheet.cell(row, 4)


class TestBudget:
    def test_has_the_cells_of_the_paper(self):
        sheet = read(budget_paper())

        assert sheet["A1"].value == "겨울피정 예산서"
        assert (sheet["A3"].value, sheet["D3"].value) == ("예산수입내역", "예산지출내역")
        assert cells(sheet, 4) == ["항목", "금액", "비고"] * 2
        assert cells(sheet, 5) == ["본당지원금", 40_000, None, "항목 1", 1_000, None]
        assert [cell.value for cell in sheet[24]][:6] == [
            "2025 예산 배정액 (A)",
            None,
            None,
            30_000,
            None,
            None,
        ]
        assert cells(sheet, 29) == ["입금계좌", "한마음은행 000-00", None, None, "수취인", "중고등부"]

    def test_sums_with_formulas_that_hold_their_values(self):
        form = budget_paper(13)
        formulas, values = read(form), read(form, values=True)

        assert [formulas["B18"].value, formulas["E18"].value] == ["=SUM(B5:B17)", "=SUM(E5:E17)"]
        expected = {
            "예상소요예산": ("=E18", form.total_expense),
            "본당보조예산": ("=B5", 40_000),
            "자체예산": ("=D21-D22", form.own_funds),
            "금번 신청액": ("=D22", 40_000),
            "신청 누계액(B)": ("=5000+D26", 45_000),
            "잔여액(A-B)": ("=D25-D27", -15_000),
        }
        found = {label: (beside(formulas, label).value, beside(values, label).value) for label in expected}
        assert found == expected

    def test_leaves_open_what_remains_of_no_allocation(self):
        sheet = read(budget_paper(allocation=None))

        assert (beside(sheet, "2025 예산 배정액 (A)").value, beside(sheet, "잔여액(A-B)").value) == ("-", "-")

    def test_asks_for_nothing_without_a_subsidy(self):
        sheet = read(budget_paper(incomes=(Line(title="참가비", amount=1),)))

        assert beside(sheet, "본당보조예산").value == "=0"

    def test_prints_on_a4_with_repeated_headers_and_a_foot(self):
        sheet = read(budget_paper(is_draft=True))

        assert (sheet.page_setup.paperSize, sheet.page_setup.orientation) == (9, "portrait")
        assert sheet.print_title_rows == "$3:$4"
        assert "완료 · 제1판 · 확정 2025.3.9 12:45 · &P / &N" in sheet.oddFooter.center.text
        assert "초안" in sheet.oddHeader.center.text
        assert read(budget_paper()).oddHeader.center.text is None

    def test_shows_negative_amounts_in_red(self):
        number_format = beside(read(budget_paper()), "잔여액(A-B)").number_format

        assert number_format == '"₩"#,##0;[Red]-"₩"#,##0'


class TestBudgetDetail:
    def test_writes_numbers_with_their_units(self):
        sheet = read(detail_paper())

        assert cells(sheet, 3) == ["분류", "상세", "금액(원)", "수량", "횟수", "합계(원)", "비고"]
        assert cells(sheet, 4) == ["숙소", "-숙박비", 15_000, 30, 2.5, "=ROUND(C4*D4*E4,0)", None]
        assert [sheet["D4"].number_format, sheet["E4"].number_format] == ['#,##0"명"', '#,##0.##"박"']

    def test_leaves_out_of_the_product_what_does_not_apply(self):
        sheet = read(detail_paper())

        assert cells(sheet, 5) == ["보험료", None, 72_300, ".", ".", "=ROUND(C5,0)", None]
        assert sheet["F6"].value == "=SUM(F4:F5)"

    def test_sums_nothing_to_nothing(self):
        assert read(detail_paper(0))["F4"].value == "=0"

    def test_survives_quotes_in_a_unit(self):
        assert read(detail_paper(unit='"=1'))["D4"].number_format == '#,##0"=1"'


class TestSettlement:
    def test_subtracts_and_prints_dashes(self):
        sheet = read(settlement_paper())

        assert [sheet["E10"].value, sheet["E11"].value, sheet["B11"].value] == ["-", "-", None]
        assert beside(sheet, "예산 잔액").value == "=B17-E17"
        kept = [beside(sheet, label).value for label in ("계좌잔액", "현금잔액", "반환 예정 금액")]
        assert kept == [-6_500, 500, 0]


class TestExpenseDetail:
    def test_writes_days_as_days(self):
        sheet = read(expense_paper(2))

        assert cells(sheet, 4) == [
            "식비",
            datetime.datetime(2025, 8, 5),  # noqa: DTZ001 - a spreadsheet knows no zones
            "@한아름 마트",
            "식재료",
            35_000,
            "박보람\n개인카드",
            "20250805 식재료(김은총).jpg",
        ]
        assert sheet["E6"].value == "=SUM(E4:E5)"


class TestWriteXlsx:
    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "{=1}", "https://example.org"])
    def test_keeps_text_as_text(self, text):
        cell = read(budget_paper(account_holder=text, title=text))["F29"]

        assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)

    def test_gives_the_same_bytes_for_the_same_form(self):
        first = write_xlsx(form=settlement_paper())

        assert write_xlsx(form=settlement_paper()) == first

    def test_tells_the_time_of_the_record_and_not_that_of_the_clock(self):
        content = io.BytesIO(write_xlsx(form=settlement_paper()))

        properties = openpyxl.load_workbook(content).properties
        assert properties.created == properties.modified == MOMENT.replace(tzinfo=None)

    def test_keeps_the_beginning_of_a_text_that_no_cell_can_hold(self):
        assert len(read(budget_paper(account_holder="가" * 40_000))["F29"].value) == 32_767
