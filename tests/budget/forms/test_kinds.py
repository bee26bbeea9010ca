"""The four forms by their names."""

import pytest

from budget.forms.kinds import FormKind, NothingToPrint, build_form
from tests.budget.forms.conftest import NOW


class TestBuildForm:
    @pytest.mark.parametrize(
        ("kind", "title"),
        [
            ("budget", "겨울피정 2025 예산서"),
            ("budget-detail", "겨울피정 2025 예산상세 내역서"),
            ("settlement", "2025 겨울피정 2025 결산"),
            ("expense-detail", "겨울피정 2025 지출 상세내역서"),
        ],
    )
    def test_builds_the_form_of_that_name(self, settlement, kind, title):
        assert build_form(event=settlement.event, kind=FormKind(kind), now=NOW).title == title

    @pytest.mark.parametrize("kind", FormKind)
    def test_says_what_is_missing_for_it(self, event, kind):
        missing = "예산서" if kind in {FormKind.BUDGET, FormKind.BUDGET_DETAIL} else "결산서"

        with pytest.raises(NothingToPrint, match=f"아직 {missing}가 없는 행사입니다: 겨울피정 2025"):
            build_form(event=event, kind=kind, now=NOW)
