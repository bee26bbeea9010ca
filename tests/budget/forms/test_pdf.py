"""The printed pages, read back as text."""

import io

import pypdf
import pytest

from budget.forms import pdf
from budget.forms.pdf import UnableToPrint, print_pdf
from budget.forms.printing_press import AddressRefused, press
from tests.budget.forms.papers import (
    MOMENT,
    budget_paper,
    detail_paper,
    expense_paper,
    receipt,
    settlement_paper,
)


def read(content):
    """Return the file, and the words of each page with single spaces."""
    document = pypdf.PdfReader(io.BytesIO(content))
    return document, [" ".join(page.extract_text().split()) for page in document.pages]


class TestPrintPdf:
    def test_prints_the_budget_on_one_page(self):
        document, [page] = read(print_pdf(form=budget_paper()))

        assert page.startswith("겨울피정 예산서 예산수입내역 예산지출내역 항목 금액 비고 항목 금액 비고")
        assert "예상수입총액 49,000 예상지출총액 15,000" in page
        assert "예산 총액 예상소요예산 15,000 본당보조예산 40,000 자체예산 -25,000" in page
        assert (
            "2025 예산 배정액 (A) ₩30,000 금번 신청액 ₩40,000 신청 누계액(B) ₩45,000 잔여액(A-B) -₩15,000"
            in page
        )
        assert "입금계좌 한마음은행 000-00 수취인 중고등부" in page
        assert page.endswith("완료 · 제1판 · 확정 2025.3.9 12:45 · 1 / 1")
        assert document.metadata.title == "겨울피정 예산서"
        assert [round(float(side) * 25.4 / 72) for side in document.pages[0].mediabox[2:]] == [210, 297]

    def test_repeats_the_header_on_every_page_of_a_long_table(self):
        _document, pages = read(print_pdf(form=expense_paper(60)))

        assert len(pages) == 3
        for number, page in enumerate(pages, start=1):
            assert "분류 일시 거래처 상세 금액(원) 결제방식 비고" in page
            assert page.endswith(f"{number} / 3")
        assert "지출 총액 2,100,000" in pages[-1]
        assert (
            "식비 2025.8.5 @한아름 마트 식재료 35,000 박보람 개인카드 20250805 식재료(김은총).jpg" in pages[0]
        )

    def test_prints_six_receipts_to_a_page_behind_the_table(self):
        receipts = (*(receipt(number) for number in range(1, 8)), receipt(8, has_picture=False))

        document, pages = read(print_pdf(form=expense_paper(receipts=receipts)))

        drawn = [page.get_contents().get_data().count(b" Do") for page in document.pages]
        assert drawn == [0, 6, 1]
        assert "1. 2025.8.5 한아름 마트 35,000원" in pages[1]
        assert "8.jpg 그림이 아니어서 원본을 따로 붙입니다." in pages[2]

    def test_prints_a_point_where_a_number_does_not_apply(self):
        _document, [page] = read(print_pdf(form=detail_paper()))

        assert "숙소 -숙박비 15,000 30명 2.5박 1,125,000 보험료 72,300 . . 72,300" in page
        assert "예산 총액 1,197,300" in page

    def test_prints_dashes_and_red_figures_in_the_settlement(self):
        content = print_pdf(form=settlement_paper())
        document, [page] = read(content)

        assert "예비비 - - - - - - - 수입총액 9,000 지출총액 15,000" in page
        assert "예산 잔액 -6,000 계좌잔액 -6,500 현금잔액 500 반환 예정 금액 0" in page
        assert document.pages[0].get_contents().get_data().count(b"0.752941 0 0 rg") == 2

    @pytest.mark.parametrize("is_draft", [True, False])
    def test_prints_the_watermark_on_every_page_of_a_draft(self, is_draft):
        _document, pages = read(print_pdf(form=budget_paper(40, is_draft=is_draft)))

        assert [("초안" in page) for page in pages] == [is_draft, is_draft]

    def test_gives_the_same_bytes_for_the_same_form(self, monkeypatch):
        first = print_pdf(form=settlement_paper())
        # Whatever cuts the fonts down may ask for the time.
        monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)

        assert print_pdf(form=settlement_paper()) == first

    def test_tells_the_time_of_the_record_and_not_that_of_the_clock(self):
        document, _pages = read(print_pdf(form=settlement_paper()))

        assert document.metadata.creation_date == document.metadata.modification_date == MOMENT

    def test_uses_the_serif_font_only_in_the_margins_too(self):
        document, _pages = read(print_pdf(form=budget_paper(is_draft=True)))

        fonts = document.pages[0]["/Resources"]["/Font"].values()
        assert {font.get_object()["/BaseFont"].partition("+")[2] for font in fonts} <= {
            "NanumMyeongjo",
            "NanumMyeongjo-Bold",
        }

    def test_takes_no_markup_and_no_address_from_what_people_type(self):
        form = budget_paper(account_holder='<img src="file:///etc/hostname"><b>중고등부</b>')

        _document, [page] = read(print_pdf(form=form))

        assert '<img src="file:///etc/hostname"><b>중고등부</b>' in page.replace(" ", "").replace(
            "imgs", "img s"
        )

    def test_names_the_next_command_where_a_library_is_missing(self, monkeypatch):
        def refuse(name, *arguments):
            if name == "budget.forms.printing_press":
                raise OSError("cannot load library 'libpango-1.0-0'")
            return original(name, *arguments)

        original = __import__
        monkeypatch.setattr("builtins.__import__", refuse)

        with pytest.raises(UnableToPrint, match=r"libpango.*\n→ .*make setup"):
            pdf.print_pdf(form=budget_paper())


class TestPress:
    @pytest.mark.parametrize(
        "address", ["file:///etc/hostname", "http://127.0.0.1:9/picture.png", "data:image/png;base64,AAAA"]
    )
    def test_refuses_every_address(self, address):
        with pytest.raises(AddressRefused):
            press(f'<img src="{address}">', pictures={"receipt:1": b""})

    def test_refuses_a_stylesheet_from_outside(self):
        with pytest.raises(AddressRefused):
            press('<style>@import "file:///etc/hostname";</style>', pictures={})
