from django.db import migrations


class Migration(migrations.Migration):
    """What every table after this one builds on: the extensions, and the trigger that keeps `updated_at`.

    The extensions get a schema of their own, which every search path ends with: whichever schema holds the
    tables, none of them belongs to it. Where a server has them elsewhere already, they stay there.
    """

    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL(
            """
            DO $$
            BEGIN
                IF to_regnamespace('extensions') IS NULL THEN
                    CREATE SCHEMA extensions;
                    COMMENT ON SCHEMA extensions IS 'Made by the migration budget.0001_extensions';
                END IF;
            END
            $$;
            CREATE EXTENSION IF NOT EXISTS "uuid-ossp" SCHEMA extensions;
            CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA extensions;
            CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA extensions;
            DO $$
            DECLARE
                unreachable text := (
                    SELECT min(extname)
                    FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
                    WHERE extname IN ('uuid-ossp', 'pgcrypto', 'pg_trgm') AND nspname <> ALL (current_schemas(true))
                );
            BEGIN
                IF unreachable IS NOT NULL THEN
                    RAISE EXCEPTION 'extension % is in a schema outside the search path', unreachable
                        USING ERRCODE = 'undefined_object',
                            HINT = format('ALTER EXTENSION %I SET SCHEMA extensions', unreachable);
                END IF;
            END
            $$
            """,
            """
            DO $$
            DECLARE
                extension text;
            BEGIN
                -- Only what was made above goes, and only while nothing else needs it.
                IF obj_description(to_regnamespace('extensions'), 'pg_namespace')
                    = 'Made by the migration budget.0001_extensions'
                THEN
                    FOR extension IN
                        SELECT extname FROM pg_extension WHERE extnamespace = to_regnamespace('extensions')
                            AND extname IN ('uuid-ossp', 'pgcrypto', 'pg_trgm')
                    LOOP
                        EXECUTE format('DROP EXTENSION %I', extension);
                    END LOOP;
                    DROP SCHEMA extensions;
                END IF;
            EXCEPTION WHEN dependent_objects_still_exist THEN
                NULL;  -- Another schema of this database uses them: the whole block is undone.
            END
            $$
            """,
        ),
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
