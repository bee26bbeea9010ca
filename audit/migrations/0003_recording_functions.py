from django.db import migrations

from audit.migration_operations import HiddenSQL


class Migration(migrations.Migration):
    """What the triggers share, where the application's role sees nothing, and the door for business actions."""

    dependencies = [("audit", "0002_order_and_role")]

    operations = [
        HiddenSQL("CREATE SCHEMA {hidden}", "DROP SCHEMA {hidden}"),
        HiddenSQL(
            """
            CREATE FUNCTION {hidden}.context(
                OUT actor_id uuid, OUT actor_name text, OUT actor_email text, OUT session_hash text,
                OUT ip_address inet, OUT user_agent text, OUT request_id uuid, OUT command text, OUT reason text
            ) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
            DECLARE
                written text := current_setting('audit.context', true);
                given jsonb;
            BEGIN
                actor_name := ''; actor_email := ''; session_hash := ''; user_agent := '';
                command := ''; reason := '';
                IF written IS NULL OR written = '' THEN
                    ip_address := inet_client_addr();
                    RETURN;
                END IF;
                given := written::jsonb;
                actor_id := nullif(given->>'actor_id', '')::uuid;
                ip_address := nullif(given->>'ip_address', '')::inet;
                request_id := nullif(given->>'request_id', '')::uuid;
                actor_name := left(coalesce(given->>'actor_name', ''), 100);
                actor_email := left(coalesce(given->>'actor_email', ''), 254);
                session_hash := left(coalesce(given->>'session_hash', ''), 64);
                user_agent := coalesce(given->>'user_agent', '');
                command := left(coalesce(given->>'command', ''), 100);
                reason := coalesce(given->>'reason', '');
            EXCEPTION WHEN data_exception THEN
                -- Nonsense must not keep anybody from working; the role and the address say who it was.
                actor_id := NULL; request_id := NULL; ip_address := inet_client_addr();
            END
            $$
            """,
            "DROP FUNCTION {hidden}.context()",
        ),
        HiddenSQL(
            """
            -- UUIDv7: milliseconds, then the fraction of one in steps of 1/4096, then chance.
            CREATE FUNCTION {hidden}.key_at(microseconds bigint) RETURNS uuid LANGUAGE sql VOLATILE AS $$
                SELECT (
                    lpad(to_hex(microseconds / 1000), 12, '0')
                    || to_hex(28672 + (microseconds % 1000) * 4) || substr(gen_random_uuid()::text, 20)
                )::uuid
            $$
            """,
            "DROP FUNCTION {hidden}.key_at(bigint)",
        ),
        HiddenSQL(
            """
            -- A row of a table in which a masked column is no more: any of the others may be the same renamed.
            CREATE FUNCTION {hidden}.masked_row(changed_row jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
            SET search_path = pg_catalog, pg_temp AS $$
                SELECT jsonb_object_agg(key, CASE WHEN key = 'id' THEN value ELSE '"***"' END) FROM jsonb_each(changed_row)
            $$
            """,
            "DROP FUNCTION {hidden}.masked_row(jsonb)",
        ),
        HiddenSQL(
            """
            -- SQL that says whether a column differs, of any type, and in whatever way its collation compares.
            CREATE FUNCTION {hidden}.difference(attribute pg_attribute) RETURNS text LANGUAGE sql IMMUTABLE
            SET search_path = pg_catalog, pg_temp AS $$
                SELECT format(
                    CASE WHEN attribute.attcollation <> 0 THEN 'o.%1$I COLLATE "C" IS DISTINCT FROM n.%1$I COLLATE "C"'
                         WHEN attribute.atttypid = ANY ('{bool,int2,int4,int8,numeric,date,timestamptz,uuid,jsonb}'::regtype[])
                         THEN 'o.%1$I IS DISTINCT FROM n.%1$I'
                         ELSE 'to_jsonb(o.%1$I) IS DISTINCT FROM to_jsonb(n.%1$I)' END,
                    attribute.attname
                )
            $$
            """,
            "DROP FUNCTION {hidden}.difference(pg_attribute)",
        ),
        HiddenSQL(
            """
            -- SQL that returns how many pairs of rows there are, and which columns differ in any of them.
            CREATE FUNCTION {hidden}.comparison(relation oid, derived text[]) RETURNS text LANGUAGE sql STABLE
            SET search_path = pg_catalog, pg_temp AS $$
                SELECT format(
                    'SELECT count(*), array_remove(ARRAY[%s]::text[], NULL) FROM old_rows AS o JOIN new_rows AS n USING (id)',
                    string_agg(format('CASE WHEN bool_or(%s) THEN %L END', {hidden}.difference(attribute), attname), ', ')
                )
                  FROM pg_attribute AS attribute
                 WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND attname <> ALL (derived)
                HAVING bool_or(attname = 'id')
            $$
            """,
            "DROP FUNCTION {hidden}.comparison(oid, text[])",
        ),
        HiddenSQL(
            """
            -- SQL of the changes of many rows, in those columns that differ in any of them.
            CREATE FUNCTION {hidden}.changes(relation oid, differing text[], masked text[], organization text)
            RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
                WITH existing AS (
                    SELECT attname::text, {hidden}.difference(attribute) AS differs,
                           attname = ANY (masked) OR NOT masked <@ array_agg(attname::text) OVER () AS is_masked
                      FROM pg_attribute AS attribute
                     WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
                ),
                part AS (
                    SELECT attname, differs,
                           format(CASE WHEN is_masked THEN 'jsonb_build_object(%L, ''***'')' ELSE 'jsonb_build_object(%1$L, o.%1$I)' END, attname) AS before,
                           format(CASE WHEN is_masked THEN 'jsonb_build_object(%L, ''***'')' ELSE 'jsonb_build_object(%1$L, n.%1$I)' END, attname) AS after,
                           count(*) OVER () AS columns
                      FROM existing WHERE attname = ANY (differing)
                )
                SELECT format(
                    'SELECT n.id, %s AS organization_key, %s AS old_values, %s AS new_values, %s AS changed_fields
                       FROM old_rows AS o JOIN new_rows AS n USING (id) WHERE %s',
                    coalesce((SELECT format('n.%I', attname) FROM existing WHERE attname = organization), 'NULL::uuid'),
                    CASE max(columns) WHEN 1 THEN min(before)
                        ELSE string_agg(format('CASE WHEN %s THEN %s ELSE ''{}'' END', differs, before), ' || ') END,
                    CASE max(columns) WHEN 1 THEN min(after)
                        ELSE string_agg(format('CASE WHEN %s THEN %s ELSE ''{}'' END', differs, after), ' || ') END,
                    CASE max(columns) WHEN 1 THEN format('ARRAY[%L]', min(attname))
                        ELSE format('array_remove(ARRAY[%s]::text[], NULL)', string_agg(format('CASE WHEN %s THEN %L END', differs, attname), ', ')) END,
                    string_agg(differs, ' OR ')
                ) FROM part
            $$
            """,
            "DROP FUNCTION {hidden}.changes(oid, text[], text[], text)",
        ),
        HiddenSQL(
            """
            CREATE FUNCTION {tables}.record_action(
                action text, table_name text, record_id uuid, organization_id uuid, reason text, severity text,
                old_values jsonb, new_values jsonb
            ) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            DECLARE
                context CONSTANT record := {hidden}.context();
                now_at CONSTANT timestamptz := clock_timestamp();
                key CONSTANT uuid := {hidden}.key_at((extract(epoch FROM now_at) * 1000000)::bigint);
            BEGIN
                IF action IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE') THEN
                    RAISE EXCEPTION 'only the triggers record %', action USING ERRCODE = 'insufficient_privilege';
                END IF;
                INSERT INTO {tables}.audit_trails (
                    id, occurred_at, action, severity, table_name, record_id, organization_id, reason, old_values, new_values,
                    actor_id, actor_name, actor_email, session_hash, ip_address, user_agent, request_id, command,
                    transaction_id, database_role
                ) VALUES (
                    key, now_at, $1, coalesce(nullif($6, ''), 'INFO'), coalesce($2, ''), $3, $4,
                    coalesce(nullif($5, ''), context.reason), $7, $8,
                    context.actor_id, context.actor_name, context.actor_email, context.session_hash,
                    context.ip_address, context.user_agent, context.request_id, context.command,
                    pg_current_xact_id()::text::bigint, session_user
                );
                RETURN key;
            END
            $$
            """,
            "DROP FUNCTION {tables}.record_action(text, text, uuid, uuid, text, text, jsonb, jsonb)",
        ),
        HiddenSQL(
            "REVOKE ALL ON FUNCTION {tables}.record_action(text, text, uuid, uuid, text, text, jsonb, jsonb) FROM PUBLIC",
            migrations.RunSQL.noop,
        ),
    ]
