import contextlib

import psycopg
import pytest
from django.db import connection, models
from django.db.models import F, Q
from django.db.models.functions import Concat, Upper

from config.migration_operations import unfinished
from config.migration_operations.batches import RowsLeft
from config.migration_operations.failures import NeedsOwnTransactions
from config.migration_operations.surroundings import surrounded_by
from config.migration_operations.update_in_batches import (
    BatchedUpdate,
    NotAsPromised,
    UpdateInBatches,
)
from tests.config.migration_operations.conftest import (
    Interrupted,
    Interruption,
    backwards,
    forwards,
    query,
    surrounded,
)

pytestmark = pytest.mark.usefixtures("calm", "english")
STEP = "budget.fill_note/APPLY"


def fill_note(**changes):
    arguments = {"change": {"note": Upper("title")}, "where": Q(note="")}
    return UpdateInBatches("fill_note", "Parcel", **{**arguments, **changes})


@pytest.fixture
def parcels(table):
    state = table("Parcel", title=models.TextField(), note=models.TextField(default="", db_default=""))
    query("INSERT INTO budget_parcel (title) SELECT 'parcel ' || n FROM generate_series(1, 10) AS n")
    return state


def notes():
    return [note for (note,) in query("SELECT note FROM budget_parcel ORDER BY id")]


EXPECTED = [f"PARCEL {number}" for number in range(1, 11)]


class TestUpdateInBatches:
    def test_changes_every_row_that_needs_it_and_no_other(self, parcels, small_batches):
        query("UPDATE budget_parcel SET note = 'mine' WHERE id = 4")

        forwards(fill_note(), parcels)

        assert notes() == [*EXPECTED[:3], "mine", *EXPECTED[4:]]
        assert unfinished.load(connection, STEP) is None

    def test_commits_each_batch(self, parcels, small_batches, sessions):
        other = sessions.open("reader", autocommit=True)
        seen = []

        def look(point):
            seen.append(other.execute("SELECT count(*) FROM budget_parcel WHERE note <> ''").fetchone()[0])

        with surrounded_by(surrounded(observe=look)):
            forwards(fill_note(), parcels)

        assert seen == [0, 3, 3, 6, 6, 9, 9, 10]

    @pytest.mark.parametrize("moment", range(1, 9))
    def test_goes_on_where_it_was_interrupted(self, parcels, small_batches, moment):
        with surrounded_by(surrounded(observe=Interruption(moment))), pytest.raises(Interrupted):
            forwards(fill_note(), parcels)
        done = sum(note != "" for note in notes())
        again = Interruption()
        with surrounded_by(surrounded(observe=again)):
            forwards(fill_note(), parcels)

        assert done == min(moment // 2 * 3, 10)
        assert len(again.points) == 2 * (4 - moment // 2)
        assert notes() == EXPECTED

    @pytest.mark.parametrize(
        ("key", "values"),
        [
            (models.UUIDField(primary_key=True), "gen_random_uuid()"),
            (models.TextField(primary_key=True), "'key ''' || n"),
            (models.DateTimeField(primary_key=True), "now() + n * interval '1.5 ms'"),
        ],
        ids=["uuid", "text", "time"],
    )
    def test_walks_keys_of_any_type_that_has_an_order(self, table, small_batches, key, values):
        state = table("Parcel", id=key, title=models.TextField(), note=models.TextField())
        query(
            f"INSERT INTO budget_parcel SELECT {values}, 'parcel ' || n, '' FROM generate_series(1, 10) AS n"
        )

        with surrounded_by(surrounded(observe=Interruption(4))), pytest.raises(Interrupted):
            forwards(fill_note(), state)
        forwards(fill_note(), state)

        assert sorted(notes()) == sorted(EXPECTED)

    def test_takes_a_function_and_gives_it_rows_that_nobody_else_can_change(
        self, parcels, small_batches, sessions
    ):
        other = sessions.open("writer", autocommit=True)
        refused = []

        def shout(apps, rows):
            for row in rows:
                with contextlib.suppress(psycopg.errors.LockNotAvailable):
                    other.execute("SELECT FROM budget_parcel WHERE id = %s FOR UPDATE NOWAIT", [row.pk])
                    continue
                refused.append(row.pk)
                row.note = row.title.upper()
            apps.get_model("budget", "Parcel").objects.bulk_update(rows, ["note"])

        forwards(fill_note(change=shout), parcels)

        assert refused == list(range(1, 11))
        assert notes() == EXPECTED

    def test_refuses_a_migration_that_is_one_transaction(self, parcels):
        with pytest.raises(NeedsOwnTransactions, match="atomic = False"):
            forwards(fill_note(), parcels, atomic=True)

        assert notes() == [""] * 10

    def test_names_the_dependency_that_is_missing(self, parcels):
        query("ALTER TABLE unfinished_steps RENAME TO elsewhere")
        try:
            with pytest.raises(unfinished.NowhereToRemember, match="0001_deploys_and_migration_runs"):
                forwards(fill_note(), parcels)
        finally:
            query("ALTER TABLE elsewhere RENAME TO unfinished_steps")

    def test_shows_the_statement_as_a_comment_only(self, parcels):
        with connection.schema_editor(collect_sql=True) as editor:
            fill_note().database_forwards("budget", editor, parcels, parcels)

        assert editor.collected_sql == [
            '-- In batches: UPDATE "budget_parcel" SET "note" = UPPER("budget_parcel"."title") '
            """WHERE "budget_parcel"."note" = ''"""
        ]

    def test_shows_how_far_it_is_also_after_an_interruption(self, parcels, small_batches):
        query("ANALYZE budget_parcel")

        class Measured:
            def step(self, sentence):
                self.sentence = sentence

            @contextlib.contextmanager
            def measure(self, total, *, unit):
                self.total, self.done = total, []
                yield self.done.append

        with (
            surrounded_by(surrounded(observe=Interruption(4), progress=Measured())),
            pytest.raises(Interrupted),
        ):
            forwards(fill_note(), parcels)
        progress = Measured()
        with surrounded_by(surrounded(progress=progress)):
            forwards(fill_note(), parcels)

        assert "fill_note" in progress.sentence
        assert (progress.total, progress.done) == (10, [6, 3, 0])


class TestOthers:
    def test_who_hold_a_row_do_not_stall_the_rest(self, parcels, small_batches, sessions):
        holder = sessions.open("holder")
        holder.execute("SELECT FROM budget_parcel WHERE id = 5 FOR UPDATE")
        at_the_end = []

        def let_go(seconds):
            if not at_the_end and sum(note != "" for note in notes()) == 9:
                at_the_end.append(notes())
                holder.commit()

        with surrounded_by(surrounded(pause=let_go, patience_seconds=60)):
            forwards(fill_note(), parcels)

        assert at_the_end == [[*EXPECTED[:4], "", *EXPECTED[5:]]]
        assert notes() == EXPECTED

    def test_who_hold_a_row_for_too_long_are_told_of_and_the_next_run_ends_it(self, parcels, sessions):
        holder = sessions.open("holder")
        holder.execute("SELECT FROM budget_parcel WHERE id = 5 FOR UPDATE")

        batches = Interruption()
        with (
            surrounded_by(surrounded(observe=batches)),
            pytest.raises(RowsLeft, match=r"Rows of the table budget_parcel that others hold: 1 \(5\)"),
        ):
            forwards(fill_note(), parcels)
        assert len(batches.points) == 2 * 2  # Everything else at once, and one more look at this row.
        holder.rollback()
        forwards(fill_note(), parcels)

        assert notes() == EXPECTED

    def test_who_hold_the_whole_table_are_waited_for(self, parcels, small_batches, sessions):
        holder = sessions.open("holder")
        holder.execute("LOCK TABLE budget_parcel IN SHARE MODE")
        waits = []

        def let_go(seconds):
            waits.append(seconds)
            holder.commit()

        with surrounded_by(surrounded(pause=let_go, patience_seconds=60)):
            forwards(fill_note(), parcels)

        assert waits
        assert notes() == EXPECTED

    def test_who_hold_what_a_row_refers_to_do_not_stall_the_rest(self, table, small_batches, sessions):
        state = table("Shelf")
        state = table(
            "Parcel",
            wanted=models.IntegerField(),
            shelf=models.IntegerField(null=True),
        )
        query(
            "ALTER TABLE budget_parcel ADD FOREIGN KEY (shelf) REFERENCES budget_shelf DEFERRABLE"
            " INITIALLY DEFERRED"
        )
        query("INSERT INTO budget_shelf SELECT generate_series(1, 10)")
        query("INSERT INTO budget_parcel (wanted) SELECT generate_series(1, 10)")
        holder = sessions.open("holder")
        holder.execute("SELECT FROM budget_shelf WHERE id = 5 FOR UPDATE")

        put = UpdateInBatches("fill_note", "Parcel", change={"shelf": F("wanted")}, where=Q(shelf=None))
        with pytest.raises(RowsLeft, match=r"that others hold: 1 \(5\)"):
            forwards(put, state)
        left = query("SELECT wanted FROM budget_parcel WHERE shelf IS NULL")
        holder.rollback()
        forwards(put, state)

        assert left == [(5,)]
        assert query("SELECT id FROM budget_parcel WHERE shelf IS NULL") == []

    def test_who_write_rows_meanwhile_are_caught_up_with(self, parcels, small_batches, sessions):
        other = sessions.open("writer", autocommit=True)

        class Writer(Interruption):
            def __call__(self, point):
                super().__call__(point)
                if len(self.points) == 4:
                    other.execute("INSERT INTO budget_parcel (id, title) VALUES (-1, 'behind')")
                    other.execute("UPDATE budget_parcel SET note = '' WHERE id = 1")
                    other.execute("DELETE FROM budget_parcel WHERE id IN (2, 9)")

        with surrounded_by(surrounded(observe=Writer())):
            forwards(fill_note(), parcels)

        assert notes() == ["BEHIND", *(n for n in EXPECTED if n not in ("PARCEL 2", "PARCEL 9"))]

    def test_who_wait_for_locks_make_it_pause_but_never_stop(self, parcels, small_batches):
        asked, pauses = [], []

        def is_busy(connection):
            asked.append(connection)
            return len(asked) < 5

        with surrounded_by(surrounded(is_busy=is_busy, pause=pauses.append)):
            forwards(fill_note(), parcels)

        assert pauses.count(0.1) == 4
        assert notes() == EXPECTED


class TestVerification:
    def test_fails_where_the_change_leaves_rows_that_need_it(self, parcels):
        with pytest.raises(RowsLeft, match=r"although they got it: 10 \(1, 2, 3, 4, 5, …\)"):
            forwards(fill_note(change={"note": ""}), parcels)

    def test_fails_where_a_row_is_not_as_promised_even_if_nothing_is_known_of_it(self, table):
        state = table("Parcel", title=models.TextField(null=True), note=models.TextField())
        query("INSERT INTO budget_parcel (title, note) VALUES (NULL, ''), ('b', '')")

        with pytest.raises(NotAsPromised, match=r"are not as they should be after fill_note: 1 \(1\)"):
            forwards(fill_note(change={"note": "x"}, verify=Q(title__lt="c")), state)

    def test_passes_where_every_row_is_as_promised(self, parcels):
        forwards(fill_note(verify=Q(note=Upper("title"))), parcels)

        assert notes() == EXPECTED


class TestReverse:
    def test_is_another_change_in_batches(self, parcels, small_batches):
        undo = BatchedUpdate(
            change={"note": Concat(F("note"), models.Value("?"))}, where=~Q(note__contains="?")
        )
        operation = fill_note(reverse=undo)
        forwards(operation, parcels)

        with surrounded_by(surrounded(observe=Interruption(4))), pytest.raises(Interrupted):
            backwards(operation, parcels)
        backwards(operation, parcels)

        assert notes() == [f"{note}?" for note in EXPECTED]

    def test_may_be_nothing(self, parcels):
        operation = fill_note(reverse=UpdateInBatches.noop)
        forwards(operation, parcels)

        backwards(operation, parcels)

        assert operation.reversible
        assert notes() == EXPECTED

    def test_is_missing_unless_it_is_given(self):
        assert not fill_note().reversible
