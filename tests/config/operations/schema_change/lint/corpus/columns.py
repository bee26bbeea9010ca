"""New columns and other types: what makes PostgreSQL read or write a table anew."""

from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models
from django.db.models.functions import Now, Upper

from config.migration_operations.change_type import ChangeTypeOnline, FinishTypeChange
from config.operations.schema_change.lint.findings import Severity
from tests.config.operations.schema_change.lint.corpus.cases import Safe, Unsafe


def run(sql, reverse="SELECT 1"):
    return migrations.RunSQL(sql, reverse)


UNSAFE = [
    Unsafe(
        id="a_column_with_a_volatile_default",
        rule="column-rewrites-table",
        operations=[migrations.AddField("event", "key", models.UUIDField(db_default=RandomUUID()))],
    ),
    Unsafe(
        id="a_generated_column",
        rule="column-rewrites-table",
        operations=[
            migrations.AddField(
                "event",
                "upper_name",
                models.GeneratedField(
                    expression=Upper("name"), output_field=models.TextField(), db_persist=True
                ),
            )
        ],
    ),
    Unsafe(
        id="a_serial_column_in_raw_sql",
        rule="column-rewrites-table",
        operations=[run("ALTER TABLE events ADD COLUMN number bigserial", "ALTER TABLE events DROP number")],
        also=("squawk-prefer-identity",),
    ),
    Unsafe(
        id="an_identity_column_in_raw_sql",
        rule="column-rewrites-table",
        operations=[run("ALTER TABLE events ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY")],
    ),
    Unsafe(
        id="a_unique_column",
        rule="column-scans-table",
        severity=Severity.WARNING,
        also=("blocking-index",),
        operations=[
            migrations.AddField("event", "slug", models.CharField(max_length=50, null=True, unique=True))
        ],
    ),
    Unsafe(
        id="a_one_to_one_field",
        rule="column-scans-table",
        severity=Severity.WARNING,
        operations=[
            migrations.AddField(
                "event",
                "host",
                models.OneToOneField("parish.Organization", models.PROTECT, null=True, related_name="+"),
            )
        ],
    ),
    Unsafe(
        id="a_column_with_a_check",
        rule="column-scans-table",
        severity=Severity.WARNING,
        operations=[migrations.AddField("event", "places", models.PositiveIntegerField(null=True))],
    ),
    Unsafe(
        id="a_unique_column_in_raw_sql",
        rule="column-scans-table",
        operations=[run("ALTER TABLE events ADD slug text UNIQUE", "ALTER TABLE events DROP slug")],
    ),
    Unsafe(
        id="integer_to_bigint",
        rule="type-change-rewrites",
        operations=[migrations.AlterField("event", "seats", models.BigIntegerField(null=True))],
    ),
    Unsafe(
        id="a_shorter_varchar",
        rule="type-change-rewrites",
        operations=[migrations.AlterField("event", "name", models.CharField(max_length=50))],
    ),
    Unsafe(
        id="a_longer_varchar_with_a_check",
        rule="type-change-scans",
        operations=[migrations.AlterField("event", "mood", models.CharField(max_length=50))],
    ),
    Unsafe(
        id="text_to_varchar",
        rule="type-change-rewrites",
        operations=[migrations.AlterField("event", "note", models.CharField(max_length=200, null=True))],
    ),
    Unsafe(
        id="another_scale",
        rule="type-change-rewrites",
        operations=[
            migrations.AlterField(
                "event", "fee", models.DecimalField(max_digits=12, decimal_places=3, null=True)
            )
        ],
    ),
    Unsafe(
        id="date_to_timestamp",
        rule="type-change-rewrites",
        operations=[migrations.AlterField("event", "starts_on", models.DateTimeField(null=True))],
    ),
    Unsafe(
        id="integer_to_foreign_key",
        rule="type-change-rewrites",
        also=("blocking-constraint", "blocking-index", "rename-in-use"),
        operations=[
            migrations.AlterField(
                "event",
                "seats",
                models.ForeignKey("parish.Organization", models.PROTECT, null=True, related_name="+"),
            )
        ],
    ),
    Unsafe(
        id="a_type_in_raw_sql",
        rule="type-change-rewrites",
        operations=[run("ALTER TABLE events ALTER seats TYPE bigint USING seats::bigint")],
    ),
]
SAFE = [
    Safe(
        id="a_table_of_links",
        operations=[
            migrations.AddField(
                "event", "hosts", models.ManyToManyField("parish.Organization", related_name="+")
            )
        ],
    ),
    Safe(
        id="a_column_that_may_be_empty",
        operations=[migrations.AddField("event", "place", models.TextField(null=True))],
    ),
    Safe(
        id="a_column_with_a_constant_default",
        operations=[
            migrations.AddField("event", "is_open", models.BooleanField(default=False, db_default=False))
        ],
    ),
    Safe(
        id="a_column_with_the_time_of_the_statement",
        operations=[migrations.AddField("event", "seen_at", models.DateTimeField(db_default=Now()))],
    ),
    Safe(
        id="a_link_without_a_constraint",
        operations=[
            migrations.AddField(
                "event",
                "host",
                models.ForeignKey(
                    "parish.Organization",
                    models.DO_NOTHING,
                    null=True,
                    related_name="+",
                    db_constraint=False,
                    db_index=False,
                ),
            )
        ],
    ),
    Safe(
        id="a_link_without_an_index",
        operations=[
            migrations.AddField(
                "event",
                "host",
                models.ForeignKey(
                    "parish.Organization", models.PROTECT, null=True, related_name="+", db_index=False
                ),
            )
        ],
    ),
    Safe(
        id="another_type_online",
        atomic=False,
        operations=[ChangeTypeOnline("event", "seats", models.BigIntegerField(null=True))],
    ),
    Safe(id="the_end_of_another_type", operations=[FinishTypeChange("event", "seats")]),
    Safe(
        id="a_longer_varchar",
        operations=[migrations.AlterField("event", "name", models.CharField(max_length=200))],
    ),
    Safe(id="varchar_to_text", operations=[migrations.AlterField("event", "name", models.TextField())]),
    Safe(
        id="more_digits",
        operations=[
            migrations.AlterField(
                "event", "fee", models.DecimalField(max_digits=14, decimal_places=2, null=True)
            )
        ],
    ),
    Safe(
        id="a_column_that_need_not_be_filled_any_more",
        operations=[migrations.AlterField("event", "memo", models.TextField(null=True))],
    ),
    Safe(
        id="what_only_python_sees_of_a_field",
        operations=[
            migrations.AlterField(
                "event",
                "seats",
                models.IntegerField(null=True, verbose_name="places", help_text="How many may come."),
            ),
            migrations.AlterModelOptions("event", {"verbose_name": "event"}),
        ],
    ),
    Safe(
        id="comments",
        operations=[
            migrations.AlterField("event", "seats", models.IntegerField(null=True, db_comment="Places")),
            migrations.AlterModelTableComment("event", "What we meet for"),
        ],
    ),
]
