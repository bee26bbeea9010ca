from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


def add_trigram_index(model: str, name: str) -> list[migrations.operations.base.Operation]:
    """Add an index over search_text, also after an attempt that was interrupted and left an invalid one."""
    return [
        migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", migrations.RunSQL.noop),
        AddIndexConcurrently(model, GinIndex(fields=["search_text"], name=name, opclasses=["gin_trgm_ops"])),
    ]


class Migration(migrations.Migration):
    """Trigram indexes for the search in names, built without blocking anybody who writes."""

    atomic = False  # CREATE INDEX CONCURRENTLY cannot run in a transaction.

    dependencies = [("budget", "0015_search_text")]

    operations = [
        *add_trigram_index("user", "users_search"),
        *add_trigram_index("organization", "organizations_search"),
        *add_trigram_index("event", "events_search"),
        *add_trigram_index("settlementitem", "settlement_items_search"),
    ]
