from django.db import migrations

from audit.declaration import Audited
from audit.migration_operations import AuditTable, HiddenSQL


class Migration(migrations.Migration):
    """Every change of these tables is recorded, with the organization whose it is."""

    dependencies = [("budget", "0016_search_indexes"), ("audit", "0004_append_only")]

    # lint: accept squawk-ban-disable-trigger because the triggers are enabled, and for every session
    operations = [
        HiddenSQL(
            """
            CREATE VIEW {hidden}.scope_of_events AS
                SELECT id, organization_id FROM {tables}.events
            """,
            "DROP VIEW {hidden}.scope_of_events",
        ),
        HiddenSQL(
            """
            CREATE VIEW {hidden}.scope_of_budgets AS
                SELECT budgets.id, events.organization_id FROM {tables}.budgets JOIN {tables}.events ON events.id = event_id
            """,
            "DROP VIEW {hidden}.scope_of_budgets",
        ),
        HiddenSQL(
            """
            CREATE VIEW {hidden}.scope_of_settlements AS
                SELECT settlements.id, events.organization_id FROM {tables}.settlements JOIN {tables}.events ON events.id = event_id
            """,
            "DROP VIEW {hidden}.scope_of_settlements",
        ),
        AuditTable(
            "users", Audited(masked=("password", "phone", "birth_date", "address"), derived=("search_text",))
        ),
        AuditTable("organizations", Audited(derived=("search_text",), organization="id")),
        AuditTable("user_organizations", Audited(organization="organization_id")),
        AuditTable("events", Audited(derived=("search_text",), organization="organization_id")),
        AuditTable(
            "budgets", Audited(masked=("deposit_account",), organization="event_id", through="events")
        ),
        AuditTable("budget_incomes", Audited(organization="budget_id", through="budgets")),
        AuditTable("budget_expenses", Audited(organization="budget_id", through="budgets")),
        AuditTable("settlements", Audited(organization="event_id", through="events")),
        AuditTable(
            "settlement_items",
            Audited(derived=("search_text",), organization="settlement_id", through="settlements"),
        ),
        AuditTable("annual_allocations", Audited(organization="organization_id")),
    ]
