import itertools

import psycopg
import pytest
from django.db import connection, migrations, models
from django.utils import timezone
from django.utils.translation import override

from config.migration_operations.surroundings import Surroundings, surrounded_by
from config.operations.models import Direction
from config.operations.schema import ATTIC, read_schema
from config.operations.schema_change.attic import AtticKeeper, needs_steps, step_of
from config.operations.schema_change.attic_columns import RowsWithoutValue
from config.operations.schema_change.attic_entries import list_attic
from config.operations.schema_change.attic_tables import ViewInTheWay
from tests.config.operations.schema_change.invented_migrations import Invented, create, execute

GROUP = create("Group", ("name", models.TextField(unique=True)))
NOTE = create(
    "Note",
    ("text", models.CharField(max_length=50, db_index=True, db_comment="What is noted")),
    ("amount", models.IntegerField(db_default=0)),
    ("group", models.ForeignKey("budget.Group", models.CASCADE, related_name="+")),
    db_table_comment="Notes of a group",
    constraints=[models.CheckConstraint(condition=models.Q(amount__gte=0), name="note_amount_positive")],
    indexes=[models.Index(fields=["group", "amount"], name="note_of_group")],
)
ROWS = """
    INSERT INTO "group" (name) VALUES ('one'), ('two');
    INSERT INTO note (text, amount, group_id) VALUES ('a', 1, 1), ('b', 2, 2), ('', 3, 2);
"""


def everything(*tables):
    """Return the schema, and the rows of each table whatever the order of its columns."""
    rows = {
        table: execute(f'SELECT to_jsonb(every_row) FROM "{table}" AS every_row ORDER BY 1')
        for table in tables
    }
    return read_schema(connection=connection, excluded=[ATTIC]), rows


def attic():
    return list_attic(connection=connection)


@pytest.fixture
def notes(own_database):
    """Return a function that begins a series of operations on two tables with rows."""

    def begin(*operations, **options):
        series = Invented(GROUP, NOTE, *operations, **options)
        series.forwards(2)
        execute(ROWS)
        return series

    return begin


class TestTable:
    def test_goes_to_the_attic_and_comes_back_as_it_was(self, notes):
        series = notes(migrations.DeleteModel("Note"))
        execute("CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
        execute("CREATE TRIGGER looks BEFORE UPDATE ON note FOR EACH ROW EXECUTE FUNCTION look()")
        execute("ALTER TABLE note DISABLE TRIGGER looks")
        before = everything("group", "note")

        series.forwards()
        [entry] = attic()
        execute("INSERT INTO \"group\" (name) VALUES ('three'); DROP TABLE IF EXISTS note")
        execute("DELETE FROM \"group\" WHERE name = 'three'")
        series.back()

        assert (entry.place.table, entry.place.migration) == ("note", "budget.0002_invented")
        assert everything("group", "note") == before
        assert attic() == ()

    def test_is_tied_to_nothing_while_it_is_there(self, notes):
        series = notes(migrations.DeleteModel("Note"))
        execute("CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
        execute("CREATE TRIGGER looks BEFORE UPDATE ON note FOR EACH ROW EXECUTE FUNCTION look()")

        series.forwards()

        execute('DROP FUNCTION look(); TRUNCATE "group"; DROP TABLE "group"')

    def test_that_others_point_at_takes_their_foreign_keys_along(self, notes):
        series = notes(migrations.DeleteModel("Group"))
        before = everything("group", "note")

        series.forwards()
        execute("UPDATE note SET text = 'c' WHERE id = 1; UPDATE note SET text = 'a' WHERE id = 1")
        series.back()

        assert everything("group", "note") == before

    def test_made_by_a_migration_that_is_reverted_comes_back_with_it(self, notes):
        series = notes()
        before = everything("group", "note")

        series.back(2)
        tables = sorted(entry.place.table for entry in attic())
        series.forwards(2)

        assert tables == ["group", "note"]
        assert everything("group", "note") == before

    def test_comes_back_without_a_look_at_its_rows_while_it_is_locked(self, notes):
        series = notes(migrations.DeleteModel("Note"), in_transaction=False)
        before = everything("group", "note")

        series.forwards()
        context = series.context(2, Direction.REVERT)
        assert needs_steps(step=step_of(context), large_tables={"note"})
        keeper = AtticKeeper(now=timezone.now())
        keeper.replace(context)
        unvalidated = execute("SELECT count(*) FROM pg_constraint WHERE NOT convalidated")
        is_still_concerned = keeper.concerns(context)
        keeper.complete(context)

        assert (unvalidated, is_still_concerned) == ([(1,)], True)
        assert everything("group", "note") == before

    def test_is_taken_with_its_many_to_many_tables(self, own_database):
        series = Invented(
            create("Person"), create("Team", ("people", models.ManyToManyField("budget.Person")))
        )
        series.forwards(2)
        execute("INSERT INTO person DEFAULT VALUES; INSERT INTO team DEFAULT VALUES")
        execute("INSERT INTO team_people (team_id, person_id) VALUES (1, 1)")
        before = everything("person", "team", "team_people")

        series.back(2)
        series.forwards(2)

        assert everything("person", "team", "team_people") == before

    def test_that_was_redefined_since_is_left_in_the_attic(self, notes):
        notes().back()

        other = Invented(GROUP, create("Note", ("text", models.TextField())))
        other.position = 1
        other.forwards()

        assert execute("SELECT count(*) FROM note") == [(0,)]
        assert [entry.place.table for entry in attic()] == ["note"]

    def test_that_plain_django_has_brought_back_can_go_a_second_time(self, notes):
        series = notes(migrations.DeleteModel("Note"))

        series.forwards()
        series.back(keeps=False)
        series.forwards()
        series.back()

        assert execute("SELECT count(*) FROM note") == [(0,)]
        assert len(attic()) == 1

    def test_that_a_view_reads_is_not_taken_away_from_it(self, notes):
        series = notes(migrations.DeleteModel("Note"))
        execute("CREATE VIEW texts AS SELECT text FROM note")

        with pytest.raises(ViewInTheWay, match="texts"):
            series.forwards()

        assert execute("SELECT count(*) FROM texts") == [(3,)]


class TestColumn:
    @pytest.mark.parametrize("name", ["text", "amount", "group"])
    def test_comes_back_with_every_value(self, notes, name):
        index = migrations.RemoveIndex("Note", "note_of_group")
        rule = migrations.RemoveConstraint("Note", "note_amount_positive")
        series = notes(index, rule, migrations.RemoveField("Note", name))
        before = everything("group", "note")

        series.forwards(3)
        series.back(3)

        assert everything("group", "note") == before
        assert attic() == ()

    @pytest.mark.parametrize(
        "field",
        [
            models.TextField(null=True),
            models.TextField(null=True, default="x"),
            models.TextField(null=True, db_default="x"),
            models.TextField(null=True, unique=True),
            models.IntegerField(default=7, unique=True),
            models.DateTimeField(auto_now=True),
            models.JSONField(default=dict),
        ],
        ids=["null", "default", "db_default", "unique", "unique default", "auto_now", "json"],
    )
    def test_comes_back_whatever_it_has_for_rows_without_a_value(self, own_database, field):
        values = {"IntegerField": "1", "DateTimeField": "'2025-01-01'", "JSONField": "'[1]'"}
        value = values.get(field.get_internal_type(), "'a'")
        series = Invented(create("Thing", ("it", field)), migrations.RemoveField("Thing", "it"))
        series.forwards()
        second = "NULL" if field.null else "'2'" if field.unique else value
        execute(f"INSERT INTO thing (it) VALUES ({value}), ({second})")
        before = everything("thing")

        series.forwards()
        series.back()

        assert everything("thing") == before

    def test_gives_rows_that_came_later_the_default(self, own_database):
        series = Invented(
            create("Thing", ("it", models.IntegerField(default=7))), migrations.RemoveField("Thing", "it")
        )
        series.forwards()
        execute("INSERT INTO thing (it) VALUES (1)")
        series.forwards()
        execute("INSERT INTO thing DEFAULT VALUES")

        series.back()

        assert execute("SELECT it FROM thing ORDER BY id") == [(1,), (7,)]

    def test_refuses_rows_that_came_later_and_must_have_a_value(self, notes):
        series = notes(migrations.RemoveField("Note", "text"))
        series.forwards()
        execute("INSERT INTO note (group_id) VALUES (1), (2)")
        before = everything("note")

        with override("en"), pytest.raises(RowsWithoutValue, match=r"(?s)2 rows of \"note\".*→ .*restore"):
            series.back()

        assert everything("note") == before
        assert len(attic()) == 1

    def test_made_by_a_migration_that_is_reverted_comes_back_with_it(self, notes):
        series = notes(
            migrations.AddField("Note", "extra", models.TextField(default="x"), preserve_default=False)
        )
        series.forwards()
        execute("UPDATE note SET extra = text")
        before = everything("note")

        series.back()
        series.forwards()

        assert everything("note") == before

    def test_of_many_to_many_is_a_table(self, own_database):
        series = Invented(
            create("Person"),
            create("Team", ("people", models.ManyToManyField("budget.Person"))),
            migrations.RemoveField("Team", "people"),
        )
        series.forwards(2)
        execute("INSERT INTO person DEFAULT VALUES; INSERT INTO team DEFAULT VALUES")
        execute("INSERT INTO team_people (team_id, person_id) VALUES (1, 1)")
        before = everything("person", "team", "team_people")

        series.forwards()
        series.back()

        assert everything("person", "team", "team_people") == before

    def test_comes_back_unseen_by_triggers(self, notes):
        series = notes(migrations.RemoveField("Note", "text"))
        execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'")
        for name, enabling in (("one", "ENABLE"), ("two", "ENABLE ALWAYS"), ("three", "DISABLE")):
            execute(f"CREATE TRIGGER {name} BEFORE UPDATE ON note FOR EACH ROW EXECUTE FUNCTION refuse()")
            execute(f"ALTER TABLE note {enabling} TRIGGER {name}")
        before = everything("note")

        series.forwards()
        series.back()

        assert everything("note") == before

    def test_of_another_type_than_before_is_left_in_the_attic(self, notes):
        field = migrations.AddField("Note", "extra", models.TextField(null=True))
        series = notes(field)
        series.forwards()
        execute("UPDATE note SET extra = text")
        series.back()

        other = Invented(GROUP, NOTE, migrations.AddField("Note", "extra", models.IntegerField(null=True)))
        other.position = 2
        other.forwards()

        assert execute("SELECT count(extra) FROM note") == [(0,)]
        assert len(attic()) == 1


class TestAttic:
    def test_takes_nothing_for_its_own_that_somebody_else_has_put_there(self, notes):
        notes(migrations.DeleteModel("Note")).forwards()
        execute("""CREATE TABLE attic.own (); COMMENT ON TABLE attic.own IS '{"table": 1}'""")
        execute("CREATE TABLE attic.other ()")

        assert [entry.place.table for entry in attic()] == ["note"]


class TestLargeColumn:
    """The table is called large, so that its column goes and comes while others write."""

    @pytest.fixture
    def large(self, own_database):
        execute("""
            CREATE TABLE unfinished_steps (step text PRIMARY KEY, state jsonb NOT NULL,
                started_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now())
        """)

        def begin(field):
            series = Invented(
                create("Thing", ("it", field)),
                migrations.RemoveField("Thing", "it"),
                large_tables={"thing"},
                in_transaction=False,
            )
            series.forwards()
            return series

        return begin

    @pytest.fixture
    def writer(self):
        """Return the name of a role that may do nothing."""
        name = f"{connection.settings_dict['NAME']}_writer"
        execute(f'CREATE ROLE "{name}"')
        yield name
        execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')

    @pytest.mark.parametrize(
        "field",
        [
            models.TextField(),
            models.TextField(null=True),
            models.TextField(default="x"),
            models.TextField(unique=True, default="x"),
            models.TextField(db_index=True, db_default="x"),
            models.ForeignKey("budget.Thing", models.CASCADE),
        ],
        ids=["not null", "null", "default", "unique", "db_default", "foreign key"],
    )
    def test_comes_back_as_it_was(self, large, field):
        series = large(field)
        column, value = ("it_id", "n") if field.is_relation else ("it", "'v' || n")
        execute(f"INSERT INTO thing ({column}) SELECT {value} FROM generate_series(1, 700) AS n")
        before = everything("thing")

        series.forwards()
        [entry] = attic()
        series.back()

        assert not entry.is_growing
        assert everything("thing") == before
        assert attic() == ()

    @pytest.mark.parametrize("stop", range(1, 4))
    def test_is_copied_to_the_end_after_an_interruption(self, large, stop):
        series = large(models.TextField())
        execute("INSERT INTO thing (it) SELECT 'v' || n FROM generate_series(1, 1100) AS n")
        before = everything("thing")

        for go in (series.forwards, series.back):
            with pytest.raises(Stopped), surrounded_by(Surroundings(observe=stopping(stop))):
                go()
            go()

        assert everything("thing") == before
        assert attic() == ()

    def test_keeps_what_others_write_during_the_copy_who_have_no_way_into_the_attic(self, large, writer):
        series = large(models.TextField())
        execute("INSERT INTO thing (it) SELECT 'v' || n FROM generate_series(1, 1100) AS n")

        execute(f'GRANT ALL ON thing TO "{writer}"; GRANT USAGE ON SCHEMA public TO "{writer}"')
        with surrounded_by(Surroundings(observe=writing_once(writer))):
            series.forwards()
        series.back()

        assert execute("SELECT id, it FROM thing WHERE it NOT LIKE 'v%' ORDER BY id") == [
            (1, "changed"),
            (1100, "changed"),
            (2000, "added"),
            (3000, "moved"),
        ]
        assert execute("SELECT count(*) FROM thing WHERE id IN (2, 3, 1099)") == [(0,)]

    def test_refuses_rows_that_came_later_and_must_have_a_value(self, large):
        series = large(models.TextField())
        execute("INSERT INTO thing (it) VALUES ('a')")
        series.forwards()
        execute("INSERT INTO thing DEFAULT VALUES")

        with override("en"), pytest.raises(RowsWithoutValue, match="1 row of"):
            series.back()
        execute("DELETE FROM thing WHERE id = 2")
        series.back()

        assert execute("SELECT * FROM thing") == [(1, "a")]

    def test_needs_steps_and_a_small_one_none(self, large):
        series = large(models.TextField())
        step = step_of(series.context(1, Direction.APPLY))

        assert needs_steps(step=step, large_tables={"thing"})
        assert not needs_steps(step=step, large_tables={"other"})


class Stopped(Exception):
    """Stands for a kill."""


def stopping(at):
    """Return an observer that stops the work when it is called for the time `at`."""
    calls = itertools.count(1)

    def observe(point):
        if next(calls) == at:
            raise Stopped

    return observe


def writing_once(writer):
    """Return an observer that writes as `writer`: during the first batch behind it, then into it."""
    statements = iter(
        [
            "UPDATE thing SET it = 'changed' WHERE id = 1100; DELETE FROM thing WHERE id = 1099",
            "UPDATE thing SET it = 'changed' WHERE id = 1; DELETE FROM thing WHERE id = 2; "
            "UPDATE thing SET id = 3000, it = 'moved' WHERE id = 3; "
            "INSERT INTO thing VALUES (2000, 'added')",
        ]
    )

    def observe(point):
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as session:
            session.execute(f'SET ROLE "{writer}"')
            session.execute(next(statements, "SELECT"))

    return observe
