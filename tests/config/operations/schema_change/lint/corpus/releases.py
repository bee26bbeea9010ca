"""What the code of the release before does not survive, and the way in two releases."""

from django.db import migrations, models

from config.operations.schema_change.lint.findings import Severity
from tests.config.operations.schema_change.lint.corpus.cases import Safe, Unsafe

ALWAYS = {"severity": Severity.ERROR, "small": Severity.ERROR}


def run(sql, reverse="SELECT 1", **options):
    return migrations.RunSQL(sql, reverse, **options)


UNSAFE = [
    Unsafe(
        id="a_field_removed",
        rule="drop-in-use",
        **ALWAYS,
        operations=[migrations.RemoveField("event", "note")],
        table="events",
    ),
    Unsafe(
        id="a_table_of_links_removed",
        rule="drop-in-use",
        **ALWAYS,
        operations=[migrations.RemoveField("event", "guests")],
        table="events_guests",
    ),
    Unsafe(id="a_model_deleted", rule="drop-in-use", **ALWAYS, operations=[migrations.DeleteModel("Event")]),
    Unsafe(
        id="a_column_dropped_in_raw_sql",
        rule="drop-in-use",
        **ALWAYS,
        operations=[
            run('ALTER TABLE "events" DROP COLUMN IF EXISTS "note"', "ALTER TABLE events ADD note text")
        ],
    ),
    Unsafe(
        id="a_column_dropped_together_with_the_field",
        rule="drop-in-use",
        **ALWAYS,
        operations=[
            run(
                "ALTER TABLE events DROP note",
                "ALTER TABLE events ADD note text",
                state_operations=[migrations.RemoveField("event", "note")],
            )
        ],
    ),
    Unsafe(
        id="a_table_dropped_in_raw_sql",
        rule="drop-in-use",
        **ALWAYS,
        operations=[run("DROP TABLE events CASCADE")],
    ),
    Unsafe(
        id="a_field_renamed",
        rule="rename-in-use",
        **ALWAYS,
        operations=[migrations.RenameField("event", "note", "notice")],
    ),
    Unsafe(
        id="a_field_given_another_column",
        rule="rename-in-use",
        **ALWAYS,
        operations=[migrations.AlterField("event", "note", models.TextField(null=True, db_column="notice"))],
    ),
    Unsafe(
        id="a_table_renamed",
        rule="rename-in-use",
        **ALWAYS,
        operations=[
            migrations.AlterModelTable("event", "gatherings"),
        ],
    ),
    Unsafe(
        id="a_model_renamed_whose_links_follow",
        rule="rename-in-use",
        **ALWAYS,
        operations=[migrations.RenameModel("Event", "Gathering")],
        also=("blocking-constraint",),
        table="events_guests",
    ),
    Unsafe(
        id="a_column_renamed_in_raw_sql",
        rule="rename-in-use",
        **ALWAYS,
        operations=[
            run("ALTER TABLE events RENAME note TO notice", "ALTER TABLE events RENAME notice TO note")
        ],
    ),
    Unsafe(
        id="a_table_renamed_in_raw_sql",
        rule="rename-in-use",
        **ALWAYS,
        operations=[
            run("ALTER TABLE events RENAME TO gatherings", "ALTER TABLE gatherings RENAME TO events")
        ],
    ),
    Unsafe(
        id="a_table_moved_to_another_schema",
        rule="rename-in-use",
        **ALWAYS,
        operations=[run("ALTER TABLE events SET SCHEMA archive")],
    ),
    Unsafe(
        id="a_column_that_only_python_fills",
        rule="required-column",
        **ALWAYS,
        operations=[migrations.AddField("event", "place", models.TextField(default=""))],
    ),
    Unsafe(
        id="a_column_that_is_filled_once",
        rule="required-column",
        **ALWAYS,
        operations=[
            migrations.AddField("event", "is_open", models.BooleanField(default=True), preserve_default=False)
        ],
    ),
    Unsafe(
        id="an_order_of_the_rows",
        rule="required-column",
        **ALWAYS,
        operations=[migrations.AlterOrderWithRespectTo("event", "organization")],
    ),
    Unsafe(
        id="a_column_that_nobody_fills",
        rule="required-column",
        **ALWAYS,
        operations=[migrations.AddField("event", "chairs", models.IntegerField())],
    ),
    Unsafe(
        id="a_column_that_nobody_fills_in_raw_sql",
        rule="required-column",
        **ALWAYS,
        operations=[
            run("ALTER TABLE events ADD COLUMN chairs bigint NOT NULL", "ALTER TABLE events DROP chairs")
        ],
    ),
    Unsafe(
        id="a_default_taken_away",
        rule="default-in-use",
        **ALWAYS,
        operations=[
            migrations.AlterField("event", "status", models.CharField(max_length=20, default="PLANNING"))
        ],
    ),
    Unsafe(
        id="a_default_taken_away_in_raw_sql",
        rule="default-in-use",
        **ALWAYS,
        operations=[
            run(
                "ALTER TABLE events ALTER status DROP DEFAULT",
                "ALTER TABLE events ALTER status SET DEFAULT 'PLANNING'",
            )
        ],
    ),
]
SAFE = [
    Safe(
        id="a_field_renamed_in_python_alone",
        operations=[
            migrations.AlterField("event", "note", models.TextField(null=True, db_column="note")),
            migrations.RenameField("event", "note", "notice"),
        ],
    ),
    Safe(
        id="a_model_renamed_in_python_alone",
        operations=[
            migrations.CreateModel(
                "Visit", [("id", models.BigAutoField(primary_key=True))], options={"db_table": "visits"}
            ),
            migrations.RenameModel("Visit", "Call"),
        ],
    ),
    Safe(
        id="a_field_taken_out_of_the_models_only",
        operations=[
            migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("event", "note")])
        ],
    ),
    Safe(
        id="a_column_that_no_model_has_any_more",
        operations=[run("ALTER TABLE events DROP old_note", "ALTER TABLE events ADD old_note text")],
    ),
    Safe(
        id="a_column_dropped_one_release_after_its_field",
        earlier=[
            [migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("event", "note")])]
        ],
        operations=[
            migrations.SeparateDatabaseAndState(
                database_operations=[
                    migrations.SeparateDatabaseAndState(
                        state_operations=[migrations.AddField("event", "note", models.TextField(null=True))]
                    ),
                    migrations.RemoveField("event", "note"),
                ]
            )
        ],
    ),
    Safe(
        id="a_table_that_no_model_has_any_more",
        operations=[run("DROP TABLE old_events", "CREATE TABLE old_events (id bigint PRIMARY KEY)")],
    ),
    Safe(
        id="a_required_column_that_the_database_fills",
        operations=[migrations.AddField("event", "place", models.TextField(default="", db_default=""))],
    ),
    Safe(
        id="a_column_that_was_only_tried_out",
        operations=[
            migrations.AddField("event", "place", models.TextField(null=True)),
            migrations.RemoveField("event", "place"),
        ],
    ),
    Safe(
        id="another_default",
        operations=[
            migrations.AlterField(
                "event", "status", models.CharField(max_length=20, default="DRAFT", db_default="DRAFT")
            )
        ],
    ),
]
