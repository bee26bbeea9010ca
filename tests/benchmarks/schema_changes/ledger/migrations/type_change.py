from django.db import migrations

from tests.benchmarks.schema_changes.operations import type_change


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        type_change(),
    ]
