import pytest

from config.operations.schema_change.lint.findings import Severity, open_errors
from config.operations.schema_change.lint.linter import lint_selection
from config.operations.schema_change.lint.selection import Selection
from tests.config.operations.schema_change.lint.corpus.cases import SMALL, TABLES, beginning
from tests.config.operations.schema_change.lint.files import load_migration

DROP = "migrations.RemoveField('event', 'note')"
INDEX = 'migrations.RunSQL("CREATE INDEX by_note ON events (note)", "DROP INDEX by_note")'


@pytest.fixture
def lint(tmp_path):
    """Return a function that lints a migration of one operation below a comment."""

    def lint(comment, operation=DROP, *, sizes=None):
        source = f"""
from django.db import migrations

class Migration(migrations.Migration):
    {comment}
    operations = [{operation}]
"""
        migration = load_migration(tmp_path / "0002_change.py", source)
        return lint_selection(
            selection=Selection(migrations=(migration,), state=beginning().clone(), sizes=sizes)
        )

    return lint


class TestAcceptances:
    def test_with_a_reason_take_the_risk(self, lint):
        (finding,) = lint("# lint: accept drop-in-use because the service is stopped")

        assert (finding.rule, finding.accepted) == ("drop-in-use", "the service is stopped")
        assert open_errors([finding]) == []

    @pytest.mark.parametrize(
        "comment",
        [
            "# lint: accept drop-in-use",
            "# lint: accept drop-in-use because",
            "# lint: ignore drop-in-use because the service is stopped",
            "#lint:accept",
        ],
    )
    def test_without_a_reason_are_errors_themselves(self, lint, comment):
        findings = lint(comment)

        assert [each.rule for each in open_errors(findings)] == ["drop-in-use", "unexplained-acceptance"]
        assert comment in findings[1].why

    @pytest.mark.parametrize("rule", ["rename-in-use", "no-such-rule"])
    def test_of_what_nobody_objects_to_are_errors_themselves(self, lint, rule):
        findings = lint(f"# lint: accept {rule} because the service is stopped")

        assert [each.rule for each in open_errors(findings)] == ["drop-in-use", "needless-acceptance"]

    def test_of_locks_are_not_needless_while_the_table_is_small(self, lint):
        comment = "# lint: accept blocking-index because nobody works at night"

        assert lint(comment, INDEX, sizes=dict.fromkeys(TABLES, SMALL)) == ()
        assert [each.accepted for each in lint(comment, INDEX)] == ["nobody works at night"]

    def test_in_a_string_are_none(self, lint):
        findings = lint('"""\n    # lint: accept drop-in-use because the service is stopped\n    """')

        assert [(each.rule, each.severity) for each in open_errors(findings)] == [
            ("drop-in-use", Severity.ERROR)
        ]
