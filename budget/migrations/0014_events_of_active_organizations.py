from django.db import migrations


class Migration(migrations.Migration):
    """An inactive organization gets no new event, and no event of another organization."""

    dependencies = [("budget", "0013_budget_version_order")]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION refuse_inactive_organization() RETURNS trigger LANGUAGE plpgsql
            SET search_path FROM CURRENT AS $$
            DECLARE
                organization_is_active boolean;
            BEGIN
                -- save() writes every column, so that an unchanged organization must pass.
                IF TG_OP = 'UPDATE' AND NEW.organization_id IS NOT DISTINCT FROM OLD.organization_id THEN
                    RETURN NEW;
                END IF;
                -- The lock makes whoever deactivates the organization at this moment wait, or be waited for.
                SELECT is_active INTO organization_is_active
                    FROM organizations WHERE id = NEW.organization_id FOR SHARE;
                IF NOT organization_is_active THEN
                    RAISE EXCEPTION 'organization % is inactive and cannot get a new event', NEW.organization_id
                        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME,
                            TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
                END IF;
                RETURN NEW;
            END
            $$
            """,
            "DROP FUNCTION refuse_inactive_organization()",
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER event_organization_active BEFORE INSERT OR UPDATE OF organization_id ON events
                FOR EACH ROW EXECUTE FUNCTION refuse_inactive_organization()
            """,
            "DROP TRIGGER event_organization_active ON events",
        ),
    ]
