import contextlib
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from budget.models import Event, Organization, Settlement
from config.databases import OWNER_ALIAS
from config.operations import scale, scale_rows
from config.operations.integrity import find_problems
from config.operations.scale import seed_scale
from config.operations.scale_rows import ROWS_IN_BLOCK
from config.operations.seed import DemoDataRefused, UnableToSeed

pytestmark = pytest.mark.django_db


@pytest.fixture
def block(db):
    return seed_scale(alias="default", thousands=1)


def rows():
    with connection.cursor() as cursor:
        counts = {}
        for table in ROWS_IN_BLOCK:
            written = "WHERE database_role = ''" if table == "audit_trails" else ""  # Not by the triggers.
            cursor.execute(f"SELECT count(*) FROM {table} {written}")
            [counts[table]] = cursor.fetchone()
        return counts


def balances_of_a_new_block():
    with transaction.atomic():
        seed_scale(alias="default", thousands=1)
        balances = Settlement.objects.order_by("pk").values_list("pk", "account_balance", "return_amount")
        found = list(balances)
        transaction.set_rollback(True)
    return found


class TestSeedScale:
    def test_puts_in_what_it_promises_and_the_rules_hold(self, block):
        assert rows() == block.rows == ROWS_IN_BLOCK
        assert list(find_problems()) == []

    def test_makes_the_same_rows_each_time(self):
        assert balances_of_a_new_block() == balances_of_a_new_block()

    def test_adds_only_what_is_missing(self, block):
        again = seed_scale(alias="default", thousands=1)
        more = seed_scale(alias="default", thousands=3, dry_run=True)

        assert (again.created_blocks, again.kept_blocks) == (0, 1)
        assert (more.created_blocks, more.kept_blocks) == (2, 1)
        assert rows() == ROWS_IN_BLOCK

    def test_writes_nothing_in_a_dry_run(self):
        report = seed_scale(alias="default", thousands=2, dry_run=True)

        assert sum(report.rows.values()) == 2 * sum(ROWS_IN_BLOCK.values())
        assert not Event.objects.exists()
        assert not Organization.objects.exists()

    def test_leaves_no_half_block_when_it_fails(self, monkeypatch):
        broken = {**scale_rows.STATEMENTS, "audit_trails": "SELECT 1 / 0"}
        monkeypatch.setattr(scale, "STATEMENTS", broken)

        with pytest.raises(Exception, match="division by zero"):
            seed_scale(alias="default", thousands=1)

        assert not Event.objects.exists()

    @pytest.mark.parametrize("environment", ["production", "staging"])
    def test_refuses_where_real_people_work(self, settings, environment):
        settings.ENVIRONMENT = environment

        with pytest.raises(DemoDataRefused, match=environment):
            seed_scale(alias="default", thousands=1)

    def test_refuses_what_the_disk_cannot_hold(self, monkeypatch):
        monkeypatch.setattr(scale, "BYTES_IN_BLOCK", 10**18)

        with pytest.raises(UnableToSeed, match="MB"):
            seed_scale(alias="default", thousands=1)

        assert not Event.objects.exists()


class TestCommand:
    @pytest.mark.django_db(databases=["default", OWNER_ALIAS])
    def test_prints_one_json_object(self):
        output = StringIO()
        with contextlib.closing(connections[OWNER_ALIAS]):
            call_command("seed", "--scale=2", "--dry-run", "--json", stdout=output)

        assert json.loads(output.getvalue())["rows"]["events"] == 2_000

    @pytest.mark.parametrize("number", ["0", "-1", "many"])
    def test_refuses_what_is_no_positive_number(self, number):
        with pytest.raises(CommandError, match="scale"):
            call_command("seed", f"--scale={number}")
