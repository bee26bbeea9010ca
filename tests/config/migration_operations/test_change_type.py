"""Tables of every size are large here."""

import pytest
from django.db import connection, models
from django.db.migrations.autodetector import MigrationAutodetector

from config.migration_operations import table_size
from config.migration_operations.change_type import ChangeTypeOnline, FinishTypeChange
from config.migration_operations.conversion import ValuesNotConverted
from config.migration_operations.surroundings import surrounded_by
from tests.config.migration_operations.conftest import (
    Interrupted,
    Interruption,
    backwards,
    forwards,
    query,
    surrounded,
)
from tests.config.migration_operations.parcels import WIDEN, definitions, parcel_of, weights

pytestmark = pytest.mark.usefixtures("calm", "english", "small_batches", "large")


def kills(run, state):
    """Interrupt the change within a step, then after it, and so on until the end; return how often."""
    for number in range(100):
        try:
            with surrounded_by(surrounded(observe=Interruption(1 + number % 2))):
                run(WIDEN, state)
        except Interrupted:
            continue
        return number
    return None


class TestChangeTypeOnline:
    def test_leaves_what_a_plain_change_leaves_and_the_old_column_besides(self, parcels, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(table_size, "LARGE_BYTES", 64 * 1024**2)
            forwards(WIDEN, parcels)
            plain = definitions()
            backwards(WIDEN, parcels)

        state = forwards(WIDEN, parcels)
        kept = definitions()
        forwards(FinishTypeChange("Parcel", "weight"), state)

        assert any("column weight__old integer comment" in each for each in kept)
        assert len(kept) == len(plain) + 3  # The column, the trigger, its function.
        assert definitions() == plain
        assert weights() == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]

    def test_taken_back_leaves_what_was_there_before(self, parcels):
        before = definitions()
        forwards(WIDEN, parcels)

        backwards(WIDEN, parcels)

        assert definitions() == before
        assert weights() == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]

    def test_taken_back_after_it_was_finished_makes_the_old_column_anew(self, parcels):
        before = definitions()
        finish = FinishTypeChange("Parcel", "weight")
        state = forwards(WIDEN, parcels)
        forwards(finish, state)

        backwards(finish, state)
        backwards(WIDEN, parcels)

        assert definitions() == before

    @pytest.mark.parametrize("direction", ["forwards", "backwards"])
    def test_goes_on_after_a_kill_within_and_after_each_step(self, parcels, direction):
        run, undo = (forwards, backwards) if direction == "forwards" else (backwards, forwards)
        if direction == "backwards":
            forwards(WIDEN, parcels)
        run(WIDEN, parcels)
        expected = definitions()
        undo(WIDEN, parcels)

        assert kills(run, parcels) > 20
        assert definitions() == expected
        assert weights() == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]

    def test_builds_an_index_anew_that_a_kill_left_invalid(self, parcels):
        whole = Interruption()
        with surrounded_by(surrounded(observe=whole)):
            forwards(WIDEN, parcels)
        expected = definitions()
        backwards(WIDEN, parcels)
        moment = whole.points.index("build parcel_heavier__new") + 1
        with surrounded_by(surrounded(observe=Interruption(moment))), pytest.raises(Interrupted):
            forwards(WIDEN, parcels)
        query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'parcel_heavier__new'::regclass")

        forwards(WIDEN, parcels)

        assert definitions() == expected

    def test_does_not_touch_the_rest_of_a_row(self, parcels):
        query(
            "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.changed_at := clock_timestamp(); RETURN NEW; END $$"
        )
        query("CREATE TRIGGER touch BEFORE UPDATE ON budget_parcel FOR EACH ROW EXECUTE FUNCTION touch()")
        before = query("SELECT id, changed_at FROM budget_parcel ORDER BY id")
        try:
            forwards(WIDEN, parcels)
        finally:
            query("DROP FUNCTION touch CASCADE")

        assert query("SELECT id, changed_at FROM budget_parcel ORDER BY id") == before

    def test_loses_nothing_that_is_written_meanwhile(self, parcels, sessions):
        writer = sessions.open("old release", autocommit=True)
        expected = {}

        def write(point):
            # Whatever has been locked within a transaction would be waited for.
            if connection.in_atomic_block or len(expected) == 60:
                return
            number = len(expected)
            [key] = writer.execute(
                "INSERT INTO budget_parcel (weight, title) VALUES (%s, %s) RETURNING id", [number, number]
            ).fetchone()
            expected[key] = number
            for written in list(expected)[-3:-1]:
                writer.execute("UPDATE budget_parcel SET weight = weight + 100 WHERE id = %s", [written])
                expected[written] += 100
            if number % 5 == 4:
                gone = next(iter(expected))
                writer.execute("DELETE FROM budget_parcel WHERE id = %s", [gone])
                expected[gone] = None

        with surrounded_by(surrounded(observe=write)):
            forwards(WIDEN, parcels)

        found = dict(query("SELECT id, weight FROM budget_parcel WHERE id > 10"))
        assert len(expected) > 10
        assert found == {key: weight for key, weight in expected.items() if weight is not None}
        assert weights() == weights("weight__old")

    def test_keeps_both_columns_in_step_afterwards_whichever_is_written(self, parcels):
        forwards(WIDEN, parcels)
        columns = "weight, weight__old"

        new = query(f"INSERT INTO budget_parcel (weight) VALUES (7) RETURNING {columns}")
        default = query(f"INSERT INTO budget_parcel (title) VALUES ('d') RETURNING {columns}")
        update = query(f"UPDATE budget_parcel SET weight = 8 WHERE id = 1 RETURNING {columns}")
        old = query(f"UPDATE budget_parcel SET weight__old = 9 WHERE id = 1 RETURNING {columns}")
        inserted = query(
            f"INSERT INTO budget_parcel (weight, weight__old) VALUES (NULL, 6) RETURNING {columns}"
        )

        assert [new, default, update, old, inserted] == [[(7, 7)], [(5, 5)], [(8, 8)], [(9, 9)], [(6, 6)]]

    def test_lets_nobody_fail_because_the_old_column_is_too_small_but_is_not_taken_back_then(self, table):
        state = parcel_of(table, models.IntegerField(), 1)
        forwards(ChangeTypeOnline("Parcel", "weight", models.BigIntegerField()), state)
        query("INSERT INTO budget_parcel (weight) VALUES (3000000000)")
        kept = definitions()

        with pytest.raises(ValuesNotConverted, match=r"that do not become integer: 1 \(2\)"):
            backwards(ChangeTypeOnline("Parcel", "weight", models.BigIntegerField()), state)

        assert (weights(), weights("weight__old")) == ([1, 3_000_000_000], [1, None])
        assert definitions() == kept

    @pytest.mark.parametrize(
        ("old", "new", "using", "values", "expected"),
        [
            (
                models.IntegerField(null=True),
                models.DecimalField(max_digits=12, decimal_places=2, null=True),
                "",
                [1, None],
                ["1.00", None],
            ),
            (
                models.CharField(max_length=9, db_index=True),
                models.TextField(db_index=True),
                "",
                ["a"],
                ["a"],
            ),
            (
                models.TextField(unique=True),
                models.CharField(max_length=3, unique=True),
                "",
                ["abc"],
                ["abc"],
            ),
            (
                models.TextField(),
                models.UUIDField(),
                "",
                ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
                ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
            ),
            (
                models.TextField(),
                models.IntegerField(null=False),
                "replace({column}, '%', '')::integer",
                ["7%"],
                ["7"],
            ),
            (
                models.CharField(max_length=9, db_index=True),
                models.IntegerField(db_index=True),
                "",
                ["12"],
                ["12"],
            ),
            (
                models.TextField(db_collation="C"),
                models.CharField(max_length=9, db_collation="POSIX"),
                "",
                ["é"],
                ["é"],
            ),
            (models.PositiveIntegerField(), models.PositiveBigIntegerField(), "", [3], ["3"]),
        ],
        ids=["number", "longer text", "shorter text", "key", "expression", "not text", "collation", "check"],
    )
    def test_makes_of_any_type_what_a_plain_change_makes(
        self, table, monkeypatch, old, new, using, values, expected
    ):
        state = parcel_of(table, old, *values)
        operation = ChangeTypeOnline(
            "Parcel", "weight", new, using=using, back="{column}::text" if using else ""
        )
        with monkeypatch.context() as patch:
            patch.setattr(table_size, "LARGE_BYTES", 64 * 1024**2)
            forwards(operation, state)
            plain = definitions()
            backwards(operation, state)
        query("DELETE FROM budget_parcel")
        for value in values:
            query("INSERT INTO budget_parcel (weight) VALUES (%s)", value)

        after = forwards(operation, state)
        forwards(FinishTypeChange("Parcel", "weight"), after)

        assert definitions() == plain
        assert weights("weight::text") == expected

    def test_leaves_nothing_for_makemigrations(self, parcels):
        state = forwards(WIDEN, parcels)
        wanted = parcels.clone()
        wanted.alter_field("budget", "parcel", "weight", WIDEN.field, preserve_default=True)

        changes = MigrationAutodetector(state, wanted)._detect_changes()

        assert changes == {}
