from django.db import migrations

from audit.migration_operations import HiddenSQL


class Migration(migrations.Migration):
    """Nobody changes, removes or empties what has been recorded, whatever the role."""

    dependencies = [("audit", "0003_recording_functions")]

    # lint: accept squawk-ban-disable-trigger because the triggers are enabled, and for every session
    operations = [
        HiddenSQL(
            """
            CREATE FUNCTION {hidden}.refuse_change() RETURNS trigger LANGUAGE plpgsql
            SET search_path = pg_catalog, pg_temp AS $$
            BEGIN
                RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME,
                        TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
            END
            $$
            """,
            "DROP FUNCTION {hidden}.refuse_change()",
        ),
        HiddenSQL(
            """
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_trails
                FOR EACH ROW EXECUTE FUNCTION {hidden}.refuse_change();
            CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_trails
                FOR EACH STATEMENT EXECUTE FUNCTION {hidden}.refuse_change();
            ALTER TABLE audit_trails ENABLE ALWAYS TRIGGER append_only;
            ALTER TABLE audit_trails ENABLE ALWAYS TRIGGER append_only_truncate
            """,
            """
            DROP TRIGGER append_only_truncate ON audit_trails;
            DROP TRIGGER append_only ON audit_trails
            """,
        ),
    ]
