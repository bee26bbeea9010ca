"""One sheet of a form: typed cells, formulas that recalculate, and text that stays text."""

import datetime
from collections.abc import Sequence
from decimal import Decimal
from io import BytesIO
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_rowcol_to_cell

from budget.forms.document import Imprint

AMOUNT = "#,##0;[Red]-#,##0"
AMOUNT_WITH_SIGN = '"₩"#,##0;[Red]-"₩"#,##0'
DAY = "yyyy.m.d"

LIGHT_GREY = "#E8E8E8"
DARK_GREY = "#A6A6A6"
MARGIN = 20 / 25.4  # inches
A4 = 9
LONGEST_TEXT = 32_767  # characters of a cell; more would leave it empty


class Spreadsheet:
    """`row` is where the next cells go. Rows and columns count from 0."""

    def __init__(self, *, title: str, imprint: Imprint, widths: Sequence[float]) -> None:
        self._buffer = BytesIO()
        self._workbook = Workbook(self._buffer, {"in_memory": True})
        self._formats: dict[tuple[tuple[str, Any], ...], Format] = {}
        # The file tells the time of the record, not that of the clock.
        created = imprint.moment.astimezone(datetime.UTC).replace(tzinfo=None)
        self._workbook.set_properties({"title": title, "created": created})
        self._sheet = self._workbook.add_worksheet()
        self._last_column = len(widths) - 1
        for column, width in enumerate(widths):
            self._sheet.set_column(column, column, width)
        self._set_page(imprint)
        self.row = 0
        self._title(title)

    def close(self) -> bytes:
        self._workbook.close()
        return self._buffer.getvalue()

    def next_row(self, count: int = 1) -> None:
        self.row += count

    def repeat_on_every_page(self, first_row: int) -> None:
        """Let the rows from the first to the one before the current one head each page."""
        self._sheet.repeat_rows(first_row, self.row - 1)

    def header(self, column: int, text: str, *, until: int | None = None, group: bool = False) -> None:
        grey = DARK_GREY if group else LIGHT_GREY
        style = self._format(bold=True, align="center", bg_color=grey)
        self._merge(column, until, style)
        self._sheet.write_string(self.row, column, text, style)

    def headers(self, texts: Sequence[str]) -> None:
        for column, text in enumerate(texts):
            self.header(column, text)
        self.next_row()

    def text(self, column: int, text: str, *, until: int | None = None, align: str = "left") -> None:
        style = self._format(align=align, text_wrap=True)
        self._merge(column, until, style)
        if text:
            # Never write(), which takes text that begins with = for a formula.
            self._sheet.write_string(self.row, column, text[:LONGEST_TEXT], style)
        else:
            self._sheet.write_blank(self.row, column, None, style)

    def amount(
        self, column: int, won: int | None, *, until: int | None = None, number_format: str = AMOUNT
    ) -> None:
        if won is None:
            self.text(column, "-", until=until, align="right")
            return
        style = self._format(num_format=number_format)
        self._merge(column, until, style)
        self._sheet.write_number(self.row, column, won, style)

    def measure(self, column: int, number: Decimal, unit: str) -> bool:
        """Write 39명 as the number 39, and say so, or a point where a number does not apply."""
        if not unit and number == 1:
            self.text(column, ".", align="center")
            return False
        digits = "#,##0" if number == number.to_integral_value() else "#,##0.##"
        quoted = '"{}"'.format(unit.replace('"', "")) if unit else ""
        style = self._format(num_format=digits + quoted, align="center")
        self._sheet.write_number(self.row, column, number, style)
        return True

    def day(self, column: int, day: datetime.date | None) -> None:
        if day is None:
            self.text(column, "")
        else:
            self._sheet.write_datetime(self.row, column, day, self._format(num_format=DAY, align="center"))

    def formula(
        self,
        column: int,
        formula: str,
        value: int,
        *,
        until: int | None = None,
        number_format: str = AMOUNT,
        bold: bool = False,
    ) -> str:
        """Write a formula with the value it has now, and return the address of its cell."""
        style = self._format(num_format=number_format, bold=bold)
        self._merge(column, until, style)
        self._sheet.write_formula(self.row, column, formula, style, value)
        return self.address(column)

    def address(self, column: int, *, row: int | None = None) -> str:
        address: str = xl_rowcol_to_cell(self.row if row is None else row, column)
        return address

    def sum_above(self, column: int, first_row: int) -> str:
        """Return the formula for the sum of a column, from a row to the one above the current one."""
        first, last = (xl_rowcol_to_cell(row, column) for row in (first_row, self.row - 1))
        return f"=SUM({first}:{last})" if self.row > first_row else "=0"

    def _merge(self, column: int, until: int | None, style: Format) -> None:
        if until is not None:
            self._sheet.merge_range(self.row, column, self.row, until, "", style)

    def _title(self, title: str) -> None:
        style = self._workbook.add_format(
            {"font_name": "바탕", "font_size": 18, "bold": True, "align": "center", "valign": "vcenter"}
        )
        style.set_top(2)
        style.set_bottom(2)
        self._sheet.set_row(0, 36)
        self._sheet.merge_range(0, 0, 0, self._last_column, "", style)
        self._sheet.write_string(0, 0, title, style)
        self.next_row(2)

    def _set_page(self, imprint: Imprint) -> None:
        self._sheet.set_paper(A4)
        self._sheet.set_portrait()
        self._sheet.set_margins(left=MARGIN, right=MARGIN, top=MARGIN, bottom=MARGIN)
        self._sheet.fit_to_pages(1, 0)
        self._sheet.center_horizontally()
        self._sheet.hide_gridlines(2)
        self._sheet.set_footer(f'&C&"바탕"&8{_escape(str(imprint))} · &P / &N')
        if imprint.is_draft:
            self._sheet.set_header('&C&"바탕"&96&KD9D9D9\n\n초안')

    def _format(self, **properties: Any) -> Format:
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            common = {"font_name": "바탕", "font_size": 10, "border": 1, "valign": "vcenter"}
            self._formats[key] = self._workbook.add_format({**common, **properties})
        return self._formats[key]


def _escape(text: str) -> str:
    return text.replace("&", "&&")
