import json

import pytest
from django.db import connection

from config.operations.models import Direction
from config.operations.schema_change.lint.findings import Finding, Severity
from config.operations.schema_change.preview import preview_plan
from config.operations.schema_change.preview_report import (
    describe_preview,
    preview_facts,
    preview_markdown,
)
from config.operations.schema_change.sizes import read_sizes
from tests.config.operations.schema_change.trials import MEMBERS, execute, fill, migrate, plan_for
from tests.factories import MigrationRunFactory, RehearsalFactory

NOTE = 'migrations.AddField("member", "remark", TextField(default="", db_default=""))'
FINDING = Finding(
    rule="some-rule",
    severity=Severity.ERROR,
    migration="trial.0002",
    operation=0,
    table="trial_member",
    why="It is dangerous.",
    safe_form="Do it in two steps.",
)

pytestmark = pytest.mark.usefixtures("english")


@pytest.fixture
def pending(trial):
    """A table with rows, and a second migration that adds a column to it."""
    trial.write("0001", MEMBERS)
    migrate("0001", large=())
    fill()
    execute("ANALYZE trial_member")
    trial.write("0002", NOTE)
    return trial


def preview(*findings):
    sizes = read_sizes(connection=connection)
    return preview_plan(
        connection=connection, plan=plan_for("newest", large=()), sizes=sizes, findings=findings
    )


def lines(*findings):
    return "\n".join(describe_preview(preview=preview(*findings)))


class TestPreviewPlan:
    def test_names_the_strongest_lock_on_each_table_with_its_size(self, pending):
        [migration] = preview().migrations

        [lock] = migration.locks
        assert (lock.table, lock.mode.name) == ("trial_member", "ACCESS_EXCLUSIVE")
        assert lock.size.bytes > 0

    def test_names_what_a_reverse_would_drop(self, trial):
        trial.write("0001", MEMBERS + NOTE)

        [migration] = preview().migrations

        assert migration.loses == (
            "the table of Group",
            "the table of Member",
            "the column remark of member",
        )

    def test_knows_what_cannot_be_taken_back(self, pending):
        pending.write("0002", 'migrations.RunSQL("SELECT 1")')

        [migration] = preview().migrations

        assert not migration.is_reversible

    def test_expects_the_duration_of_the_last_time(self, pending):
        MigrationRunFactory(migration="trial.0002", seconds=1.5)

        [migration] = preview().migrations

        assert migration.expected.seconds == 1.5
        assert not migration.expected.is_rehearsed

    def test_expects_rather_the_duration_of_the_last_rehearsal_of_this_plan(self, pending):
        MigrationRunFactory(migration="trial.0002", seconds=1.5)
        report = {"migrations": [{"name": "trial.0002", "seconds": 2.5}]}
        RehearsalFactory(plan=plan_for("newest", large=()).fingerprint, report=report)
        RehearsalFactory(plan="f" * 64, report={"migrations": []})

        [migration] = preview().migrations

        assert migration.expected.seconds == 2.5
        assert migration.expected.is_rehearsed

    def test_gives_a_finding_to_its_migration(self, pending):
        [migration] = preview(FINDING).migrations

        assert migration.findings == (FINDING,)


class TestDescribePreview:
    def test_says_that_nothing_is_pending(self, trial):
        assert lines() == "Nothing is pending."

    def test_shows_operations_sql_locks_and_the_way_back(self, pending):
        text = lines()

        assert "trial.0002 — All or nothing, not rehearsed" in text
        assert "1. Add the column remark to member" in text
        assert 'ALTER TABLE "trial_member" ADD COLUMN "remark" text DEFAULT \'\' NOT NULL;' in text
        assert "Lock: trial_member ACCESS EXCLUSIVE (10 rows, " in text
        assert "Then gone to the attic: the column remark of member" in text
        assert "→ manage.py rehearse" in text
        assert f"Plan {plan_for('newest', large=()).fingerprint[:12]}" in text

    def test_shows_why_the_linter_objects_and_the_safe_form(self, pending):
        text = lines(FINDING)

        assert "✗ some-rule: It is dangerous." in text
        assert "→ Do it in two steps." in text

    def test_tells_where_only_running_shows_the_sql(self, pending):
        pending.write("0002", "migrations.RunPython(migrations.RunPython.noop, migrations.RunPython.noop)")

        assert "(what it executes is known only when it runs)" in lines()


class TestPreviewMarkdown:
    def test_has_a_row_and_the_sql_of_each_migration(self, pending):
        text = preview_markdown(preview=preview(FINDING))

        assert text.startswith("## Plan ")
        row = "| trial.0002 | All or nothing | trial_member ACCESS EXCLUSIVE"
        assert row in text
        assert "| yes | not rehearsed | error: some-rule |" in text
        assert "   ```sql\n   ALTER TABLE" in text


class TestPreviewFacts:
    def test_are_json_with_everything_a_program_needs(self, pending):
        facts = json.loads(json.dumps(preview_facts(preview=preview(FINDING))))

        [migration] = facts["migrations"]
        assert migration["name"] == "trial.0002"
        assert migration["direction"] == Direction.APPLY
        assert migration["operations"][0]["sql"][0].startswith("ALTER TABLE")
        assert migration["locks"][0]["mode"] == "ACCESS_EXCLUSIVE"
        assert migration["reverse_drops"] == ["the column remark of member"]
        assert migration["findings"][0]["rule"] == "some-rule"
