from django.db import migrations


class Migration(migrations.Migration):
    """A budget's version grows by one with each reopening (추경) of an approved budget, and only then."""

    dependencies = [("budget", "0012_status_order")]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION refuse_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE
                reopened constant boolean := OLD.status = 'APPROVED' AND NEW.status = 'DRAFT';
            BEGIN
                IF NEW.version <> OLD.version + reopened::integer THEN
                    RAISE EXCEPTION 'version of budget % cannot change from % to %', OLD.id, OLD.version, NEW.version
                        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME,
                            TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
                END IF;
                RETURN NEW;
            END
            $$
            """,
            "DROP FUNCTION refuse_version_change()",
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER budget_version_order BEFORE UPDATE ON budgets
                FOR EACH ROW EXECUTE FUNCTION refuse_version_change()
            """,
            "DROP TRIGGER budget_version_order ON budgets",
        ),
    ]
