import pytest

from config.operations.schema_change.approval import Approval, NotApproved, require_approval
from config.operations.schema_change.planning import Plan

PLAN = Plan(migrations=(), fingerprint="0123456789ab" + "c" * 52)
SHOWN = "0123456789ab"


def require(**approval):
    require_approval(plan=PLAN, approval=Approval(**approval))


@pytest.fixture
def production(settings):
    settings.ENVIRONMENT = "production"


@pytest.mark.usefixtures("english")
class TestRequireApproval:
    def test_asks_for_nothing_outside_production(self):
        require()

    @pytest.mark.usefixtures("production")
    def test_accepts_in_production_a_name_and_the_plan(self):
        require(approver="Approver", plan=SHOWN)

    @pytest.mark.usefixtures("production")
    @pytest.mark.parametrize("approval", [{}, {"approver": "Approver"}, {"plan": SHOWN}])
    def test_refuses_in_production_what_lacks_either_and_says_what_to_type(self, approval):
        with pytest.raises(NotApproved, match=f"--approved-by NAME --plan {SHOWN}"):
            require(**approval)

    def test_refuses_an_approval_for_another_plan_anywhere(self):
        with pytest.raises(NotApproved, match=f"for the plan fedcba987654, but .* the plan {SHOWN}"):
            require(approver="Approver", plan="fedcba987654")

    @pytest.mark.parametrize("plan", [SHOWN[:-1], "0"])
    def test_refuses_too_few_characters_to_tell_plans_apart(self, plan):
        with pytest.raises(NotApproved):
            require(plan=plan)

    @pytest.mark.parametrize("plan", [SHOWN.upper(), PLAN.fingerprint])
    def test_takes_the_whole_fingerprint_and_capital_letters(self, plan):
        require(plan=plan)
