import pytest

from audit.integrity import check_integrity
from tests.factories import AuditTrailFactory

pytestmark = pytest.mark.django_db


def find():
    return list(check_integrity(using="default"))


class TestAuditTrail:
    def test_that_names_unknown_tables_is_found_once_for_each_table(self):
        AuditTrailFactory.create_batch(2, action="UPDATE", table_name="receitps")

        [problem] = find()

        assert problem.id == "audit.W101"
        assert problem.obj == "receitps"
        assert "2" in problem.msg

    def test_that_names_a_table_or_none_is_fine(self):
        AuditTrailFactory(action="UPDATE", table_name="users")
        AuditTrailFactory(action="LOGIN", table_name="")

        assert find() == []
