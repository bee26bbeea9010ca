import pytest

from config.operations.schema_change.lint.linter import lint_selection
from tests.config.operations.schema_change.lint.corpus import (
    code,
    columns,
    locks,
    releases,
    reversal,
    rows,
    transactions,
)
from tests.config.operations.schema_change.lint.corpus.cases import LARGE, SMALL, TABLES, selection

GROUPS = (code, columns, locks, releases, reversal, rows, transactions)


def named(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.id)


UNSAFE = [case for group in GROUPS for case in group.UNSAFE]
SAFE = [case for group in GROUPS for case in group.SAFE]


class TestLint:
    @named(UNSAFE)
    def test_finds_in_a_large_table(self, case):
        findings = lint_selection(selection=selection(case, sizes=dict.fromkeys(TABLES, LARGE)))

        found = [each for each in findings if each.rule == case.rule]
        assert [each.severity for each in found][:1] == [case.severity], findings
        assert case.table in (None, found[0].table)
        assert {each.rule for each in findings} <= {case.rule, *case.also}

    @named(UNSAFE)
    def test_is_milder_on_a_small_table(self, case):
        findings = lint_selection(selection=selection(case, sizes=dict.fromkeys(TABLES, SMALL)))

        found = {each.severity for each in findings if each.rule == case.rule}
        assert found == ({case.small} if case.small else set())

    @named(SAFE)
    def test_has_nothing_against(self, case):
        findings = lint_selection(selection=selection(case))

        assert findings == ()
