"""The page that shows an operator the migrations and the tables."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.urls import reverse
from django.utils.translation import gettext, override

from budget.models import Organization
from config import administration
from config.operations.inspection import inspect_migrations, pending_migrations
from tests.factories import DeployFactory, MigrationRunFactory, OrganizationFactory, UserFactory

pytestmark = pytest.mark.django_db


def forget(app, name):
    MigrationRecorder(connection).record_unapplied(app, name)


class TestInspectMigrations:
    def test_lists_what_is_applied_newest_first(self):
        applied = inspect_migrations(connection=connection).applied

        times = [migration.applied_at for migration in applied]
        assert times == sorted(times, reverse=True)
        assert {"budget", "receipts", "audit"} <= {migration.app for migration in applied}

    def test_finds_nothing_pending_or_unknown_after_migrate(self):
        inspection = inspect_migrations(connection=connection)

        assert (inspection.pending, inspection.unknown) == ((), ())

    def test_lists_what_is_pending_in_the_order_of_migrate(self):
        for app in ("receipts", "audit"):
            MigrationRecorder.Migration.objects.filter(app=app).delete()

        pending = inspect_migrations(connection=connection).pending

        names = [migration.name for migration in pending]
        assert names[0] == "0001_audit_trails"
        assert names.index("0001_receipt_scans") < names.index("0002_ocr_results")

    def test_names_what_another_release_applied(self):
        MigrationRecorder(connection).record_applied("budget", "9999_from_the_future")

        unknown = inspect_migrations(connection=connection).unknown

        assert [(each.app, each.name) for each in unknown] == [("budget", "9999_from_the_future")]

    def test_works_in_an_empty_database(self):
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE django_migrations")

        inspection = inspect_migrations(connection=connection)

        assert inspection.applied == ()
        assert inspection.pending

    def test_measures_the_tables_of_this_schema_only(self):
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA elsewhere")
            cursor.execute("CREATE TABLE elsewhere.strangers (id int)")

        names = [table.name for table in inspect_migrations(connection=connection).tables]

        assert "events" in names
        assert "strangers" not in names

    def test_tells_size_and_the_estimate_of_the_planner(self):
        OrganizationFactory.create_batch(3)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE organizations")

        tables = {table.name: table for table in inspect_migrations(connection=connection).tables}

        organizations = tables["organizations"]
        assert organizations.estimated_rows == 3
        assert organizations.total_bytes > organizations.index_bytes > 0

    def test_describes_tables_as_the_pages_name_their_records(self):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE without_model (id int)")
            cursor.execute("COMMENT ON TABLE without_model IS 'Of nobody'")

        with override("ko"):
            tables = {table.name: table for table in inspect_migrations(connection=connection).tables}
            expected = str(Organization._meta.verbose_name_plural)

        assert tables["organizations"].description == expected
        assert tables["without_model"].description == "Of nobody"

    @pytest.mark.django_db(transaction=True)
    def test_counts_what_was_written_until_a_table_is_analysed(self):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE unanalysed (id int) WITH (autovacuum_enabled = off)")
            cursor.execute("CREATE TABLE empty (id int) WITH (autovacuum_enabled = off)")
            cursor.execute("INSERT INTO unanalysed SELECT generate_series(1, 5)")
            cursor.execute("SELECT pg_stat_force_next_flush()")

        tables = {table.name: table for table in inspect_migrations(connection=connection).tables}

        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE unanalysed, empty")
        assert tables["unanalysed"].estimated_rows == 5
        assert tables["empty"].estimated_rows == 0

    def test_knows_no_number_where_nothing_was_counted(self):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE uncounted AS SELECT 1 AS id")
            cursor.execute("SELECT pg_stat_reset_single_table_counters('uncounted'::regclass)")

        tables = {table.name: table for table in inspect_migrations(connection=connection).tables}

        assert tables["uncounted"].estimated_rows is None


class TestPendingMigrations:
    def test_names_them_as_migrate_does(self):
        forget("receipts", "0004_audit")

        assert "receipts.0004_audit" in map(str, pending_migrations(connection=connection))


class TestMigrationsPage:
    def test_is_linked_from_the_first_page_and_shows_the_tables(self, client, superuser):
        client.force_login(superuser)
        address = reverse("admin:migrations")

        index = client.get(reverse("admin:index")).text
        page = client.get(address)

        assert f'href="{address}"' in index
        assert "0013_budget_version_order" in page.text
        assert "user_organizations" in page.text

    def test_warns_of_what_is_pending_and_of_what_is_unknown(self, client, superuser):
        client.force_login(superuser)
        forget("receipts", "0004_audit")
        MigrationRecorder(connection).record_applied("budget", "9999_from_the_future")

        page = client.get(reverse("admin:migrations")).text

        with override("ko"):
            warning = gettext("Another release applied these. Deploy that release, or revert them with it.")
        assert "0004_audit" in page
        assert "budget.9999_from_the_future" in page
        assert warning in page

    def test_shows_who_ran_what_and_how_long(self, client, superuser):
        client.force_login(superuser)
        deploy = DeployFactory(approved_by="승인자")
        MigrationRunFactory(deploy=deploy, migration="budget.0042_answer", seconds=1.5, operator="operator")

        page = client.get(reverse("admin:migrations")).text

        assert "budget.0042_answer" in page
        assert "1.50" in page
        assert "승인자" in page

    def test_is_closed_to_staff_who_are_no_superusers(self, client):
        client.force_login(UserFactory(is_staff=True))

        assert client.get(reverse("admin:migrations")).status_code == 403
        assert reverse("admin:migrations") not in client.get(reverse("admin:index")).text

    def test_cannot_be_posted_to(self, client, superuser):
        client.force_login(superuser)

        assert client.post(reverse("admin:migrations")).status_code == 405

    def test_has_no_script_or_style_inside(self, client, superuser):
        client.force_login(superuser)

        page = client.get(reverse("admin:migrations")).text
        content = page[page.index('id="content-main"') :]

        assert "style=" not in content
        assert "<script>" not in content


class TestFirstPage:
    def test_lists_the_pages_in_the_order_of_the_life_of_an_event(self, client, superuser):
        client.force_login(superuser)

        sections = client.get(reverse("admin:index")).context["app_list"]

        pages = [page["object_name"] for page in sections[0]["models"]]
        assert [section["app_label"] for section in sections] == ["budget", "receipts", "audit", "operations"]
        assert pages[:5] == ["Event", "Budget", "BudgetIncome", "BudgetExpense", "Settlement"]
        assert set(administration.PAGE_ORDER) >= {
            page["object_name"] for section in sections[:2] for page in section["models"]
        }

    def test_loads_the_stylesheet_of_the_site(self, client, superuser):
        client.force_login(superuser)

        assert "operations/administration.css" in client.get(reverse("admin:index")).text

    def test_of_an_app_lists_only_that_app(self, client, superuser):
        client.force_login(superuser)

        sections = client.get(reverse("admin:app_list", args=("receipts",))).context["app_list"]

        assert [section["app_label"] for section in sections] == ["receipts"]
