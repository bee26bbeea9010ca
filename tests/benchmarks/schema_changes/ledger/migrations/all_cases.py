from django.db import migrations

from tests.benchmarks.schema_changes.cases import CASES, migration_name


class Migration(migrations.Migration):
    """Never applied: `migrate` wants one newest migration of an app, whichever it is told to apply."""

    dependencies = [("ledger", migration_name(case)) for case in CASES]
