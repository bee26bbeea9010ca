import contextlib

import pytest
from django.db import OperationalError

from config.operations.schema_change.effects import LockMode, TableLock, strongest


@pytest.mark.django_db
class TestLockMode:
    def test_conflicts_with_what_it_does_on_the_server(self, foretold_database):
        conflicts = set()
        with contextlib.closing(foretold_database.copy()) as other, other.cursor() as cursor:
            for held in LockMode:
                cursor.execute(f"BEGIN; LOCK TABLE lonely IN {held} MODE")
                conflicts |= {(held, asked) for asked in LockMode if is_refused(foretold_database, asked)}
                cursor.execute("ROLLBACK")

        assert conflicts == {(a, b) for a in LockMode for b in LockMode if a.conflicts_with(b)}

    def test_blocks_who_writes_from_share_on_and_who_reads_at_last(self):
        assert [mode.name for mode in LockMode if mode.blocks_writes] == [
            "SHARE",
            "SHARE_ROW_EXCLUSIVE",
            "EXCLUSIVE",
            "ACCESS_EXCLUSIVE",
        ]
        assert [mode.name for mode in LockMode if mode.blocks_reads] == ["ACCESS_EXCLUSIVE"]

    def test_goes_by_the_names_of_postgresql(self):
        mode = LockMode.SHARE_UPDATE_EXCLUSIVE

        assert (str(mode), mode.name_in_pg_locks) == ("SHARE UPDATE EXCLUSIVE", "ShareUpdateExclusiveLock")


class TestStrongest:
    def test_keeps_one_lock_for_each_table(self):
        weak, strong = TableLock("a", LockMode.SHARE), TableLock("a", LockMode.EXCLUSIVE)
        other = TableLock("b", LockMode.ACCESS_SHARE)

        assert strongest([weak, other, strong, weak]) == (strong, other)


def is_refused(database, mode):
    with database.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            cursor.execute(f"LOCK TABLE lonely IN {mode} MODE NOWAIT")
        except OperationalError:
            return True
        finally:
            cursor.execute("ROLLBACK")
    return False
