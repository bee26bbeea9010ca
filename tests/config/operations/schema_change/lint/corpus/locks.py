"""Statements that read or write a whole table while others wait."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models

from config.operations.schema_change.lint.findings import Severity
from tests.config.operations.schema_change.lint.corpus.cases import Safe, Unsafe

SEATS_POSITIVE = models.CheckConstraint(condition=models.Q(seats__gt=0), name="event_seats_positive")
INDEX = models.Index(fields=["status"], name="events_by_status")


def run(sql, reverse="SELECT 1"):
    return migrations.RunSQL(sql, reverse)


class AddIndexSomehow(migrations.AddIndex):
    """The executor cannot know what it does."""


def create_index_by_hand(apps, schema_editor):
    schema_editor.execute("CREATE INDEX events_by_status ON events (status)")


UNSAFE = [
    Unsafe(
        id="an_index",
        rule="blocking-index",
        severity=Severity.WARNING,
        operations=[migrations.AddIndex("event", INDEX)],
        table="events",
    ),
    Unsafe(
        id="an_index_of_a_field",
        rule="blocking-index",
        severity=Severity.WARNING,
        operations=[migrations.AlterField("event", "seats", models.IntegerField(null=True, db_index=True))],
    ),
    Unsafe(
        id="an_index_in_raw_sql",
        rule="blocking-index",
        operations=[run("CREATE INDEX events_by_status ON events (status)", "DROP INDEX events_by_status")],
        table="events",
    ),
    Unsafe(
        id="a_unique_index_in_raw_sql",
        rule="blocking-index",
        operations=[run('create unique index "x" on "events" using btree ("name") where seats > 0')],
    ),
    Unsafe(
        id="an_index_in_raw_sql_kept_apart_from_the_state",
        rule="blocking-index",
        operations=[
            migrations.SeparateDatabaseAndState(
                database_operations=[run("CREATE INDEX events_by_status ON events (status)")],
                state_operations=[migrations.AddIndex("event", INDEX)],
            )
        ],
    ),
    Unsafe(
        id="an_index_from_python",
        rule="blocking-index",
        operations=[migrations.RunPython(create_index_by_hand, migrations.RunPython.noop)],
    ),
    Unsafe(
        id="a_check",
        rule="blocking-constraint",
        severity=Severity.WARNING,
        operations=[migrations.AddConstraint("event", SEATS_POSITIVE)],
    ),
    Unsafe(
        id="a_unique_constraint",
        rule="blocking-constraint",
        severity=Severity.WARNING,
        operations=[
            migrations.AddConstraint("event", models.UniqueConstraint(fields=["name"], name="event_name"))
        ],
    ),
    Unsafe(
        id="fields_that_become_unique_together",
        rule="blocking-constraint",
        severity=Severity.WARNING,
        operations=[migrations.AlterUniqueTogether("event", {("organization", "name")})],
    ),
    Unsafe(
        id="the_index_of_a_foreign_key",
        rule="blocking-index",
        severity=Severity.WARNING,
        operations=[
            migrations.AddField(
                "event",
                "host",
                models.ForeignKey("parish.Organization", models.PROTECT, null=True, related_name="+"),
            )
        ],
    ),
    Unsafe(
        id="the_constraint_of_a_foreign_key",
        rule="blocking-constraint",
        severity=Severity.WARNING,
        operations=[
            migrations.AlterField(
                "event",
                "patron",
                models.ForeignKey(
                    "parish.Organization", models.PROTECT, null=True, related_name="+", db_index=False
                ),
            )
        ],
        table="events",
    ),
    Unsafe(
        id="an_index_by_an_operation_of_somebody",
        rule="blocking-index",
        operations=[AddIndexSomehow("event", INDEX)],
    ),
    Unsafe(
        id="a_check_in_raw_sql",
        rule="blocking-constraint",
        operations=[run("ALTER TABLE events ADD CONSTRAINT positive CHECK (seats > 0)")],
    ),
    Unsafe(
        id="a_foreign_key_in_raw_sql",
        rule="blocking-constraint",
        operations=[
            run("ALTER TABLE events ADD CONSTRAINT host FOREIGN KEY (seats) REFERENCES organizations (id)")
        ],
        table="events",
    ),
    Unsafe(
        id="a_unique_constraint_in_raw_sql",
        rule="blocking-constraint",
        operations=[run("ALTER TABLE events ADD CONSTRAINT event_name UNIQUE (name)")],
    ),
    Unsafe(
        id="a_primary_key_in_raw_sql",
        rule="blocking-constraint",
        operations=[run("ALTER TABLE events DROP CONSTRAINT events_pkey, ADD PRIMARY KEY (id)")],
    ),
    Unsafe(
        id="an_exclusion_constraint",
        rule="blocking-constraint",
        operations=[
            migrations.AddConstraint(
                "event", ExclusionConstraint(name="one_a_day", expressions=[("starts_on", "=")])
            )
        ],
    ),
    Unsafe(
        id="not_null",
        rule="blocking-not-null",
        severity=Severity.WARNING,
        operations=[migrations.AlterField("event", "note", models.TextField())],
    ),
    Unsafe(
        id="not_null_in_raw_sql",
        rule="blocking-not-null",
        operations=[run("ALTER TABLE events ALTER COLUMN note SET NOT NULL")],
    ),
    Unsafe(
        id="a_reindex",
        rule="blocking-statement",
        operations=[run("REINDEX TABLE events")],
        table="events",
    ),
    Unsafe(
        id="a_cluster",
        rule="blocking-statement",
        operations=[run("CLUSTER events USING events_by_name")],
    ),
    Unsafe(
        id="a_full_vacuum",
        rule="blocking-statement",
        operations=[run("VACUUM FULL events")],
        atomic=False,
    ),
    Unsafe(
        id="a_reindex_of_all_tables", rule="blocking-statement", operations=[run("REINDEX SCHEMA public")]
    ),
    Unsafe(
        id="a_full_vacuum_of_all_tables",
        rule="blocking-statement",
        operations=[run("VACUUM (FULL, ANALYZE)")],
        atomic=False,
    ),
    Unsafe(
        id="a_lock",
        rule="blocking-statement",
        operations=[run("LOCK TABLE events IN SHARE MODE")],
        table="events",
    ),
    Unsafe(
        id="a_block_that_updates",
        rule="unreadable-block",
        severity=Severity.WARNING,
        operations=[run("DO $$ BEGIN UPDATE events SET note = ''; END $$")],
    ),
    Unsafe(
        id="another_tablespace",
        rule="blocking-statement",
        operations=[run("ALTER TABLE events SET TABLESPACE fast")],
    ),
    Unsafe(
        id="an_unlogged_table",
        rule="blocking-statement",
        operations=[run("ALTER TABLE events SET UNLOGGED", "ALTER TABLE events SET LOGGED")],
    ),
    Unsafe(
        id="a_validation_beside_what_it_validates",
        rule="validates-under-lock",
        operations=[
            AddConstraintNotValid("event", SEATS_POSITIVE),
            ValidateConstraint("event", "event_seats_positive"),
        ],
    ),
    Unsafe(
        id="a_validation_after_a_new_column",
        rule="validates-under-lock",
        operations=[
            migrations.AddField("event", "place", models.TextField(null=True)),
            run("ALTER TABLE events VALIDATE CONSTRAINT event_has_remark"),
        ],
    ),
]
SAFE = [
    Safe(id="an_index_built_concurrently", atomic=False, operations=[AddIndexConcurrently("event", INDEX)]),
    Safe(
        id="a_gin_index_built_concurrently",
        atomic=False,
        operations=[AddIndexConcurrently("event", GinIndex(fields=["status"], name="events_gin"))],
    ),
    Safe(
        id="an_index_built_concurrently_in_raw_sql",
        atomic=False,
        operations=[
            run("CREATE INDEX CONCURRENTLY x ON events (status)", "DROP INDEX CONCURRENTLY IF EXISTS x")
        ],
    ),
    Safe(id="an_index_less", operations=[migrations.RemoveIndex("event", "events_by_name")]),
    Safe(
        id="an_index_with_another_name",
        operations=[
            migrations.RenameIndex("event", new_name="events_by_their_name", old_name="events_by_name")
        ],
    ),
    Safe(
        id="an_index_rebuilt_concurrently",
        atomic=False,
        operations=[run("REINDEX INDEX CONCURRENTLY events_by_name")],
    ),
    Safe(
        id="a_new_table_with_all_that_belongs_to_it",
        operations=[
            migrations.CreateModel(
                "Visit",
                [
                    ("id", models.BigAutoField(primary_key=True)),
                    ("event", models.ForeignKey("parish.Event", models.CASCADE)),
                    ("seats", models.PositiveIntegerField()),
                    ("slug", models.CharField(max_length=20, unique=True)),
                ],
                options={"db_table": "visits"},
            ),
            migrations.AddIndex("visit", models.Index(fields=["seats"], name="visits_by_seats")),
            migrations.AddConstraint(
                "visit", models.CheckConstraint(condition=models.Q(seats__gt=0), name="visit_seats")
            ),
            migrations.AlterField("visit", "seats", models.BigIntegerField()),
            run("CREATE INDEX visits_raw ON visits (slug, seats)", "DROP INDEX visits_raw"),
        ],
    ),
    Safe(
        id="a_new_table_with_another_name",
        operations=[
            migrations.CreateModel(
                "Visit",
                [("id", models.BigAutoField(primary_key=True)), ("seats", models.IntegerField())],
            ),
            migrations.RenameModel("Visit", "Call"),
            migrations.AddIndex("call", models.Index(fields=["seats"], name="calls_by_seats")),
            migrations.AddField("call", "key", models.UUIDField(db_default=RandomUUID())),
        ],
    ),
    Safe(
        id="not_null_proved_by_a_check",
        operations=[migrations.AlterField("event", "remark", models.TextField())],
    ),
    Safe(id="a_check_not_validated", operations=[AddConstraintNotValid("event", SEATS_POSITIVE)]),
    Safe(
        id="a_validation_by_itself",
        operations=[ValidateConstraint("event", "event_seats_positive")],
        earlier=[[AddConstraintNotValid("event", SEATS_POSITIVE)]],
    ),
    Safe(
        id="a_validation_with_commits_between",
        atomic=False,
        operations=[
            AddConstraintNotValid("event", SEATS_POSITIVE),
            ValidateConstraint("event", "event_seats_positive"),
        ],
    ),
    Safe(
        id="a_foreign_key_not_validated_in_raw_sql",
        operations=[
            run(
                "ALTER TABLE events ADD CONSTRAINT host FOREIGN KEY (id) REFERENCES organizations NOT VALID",
                "ALTER TABLE events DROP CONSTRAINT host",
            )
        ],
    ),
    Safe(
        id="a_unique_constraint_over_an_index",
        operations=[
            run(
                "ALTER TABLE events ADD CONSTRAINT event_name UNIQUE USING INDEX event_name",
                "ALTER TABLE events DROP CONSTRAINT event_name",
            )
        ],
    ),
    Safe(id="a_constraint_less", operations=[migrations.RemoveConstraint("event", "event_has_remark")]),
    Safe(
        id="a_trigger",
        operations=[
            run(
                "CREATE TRIGGER watch BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION watch()",
                "DROP TRIGGER watch ON events",
            )
        ],
    ),
    Safe(id="statistics", operations=[run("ANALYZE events")]),
    Safe(
        id="a_view",
        operations=[run("CREATE VIEW open_events AS SELECT * FROM events", "DROP VIEW open_events")],
    ),
    Safe(
        id="an_extension",
        operations=[run("CREATE EXTENSION IF NOT EXISTS pg_trgm", migrations.RunSQL.noop)],
    ),
]
