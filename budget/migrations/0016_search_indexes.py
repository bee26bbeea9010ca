from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


def trigram_index(name: str) -> GinIndex:
    return GinIndex(fields=["search_text"], name=name, opclasses=["gin_trgm_ops"])


class Migration(migrations.Migration):
    """Trigram indexes for the search in names, built without blocking anybody who writes."""

    atomic = False  # CREATE INDEX CONCURRENTLY cannot run in a transaction.

    dependencies = [("budget", "0015_search_text")]

    operations = [
        AddIndexConcurrently("user", trigram_index("users_search")),
        AddIndexConcurrently("organization", trigram_index("organizations_search")),
        AddIndexConcurrently("event", trigram_index("events_search")),
        AddIndexConcurrently("settlementitem", trigram_index("settlement_items_search")),
    ]
