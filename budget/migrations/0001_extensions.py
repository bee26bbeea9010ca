from django.contrib.postgres.operations import CreateExtension, CryptoExtension, TrigramExtension
from django.db import migrations


class Migration(migrations.Migration):
    """What every table after this one builds on: the extensions, and the trigger that keeps `updated_at`."""

    initial = True

    dependencies = []

    operations = [
        CreateExtension("uuid-ossp"),
        CryptoExtension(),
        TrigramExtension(),
        migrations.RunSQL(
            """
            CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                NEW.updated_at := statement_timestamp();
                RETURN NEW;
            END
            $$
            """,
            "DROP FUNCTION set_updated_at()",
        ),
    ]
