import json
import os
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.apps import apps
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from budget.models import (
    Budget,
    BudgetExpense,
    Event,
    Organization,
    User,
)
from config.env import BASE_DIR
from config.operations.seed import DemoDataRefused, UnableToSeed, seed
from receipts.models import ReceiptScan
from tests.factories import BudgetIncomeFactory, OrganizationFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def demo(_storage, db):
    return seed(demo=True)


def rows():
    ours = (model for label in ("budget", "receipts") for model in apps.get_app_config(label).get_models())
    return {model._meta.db_table: list(model.objects.order_by("pk").values()) for model in ours}


def seed_in_thread():
    try:
        return seed(demo=True)
    finally:
        connection.close()


class TestSeed:
    def test_puts_in_the_four_organizations_only(self):
        report = seed(demo=False)

        assert report.created == 4
        assert report.sign_in is None
        assert list(Organization.objects.order_by("display_order").values_list("code", "name")) == [
            ("YOUTH", "청년회"),
            ("MOTHERS", "자모회"),
            ("ELEMENTARY", "초등부 주일학교"),
            ("MIDDLE_HIGH", "중고등부 주일학교"),
        ]
        assert not User.objects.exists()

    def test_creates_nothing_the_second_time_and_changes_nothing(self, demo):
        before = rows()

        second = seed(demo=True)

        assert second.created == 0
        assert sum(count.kept for count in second.counts) == demo.created
        assert rows() == before

    def test_keeps_what_people_have_changed(self, demo):
        Organization.objects.filter(code="YOUTH").update(name="청년 공동체")
        Event.objects.filter(name="겨울피정 2025").update(name="겨울 피정")

        seed(demo=True)

        assert Organization.objects.get(code="YOUTH").name == "청년 공동체"
        assert Event.objects.filter(name="겨울 피정").exists()
        assert not Event.objects.filter(name="겨울피정 2025").exists()

    def test_says_which_organization_has_lost_the_code_that_the_demo_year_needs(self, demo):
        Organization.objects.filter(code="YOUTH").update(code="YOUNG")

        with pytest.raises(UnableToSeed, match="YOUTH"):
            seed(demo=True)

    @pytest.mark.django_db(transaction=True)
    def test_at_the_same_time_as_another_waits_for_it(self):
        with ThreadPoolExecutor() as threads:
            reports = [threads.submit(seed_in_thread) for _each in range(3)]

        assert sorted(report.result().created > 0 for report in reports) == [False, False, True]

    def test_brings_back_a_row_that_was_deleted(self, demo):
        line = BudgetExpense.objects.get(detail="눈썰매")
        BudgetExpense.objects.filter(pk=line.pk).delete()

        again = seed(demo=True)

        assert again.created == 1
        assert BudgetExpense.objects.get(detail="눈썰매").pk == line.pk

    def test_brings_back_a_receipt_file_that_was_deleted(self, demo):
        name = ReceiptScan.objects.first().file.name
        default_storage.delete(name)

        again = seed(demo=True)

        assert again.created == 1
        assert default_storage.exists(name)

    def test_uses_the_organization_and_the_person_that_are_there_under_other_keys(self):
        youth = OrganizationFactory(code="YOUTH", name="청년회")
        haneul = UserFactory(email="Haneul.Choi@example.org", name="최하늘이")

        seed(demo=True)

        event = Event.objects.get(name="새 청년 환영회")
        assert event.organization == youth
        assert event.created_by == haneul
        assert User.objects.filter(email__iexact="haneul.choi@example.org").get().name == "최하늘이"

    def test_keeps_a_line_written_by_hand_in_the_place_of_a_deleted_one(self, demo):
        budget = Budget.objects.get(event__name="송년 감사제")
        budget.incomes.get(display_order=2).delete()
        BudgetIncomeFactory(budget=budget, display_order=2, title="바자회 수익")

        again = seed(demo=True)

        assert again.created == 0
        assert budget.incomes.get(display_order=2).title == "바자회 수익"

    def test_keeps_the_password_that_the_operator_chose(self, demo):
        operator = User.objects.get(email=demo.sign_in.email)
        operator.set_password("another password")
        operator.save()

        seed(demo=True)

        operator.refresh_from_db()
        assert operator.check_password("another password")

    def test_lets_the_demo_superuser_sign_in(self, demo, client):
        signed_in = client.login(username=demo.sign_in.email, password=demo.sign_in.password)

        assert signed_in
        assert User.objects.get(email=demo.sign_in.email).is_superuser

    def test_gives_nobody_else_a_password(self, demo):
        others = User.objects.exclude(email=demo.sign_in.email)

        assert others.exists()
        assert not any(person.has_usable_password() for person in others)

    @pytest.mark.parametrize("environment", ["production", "staging"])
    def test_refuses_demo_data_where_real_people_work(self, settings, environment):
        settings.ENVIRONMENT = environment

        with pytest.raises(DemoDataRefused, match=environment):
            seed(demo=True)

        assert not Organization.objects.exists()

    @pytest.mark.parametrize("environment", ["production", "staging"])
    def test_puts_in_the_organizations_everywhere(self, settings, environment):
        settings.ENVIRONMENT = environment

        assert seed(demo=False).created == 4

    def test_writes_nothing_in_a_dry_run_but_counts_everything(self, tmp_path):
        report = seed(demo=True, dry_run=True)

        assert not any(rows().values())
        assert not list(tmp_path.rglob("*"))
        assert seed(demo=True).counts == report.counts

    def test_refuses_while_migrations_are_pending(self):
        MigrationRecorder(connection).record_unapplied("receipts", "0004_audit")

        with pytest.raises(UnableToSeed, match=r"manage\.py migrate"):
            seed(demo=True)

        assert not Organization.objects.exists()

    def test_puts_in_nothing_when_a_row_of_somebody_else_is_in_the_way(self):
        OrganizationFactory(code="OTHER", name="청년회")

        with pytest.raises(UnableToSeed, match="organization_name_unique"):
            seed(demo=True)

        assert Organization.objects.get().code == "OTHER"

    def test_puts_in_nothing_when_the_storage_cannot_be_written(self, settings, tmp_path):
        (tmp_path / "media").write_text("a file where the folder should be")
        settings.MEDIA_ROOT = tmp_path / "media"

        with pytest.raises(UnableToSeed, match="MEDIA_ROOT"):
            seed(demo=True)

        assert not Organization.objects.exists()

    def test_announces_each_table_before_its_rows(self):
        announced = []

        report = seed(demo=True, on_table=announced.append)

        assert announced == [count.table for count in report.counts]


def run(*arguments):
    output = StringIO()
    call_command("seed", *arguments, stdout=output)
    return output.getvalue()


class TestCommand:
    def test_prints_what_it_did_and_how_to_sign_in(self):
        output = run("--demo")

        assert "organizations" in output
        assert "admin@example.org" in output

    def test_says_nothing_of_signing_in_without_demo_data(self):
        assert "admin@example.org" not in run()

    def test_prints_one_json_object(self):
        report = json.loads(run("--demo", "--json"))

        assert report["created"] == sum(count["created"] for count in report["counts"])
        assert {"table": "events", "created": 14, "kept": 0} in report["counts"]
        assert report["sign_in"]["email"] == "admin@example.org"

    def test_prints_nothing_when_told_to_be_silent(self):
        assert run("--verbosity=0") == ""
        assert Organization.objects.exists()

    def test_says_what_it_would_do_in_a_dry_run(self):
        output = run("--dry-run")

        assert "4" in output
        assert not Organization.objects.exists()

    def test_exits_with_2_where_demo_data_are_refused(self, settings):
        settings.ENVIRONMENT = "production"

        with pytest.raises(CommandError, match="production") as refusal:
            run("--demo")

        assert refusal.value.returncode == 2

    def test_refuses_in_a_real_production_before_it_connects(self, tmp_path):
        variables = {
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "SECRET_KEY": secrets.token_urlsafe(64),
            "ALLOWED_HOSTS": "budget.example.org",
            "DATABASE_URL": f"postgres://somebody:{secrets.token_urlsafe(32)}@127.0.0.1:1/parish_budget",
            "LOG_DIR": str(tmp_path),
        }

        process = subprocess.run(
            [sys.executable, "manage.py", "seed", "--demo"],
            cwd=BASE_DIR,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
        )

        assert process.returncode == 2
        assert "production" in process.stderr
        assert "Traceback" not in process.stderr
        assert process.stdout == ""

    def test_shows_progress_only_to_who_waits_long(self, monkeypatch, capsys):
        run()
        quick = capsys.readouterr().err
        monkeypatch.setattr("config.operations.management.commands.seed._PATIENCE_SECONDS", -1)
        run()

        assert quick == ""
        assert "organizations" in capsys.readouterr().err
