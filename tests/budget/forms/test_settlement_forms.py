"""What stands in forms 3 and 4."""

import datetime

from budget.forms.settlement_forms import expense_detail_form, settlement_form
from budget.models import Settlement
from tests.budget.forms.conftest import NOW, attach


class TestSettlementForm:
    def test_sums_what_was_spent_and_names_what_was_not(self, settlement):
        form = settlement_form(settlement=settlement, now=NOW)

        assert form.title == "2025 겨울피정 2025 결산"
        assert [(line.title, line.amount) for line in form.incomes] == [
            ("참가비", 900_000),
            ("후원금", 300_000),
            ("", 300_000),
        ]
        assert [(line.title, line.amount) for line in form.expenses] == [
            ("식비", 799_750),
            ("숙소", 900_000),
            ("간식비", 46_500),
            ("차량", None),
            ("프로그램", None),
            ("보험료", None),
            ("예비비", None),
        ]
        kept = form.account_balance + form.cash_balance + form.return_amount
        assert form.balance == kept == 1_500_000 - 1_746_250

    def test_agrees_with_the_sums_of_the_database(self, settlement):
        form = settlement_form(settlement=settlement, now=NOW)

        stored = Settlement.objects.with_totals().get(pk=settlement.pk)
        sums = (stored.total_income, stored.total_expense, stored.balance)
        assert (form.total_income, form.total_expense, form.balance) == sums

    def test_takes_the_time_of_a_completed_one_from_its_record(self, settlement):
        imprint = settlement_form(settlement=settlement, now=NOW).imprint

        assert str(imprint) == "결산 완료 · 예산 제1판 · 확정 2025.3.9 12:45"
        assert not imprint.is_draft

    def test_is_a_draft_until_it_is_completed(self, settlement):
        settlement.status = "IN_REVIEW"

        imprint = settlement_form(settlement=settlement, now=NOW).imprint

        assert imprint.is_draft
        assert str(imprint) == "결산 검토 중 · 예산 제1판 · 인쇄 2025.2.1 12:04"


class TestExpenseDetailForm:
    def test_groups_by_category_and_then_by_day(self, settlement):
        form = expense_detail_form(settlement=settlement, now=NOW)

        assert [(line.category, line.day.day, line.description) for line in form.lines] == [
            ("식비", 13, "식재료"),
            ("식비", 15, "추가 식재료"),
            ("숙소", 16, "숙박비"),
            ("간식비", 15, "컵라면"),
        ]
        assert form.total == 1_746_250

    def test_puts_what_has_no_day_last_in_its_category(self, settlement):
        settlement.items.filter(description="식재료").update(transacted_on=None)

        lines = expense_detail_form(settlement=settlement, now=NOW).lines

        assert [line.day for line in lines[:2]] == [datetime.date(2025, 2, 15), None]

    def test_names_whom_to_reimburse(self, settlement):
        lines = expense_detail_form(settlement=settlement, now=NOW).lines

        assert [(line.payer, line.payment_method) for line in lines] == [
            ("", "체크카드"),
            ("박보람", "개인카드"),
            ("", "체크카드"),
            ("", "현금"),
        ]

    def test_lists_the_receipts_or_why_there_is_none(self, settlement):
        attach(settlement, "식재료", "20250213 고기(김은총).jpg")
        settlement.items.filter(description="식재료").update(
            missing_receipt_reason="영수증 분실", note="2회 결제"
        )

        lines = expense_detail_form(settlement=settlement, now=NOW).lines

        assert [line.remarks for line in lines] == [
            ("20250213 고기(김은총).jpg", "20250213 식재료(김은총).jpg", "2회 결제"),
            (),
            (),
            ("영수증 분실, 현금출납부 참고",),
        ]

    def test_numbers_the_receipts_like_the_lines(self, settlement, settings, tmp_path):
        settings.MEDIA_ROOT = tmp_path
        attach(settlement, "컵라면", "20250215 컵라면.pdf")

        form = expense_detail_form(settlement=settlement, now=NOW, with_receipts=True)

        assert [(receipt.caption, receipt.filename, receipt.picture) for receipt in form.receipts] == [
            ("1. 2025.2.13 한아름 마트 612,300원", "20250213 식재료(김은총).jpg", None),
            ("4. 2025.2.15 산들 편의점 46,500원", "20250215 컵라면.pdf", None),
        ]

    def test_reads_no_receipt_unasked(self, settlement):
        assert expense_detail_form(settlement=settlement, now=NOW).receipts == ()

    def test_asks_few_questions_however_long_it_is(self, settlement, django_assert_num_queries):
        read = Settlement.objects.select_related("event__budget").get(pk=settlement.pk)

        with django_assert_num_queries(2):
            expense_detail_form(settlement=read, now=NOW)
