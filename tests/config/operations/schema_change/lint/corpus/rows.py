"""Changes of rows: all at once, in batches, and together with the schema."""

import functools
import hashlib

from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import connection, migrations, models, transaction

from config.migration_operations.update_in_batches import UpdateInBatches
from config.operations.schema_change.lint.findings import Severity
from tests.config.operations.schema_change.lint.corpus.cases import Safe, Unsafe

FILL = "UPDATE events SET note = '' WHERE note IS NULL"
SIZE = 1000
IN_BATCHES = UpdateInBatches(
    "fill", "Event", {"note": ""}, where=models.Q(note=None), reverse=UpdateInBatches.noop
)
HAS_NOTE = models.CheckConstraint(condition=models.Q(note__isnull=False), name="event_has_note")
VALIDATED = ValidateConstraint("event", "event_has_note")


def run(sql, reverse=migrations.RunSQL.noop):
    return migrations.RunSQL(sql, reverse)


def python(function, **options):
    return migrations.RunPython(function, migrations.RunPython.noop, **options)


def update_all(apps, schema_editor):
    apps.get_model("parish", "Event").objects.update(note="")


def update_some(apps, schema_editor):
    events = apps.get_model("parish.Event").objects
    old = events.using(schema_editor.connection.alias).filter(status="PLANNING")
    old.exclude(note=None).update(status="DRAFT")


def delete_some(apps, schema_editor):
    Event = apps.get_model("parish", "Event")
    Event.objects.filter(status="CANCELLED").delete()


def save_each(apps, schema_editor):
    Event = apps.get_model("parish", "Event")
    for event in Event.objects.all():
        event.note = event.note or ""
        event.save(update_fields=["note"])


def save_each_of_a_stream(apps, schema_editor):
    Event = apps.get_model("parish", "Event")
    events = Event.objects.filter(note=None)
    for event in events.iterator(chunk_size=SIZE):
        event.note = ""
        event.save()


def delete_each(apps, schema_editor):
    for event in apps.get_model("parish", "Event").objects.all():
        if not event.note:
            event.delete()


def update_many(apps, schema_editor):
    Event = apps.get_model("parish", "Event")
    events = list(Event.objects.all())
    for event in events:
        event.note = ""
    Event.objects.bulk_update(events, ["note"], batch_size=SIZE)


def save_linked(apps, schema_editor):
    for organization in apps.get_model("parish", "Organization").objects.all():
        organization.event_set.update(note=organization.name)


def fill(rows):
    rows.update(note="")


def update_by_a_neighbour(apps, schema_editor):
    fill(apps.get_model("parish", "Event").objects.all())


def update_by(apps, schema_editor, *, status):
    apps.get_model("parish", "Event").objects.filter(status=status).update(note="")


def execute_update(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FILL)


class Filler:
    def fill(self, apps, schema_editor):
        apps.get_model("parish", "Event").objects.update(note="")

    def __call__(self, apps, schema_editor):
        self.fill(apps, schema_editor)
        apps.get_model("parish", "Event").objects.all().delete()


def update_in_batches(apps, schema_editor):
    Event = apps.get_model("parish", "Event")
    while True:
        keys = list(Event.objects.filter(note=None).values_list("pk", flat=True)[:SIZE])
        if not keys:
            break
        Event.objects.filter(pk__in=keys).update(note="")


def update_slices(apps, schema_editor):
    Event = apps.get_model("parish", "Event")
    keys = list(Event.objects.values_list("pk", flat=True))
    for start in range(0, len(keys), SIZE):
        with transaction.atomic(using=schema_editor.connection.alias):
            Event.objects.filter(pk__in=keys[start : start + SIZE]).update(note="")


def update_ranges(apps, schema_editor):
    Event = apps.get_model("parish", "Event")
    last = Event.objects.latest("pk").pk
    for start in range(0, last, SIZE):
        Event.objects.filter(pk__gt=start, pk__lte=start + SIZE).update(note="")


def save_in_batches(apps, schema_editor):
    Event = apps.get_model("parish", "Event")
    while events := list(Event.objects.filter(note=None)[:SIZE]):
        for event in events:
            event.note = ""
        Event.objects.bulk_update(events, ["note"])


def require_notes(apps, schema_editor):
    missing = apps.get_model("parish", "Event").objects.filter(note=None).count()
    if missing:
        raise RuntimeError(f"{missing} events have no note")


def change_one(apps, schema_editor):
    Organization = apps.get_model("parish", "Organization")
    organization = Organization.objects.get(code="YOUTH")
    organization.name = "청년회"
    organization.save(update_fields=["name"])


def change_named(apps, schema_editor):
    Organization = apps.get_model("parish", "Organization")
    for key, name in ((1, "청년회"), (2, "초등부")):
        Organization.objects.filter(pk=key).update(name=name)


def change_by_keys(apps, schema_editor):
    for organization in apps.get_model("parish", "Organization").objects.in_bulk([1, 2]).values():
        organization.save()


def insert_each(apps, schema_editor):
    Organization = apps.get_model("parish", "Organization")
    for code in ("A", "B"):
        Organization(code=code, name=code).save()


def insert(apps, schema_editor):
    Organization = apps.get_model("parish", "Organization")
    Organization.objects.bulk_create(Organization(code=code, name=code) for code in ("A", "B"))
    Organization.objects.get_or_create(code="C", defaults={"name": "C"})


def fill_new_table(apps, schema_editor):
    Visit = apps.get_model("parish", "Visit")
    Visit.objects.bulk_create([Visit(), Visit()])
    Visit.objects.update(seats=3)


def compute(apps, schema_editor):
    digest, options = hashlib.sha256(), {"size": 1}
    digest.update(b"rows")
    options.update({"size": 2})
    options.update(colour="red")
    connection.features.__dict__.update()


NEW_TABLE = migrations.CreateModel(
    "Visit", [("id", models.BigAutoField(primary_key=True)), ("seats", models.IntegerField(null=True))]
)
UNSAFE = [
    *(
        Unsafe(id=function.__name__, rule="unbounded-change", operations=[python(function)], table="events")
        for function in (
            update_all,
            update_some,
            delete_some,
            save_each,
            save_each_of_a_stream,
            delete_each,
            update_many,
            execute_update,
            update_in_batches,
            update_slices,
            update_ranges,
            save_in_batches,
        )
    ),
    Unsafe(id="update_by_a_neighbour", rule="unbounded-change", operations=[python(update_by_a_neighbour)]),
    Unsafe(id="save_linked", rule="unbounded-change", operations=[python(save_linked)]),
    Unsafe(
        id="update_by_a_partial_function",
        rule="unbounded-change",
        operations=[python(functools.partial(update_by, status="PLANNING"))],
        table="events",
    ),
    Unsafe(id="update_by_a_method", rule="unbounded-change", operations=[python(Filler().fill)]),
    Unsafe(id="delete_by_an_object", rule="unbounded-change", operations=[python(Filler())]),
    Unsafe(
        id="update_by_a_lambda",
        rule="unbounded-change",
        operations=[
            python(lambda apps, schema_editor: apps.get_model("parish", "Event").objects.update(note=""))
        ],
    ),
    Unsafe(
        id="batches_in_a_transaction_of_their_own",
        rule="unbounded-change",
        atomic=False,
        operations=[python(update_in_batches, atomic=True)],
    ),
    Unsafe(
        id="an_update_outside_a_transaction",
        rule="unbounded-change",
        atomic=False,
        operations=[python(update_all)],
    ),
    Unsafe(id="an_update_in_raw_sql", rule="unbounded-change", operations=[run(FILL)], table="events"),
    Unsafe(
        id="an_update_in_raw_sql_with_parameters",
        rule="unbounded-change",
        operations=[run([("UPDATE events SET note = %s WHERE status = %s", ["100%", "DRAFT"])])],
        table="events",
    ),
    Unsafe(
        id="an_update_from_another_table",
        rule="unbounded-change",
        operations=[
            run("UPDATE events SET note = o.name FROM organizations o WHERE o.id = events.organization_id")
        ],
    ),
    Unsafe(
        id="a_delete_in_raw_sql",
        rule="unbounded-change",
        operations=[run("DELETE FROM events WHERE status = 'CANCELLED'")],
    ),
    Unsafe(id="a_truncate", rule="unbounded-change", operations=[run("TRUNCATE events")]),
    Unsafe(
        id="a_merge",
        rule="unbounded-change",
        operations=[
            run(
                "MERGE INTO events USING organizations AS o ON o.id = events.organization_id "
                "WHEN MATCHED THEN UPDATE SET note = o.name"
            )
        ],
    ),
    Unsafe(
        id="not_null_with_a_default",
        rule="not-null-fills-rows",
        severity=Severity.WARNING,
        also=("blocking-not-null",),
        operations=[migrations.AlterField("event", "note", models.TextField(default=""))],
    ),
    Unsafe(
        id="python_beside_a_new_column",
        rule="data-with-schema",
        small=Severity.WARNING,
        operations=[
            migrations.AddField("event", "place", models.TextField(null=True)),
            python(change_one),
        ],
    ),
    Unsafe(
        id="sql_beside_a_new_column",
        rule="data-with-schema",
        small=Severity.WARNING,
        also=("unbounded-change",),
        operations=[migrations.AddField("event", "place", models.TextField(null=True)), run(FILL)],
    ),
    Unsafe(
        id="inserts_beside_a_dropped_constraint",
        rule="data-with-schema",
        small=Severity.WARNING,
        operations=[
            run("INSERT INTO organizations (name, code) VALUES ('A', 'A')"),
            run("ALTER TABLE organizations ADD place text", "ALTER TABLE organizations DROP place"),
        ],
    ),
]
SAFE = [
    Safe(
        id="not_null_after_batches",
        earlier=[[IN_BATCHES, AddConstraintNotValid("event", HAS_NOTE)], [VALIDATED]],
        operations=[migrations.AlterField("event", "note", models.TextField(default=""))],
    ),
    Safe(id="batches_of_ours", atomic=False, operations=[IN_BATCHES]),
    Safe(id="batches_that_commit", atomic=False, operations=[python(update_in_batches)]),
    Safe(id="slices_that_commit", atomic=False, operations=[python(update_slices)]),
    Safe(id="ranges_that_commit", atomic=False, operations=[python(update_ranges)]),
    Safe(id="saves_that_commit", atomic=False, operations=[python(save_in_batches)]),
    Safe(id="a_check_of_the_data", operations=[python(require_notes)]),
    Safe(
        id="a_check_of_the_data_before_a_new_column",
        operations=[
            python(require_notes),
            migrations.AddField("event", "place", models.TextField(null=True)),
        ],
    ),
    Safe(id="one_row", operations=[python(change_one)]),
    Safe(id="rows_that_are_named", operations=[python(change_named)]),
    Safe(id="rows_by_their_keys", operations=[python(change_by_keys)]),
    Safe(id="new_rows_one_by_one", operations=[python(insert_each)]),
    Safe(id="new_rows", operations=[python(insert)]),
    Safe(id="new_rows_of_a_new_table", operations=[NEW_TABLE, python(fill_new_table)]),
    Safe(id="what_only_looks_like_an_update", operations=[python(compute)]),
    Safe(id="a_row_in_raw_sql", operations=[run("UPDATE events SET note = '' WHERE id = 3")]),
    Safe(
        id="new_rows_in_raw_sql",
        operations=[run("INSERT INTO organizations (name, code) VALUES ('청년회', 'YOUTH')")],
    ),
    Safe(
        id="new_rows_with_updates_on_conflict",
        operations=[
            run(
                "INSERT INTO organizations (name, code) VALUES ('A', 'A') "
                "ON CONFLICT (code) DO UPDATE SET name = EXCLUDED.name"
            )
        ],
    ),
    Safe(
        id="a_function_that_will_update",
        operations=[
            run(
                "CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$ UPDATE events SET note = '' $$",
                "DROP FUNCTION fill()",
            )
        ],
    ),
]
