"""Names of migrations, models of today in Python code, and what squawk knows of SQL."""

from django.apps import apps as installed_apps
from django.contrib.auth import get_user_model
from django.db import migrations, models

from budget import money
from budget.models import Event
from config.operations.schema_change.lint.findings import Severity
from tests.config.operations.schema_change.lint.corpus.cases import Safe, Unsafe

ALWAYS = {"severity": Severity.ERROR, "small": Severity.ERROR}
NOTED = {"severity": Severity.WARNING, "small": Severity.WARNING}
COLUMN = migrations.AddField("event", "place", models.TextField(null=True))


def run(sql, reverse=migrations.RunSQL.noop):
    return migrations.RunSQL(sql, reverse)


def python(function):
    return migrations.RunPython(function, migrations.RunPython.noop)


def count_events(apps, schema_editor):
    Event.objects.count()


def count_events_imported_here(apps, schema_editor):
    from budget.models import Settlement

    Settlement.objects.count()


def count_events_of_module(apps, schema_editor):
    import budget.models

    budget.models.Event.objects.count()


def count_by_installed_apps(historical_apps, schema_editor):
    installed_apps.get_model("budget", "Event").objects.count()


def count_people(apps, schema_editor):
    get_user_model().objects.count()


def count_historical(apps, schema_editor):
    Event = apps.get_model("parish", "Event")
    money.parse_won("1")
    Event.objects.filter(models.Q(note=None)).count()


UNSAFE = [
    Unsafe(
        id="a_name_by_date", rule="auto-name", **ALWAYS, name="0002_auto_20260301_1200", operations=[COLUMN]
    ),
    *(
        Unsafe(id=function.__name__, rule="imported-model", **ALWAYS, operations=[python(function)])
        for function in (
            count_events,
            count_events_imported_here,
            count_events_of_module,
            count_by_installed_apps,
            count_people,
        )
    ),
    Unsafe(
        id="a_trigger_switched_off",
        rule="squawk-ban-disable-trigger",
        **ALWAYS,
        operations=[
            run("ALTER TABLE events DISABLE TRIGGER audit", "ALTER TABLE events ENABLE TRIGGER audit")
        ],
    ),
    Unsafe(
        id="a_truncate_that_goes_on",
        rule="squawk-ban-truncate-cascade",
        **ALWAYS,
        also=("unbounded-change",),
        operations=[run("TRUNCATE organizations CASCADE")],
    ),
    Unsafe(
        id="a_padded_column",
        rule="squawk-ban-char-field",
        **NOTED,
        operations=[run("CREATE TABLE codes (code char(3))", "DROP TABLE codes")],
    ),
    Unsafe(
        id="a_moment_without_a_time_zone",
        rule="squawk-prefer-timestamp-tz",
        **NOTED,
        operations=[run("CREATE TABLE moments (at timestamp)", "DROP TABLE moments")],
    ),
    Unsafe(
        id="a_name_that_is_cut_off",
        rule="squawk-identifier-too-long",
        **NOTED,
        operations=[run(f"CREATE TABLE {'n' * 64} (id bigint)", f"DROP TABLE {'n' * 64}")],
    ),
    Unsafe(
        id="what_is_no_sql",
        rule="squawk-syntax-error",
        **NOTED,
        operations=[run("CRAETE TABLE moments (id bigint)", "DROP TABLE moments")],
    ),
    Unsafe(
        id="a_view_that_may_be_in_use",
        rule="squawk-ban-drop-view",
        **NOTED,
        operations=[run("DROP VIEW open_events", "CREATE VIEW open_events AS SELECT * FROM events")],
    ),
    Unsafe(
        id="a_finding_silenced_in_the_sql",
        rule="squawk-ban-char-field",
        **NOTED,
        operations=[
            run("-- squawk-ignore ban-char-field\nCREATE TABLE codes (code char(3))", "DROP TABLE codes")
        ],
    ),
    Unsafe(
        id="a_column_assigned_twice",
        rule="squawk-ban-duplicate-column-assignments",
        **ALWAYS,
        operations=[run("UPDATE organizations SET name = 'A', name = 'B' WHERE id = 3")],
    ),
]
SAFE = [
    Safe(id="a_name_that_says_what_it_does", name="0002_automatic_approval", operations=[COLUMN]),
    Safe(id="historical_models", operations=[python(count_historical)]),
    Safe(
        id="types_that_django_uses",
        operations=[
            run(
                "CREATE TABLE moments (id bigint PRIMARY KEY, at timestamp with time zone, name varchar(9))",
                "DROP TABLE moments",
            )
        ],
    ),
]
