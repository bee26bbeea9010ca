from django.db import migrations

from tests.benchmarks.schema_changes.operations import data_change


class Migration(migrations.Migration):
    dependencies = [("ledger", "initial")]
    operations = [
        data_change(),
    ]
