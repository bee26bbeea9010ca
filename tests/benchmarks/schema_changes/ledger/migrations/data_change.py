from django.db import migrations

from tests.benchmarks.schema_changes.operations import IS_OURS, data_change


class Migration(migrations.Migration):
    atomic = not IS_OURS
    dependencies = [("ledger", "initial")]
    operations = [data_change()]
