from django.db import migrations


class Migration(migrations.Migration):
    """States follow each other only in the order of the workflow, whoever writes them."""

    dependencies = [("budget", "0011_annual_allocations")]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION refuse_status_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                -- The arguments of the trigger are the changes it allows.
                IF NOT OLD.status || ' > ' || NEW.status = ANY (TG_ARGV) THEN
                    RAISE EXCEPTION 'status of % % cannot change from % to %',
                        TG_TABLE_NAME, OLD.id, OLD.status, NEW.status
                        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME,
                            TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
                END IF;
                RETURN NEW;
            END
            $$
            """,
            "DROP FUNCTION refuse_status_change()",
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER event_status_order BEFORE UPDATE ON events
                FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
                EXECUTE FUNCTION refuse_status_change(
                    'PLANNING > IN_PROGRESS', 'IN_PROGRESS > COMPLETED',
                    'PLANNING > CANCELLED', 'IN_PROGRESS > CANCELLED', 'COMPLETED > CANCELLED'
                )
            """,
            "DROP TRIGGER event_status_order ON events",
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER budget_status_order BEFORE UPDATE ON budgets
                FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
                EXECUTE FUNCTION refuse_status_change(
                    'DRAFT > SUBMITTED', 'SUBMITTED > APPROVED', 'SUBMITTED > REJECTED',
                    'REJECTED > DRAFT', 'APPROVED > DRAFT'
                )
            """,
            "DROP TRIGGER budget_status_order ON budgets",
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER settlement_status_order BEFORE UPDATE ON settlements
                FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
                EXECUTE FUNCTION refuse_status_change(
                    'DRAFT > IN_REVIEW', 'IN_REVIEW > COMPLETED', 'IN_REVIEW > DRAFT'
                )
            """,
            "DROP TRIGGER settlement_status_order ON settlements",
        ),
    ]
