"""What cannot be taken back, or only while the tables are empty."""

from django.db import migrations, models
from django.db.migrations.operations.base import Operation

from config.migration_operations.update_in_batches import UpdateInBatches
from config.operations.schema_change.lint.findings import Severity
from tests.config.operations.schema_change.lint.corpus.cases import Safe, Unsafe

ALWAYS = {"severity": Severity.ERROR, "small": Severity.ERROR}
VIEW = "CREATE VIEW open_events AS SELECT * FROM events"


class OneWay(Operation):
    reversible = False
    reduces_to_sql = False

    def state_forwards(self, app_label, state):
        pass


def look(apps, schema_editor):
    apps.get_model("parish", "Event").objects.count()


UNSAFE = [
    Unsafe(
        id="sql_without_a_reverse", rule="missing-reverse", **ALWAYS, operations=[migrations.RunSQL(VIEW)]
    ),
    Unsafe(
        id="python_without_a_reverse",
        rule="missing-reverse",
        **ALWAYS,
        operations=[migrations.RunPython(look)],
    ),
    Unsafe(
        id="sql_without_a_reverse_kept_apart_from_the_state",
        rule="missing-reverse",
        **ALWAYS,
        operations=[migrations.SeparateDatabaseAndState(database_operations=[migrations.RunSQL(VIEW)])],
    ),
    Unsafe(
        id="a_column_that_the_reverse_leaves",
        rule="missing-reverse",
        **ALWAYS,
        operations=[migrations.RunSQL("ALTER TABLE events ADD place text", migrations.RunSQL.noop)],
    ),
    Unsafe(
        id="a_trigger_that_the_reverse_leaves",
        rule="missing-reverse",
        **ALWAYS,
        operations=[
            migrations.RunSQL(
                "CREATE TRIGGER watch AFTER UPDATE ON events EXECUTE FUNCTION watch()", migrations.RunSQL.noop
            )
        ],
    ),
    Unsafe(id="an_operation_for_one_way", rule="irreversible-operation", **ALWAYS, operations=[OneWay()]),
    Unsafe(
        id="batches_without_a_reverse",
        rule="irreversible-operation",
        **ALWAYS,
        atomic=False,
        operations=[
            UpdateInBatches("fill", "Event", {"note": ""}, where=models.Q(note=None)),
        ],
    ),
    Unsafe(
        id="a_required_field_removed",
        rule="reverse-needs-value",
        **ALWAYS,
        also=("drop-in-use",),
        operations=[migrations.RemoveField("event", "memo")],
    ),
    Unsafe(
        id="a_link_that_is_required_removed",
        rule="reverse-needs-value",
        **ALWAYS,
        also=("drop-in-use",),
        operations=[migrations.RemoveField("event", "organization")],
    ),
]
SAFE = [
    Safe(id="sql_with_a_reverse", operations=[migrations.RunSQL(VIEW, "DROP VIEW open_events")]),
    Safe(
        id="python_whose_reverse_is_to_do_nothing",
        operations=[migrations.RunPython(look, migrations.RunPython.noop)],
    ),
    Safe(
        id="a_function_that_may_stay",
        operations=[
            migrations.RunSQL(
                "CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                migrations.RunSQL.noop,
            )
        ],
    ),
    Safe(
        id="batches_with_a_reverse",
        atomic=False,
        operations=[
            UpdateInBatches(
                "fill", "Event", {"note": ""}, where=models.Q(note=None), reverse=UpdateInBatches.noop
            ),
        ],
    ),
]
