"""Operations of ours that commit again and again, run by the executor."""

import pytest

from config.migration_operations import table_size
from config.operations.schema_change import execution
from tests.config.operations.schema_change.trials import (
    MEMBERS,
    ROWS,
    applied,
    execute,
    fill,
    leftovers,
    migrate,
    shape,
)

NOT_ATOMIC = """atomic = False
    from config.migration_operations.change_type import ChangeTypeOnline, FinishTypeChange
    from config.migration_operations.update_in_batches import BatchedUpdate, UpdateInBatches
"""
UPDATE = """
    UpdateInBatches(
        "count_members",
        "Member",
        {"other": F("age")},
        where=~Q(other=F("age")),
        reverse=BatchedUpdate(change={"other": 1}, where=~Q(other=1)),
    ),
"""
CHANGE = 'ChangeTypeOnline("member", "age", BigIntegerField())'
FINISH = 'FinishTypeChange("member", "age")'


@pytest.fixture
def members(trial, monkeypatch):
    monkeypatch.setattr(table_size, "LARGE_BYTES", 0)
    trial.write("0001_members", MEMBERS)
    migrate("0001_members")
    fill()
    return trial


def sums():
    return execute("SELECT sum(age), sum(other) FROM trial_member")


class TestUpdateInBatches:
    def test_is_applied_and_reverted(self, members):
        members.write("0002_update", UPDATE, attributes=NOT_ATOMIC)

        migrate("0002_update")
        after = sums()
        migrate("0001_members")

        assert after == [(55, 55)]
        assert sums() == [(55, ROWS)]
        assert leftovers() == []


class TestChangeTypeOnline:
    def test_is_applied_finished_and_reverted(self, members):
        before, rows = shape(), sums()
        members.write("0002_change", CHANGE, attributes=NOT_ATOMIC)
        members.write("0003_finish", FINISH, attributes=NOT_ATOMIC)

        migrate("0003_finish")
        names = {name: kind for name, kind, *_rest in shape()[0]}
        history = applied()
        migrate("0001_members")

        assert (names["age"], "age__old" in names) == ("bigint", False)
        assert history == ["0001_members", "0002_change", "0003_finish"]
        assert (shape(), sums(), leftovers()) == (before, rows, [])

    def test_tells_the_words_of_a_refusal(self, members):
        execute("UPDATE trial_member SET note = 'many'")
        members.write(
            "0002_change",
            'ChangeTypeOnline("member", "note", IntegerField(null=True))',
            attributes=NOT_ATOMIC,
        )

        with pytest.raises(execution.MigrationFailed, match=rf"integer.* {ROWS}"):
            migrate("0002_change")

        assert "note__new" not in {name for name, *_rest in shape()[0]}
