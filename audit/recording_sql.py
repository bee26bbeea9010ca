"""The SQL that records the changes of one table. `<name>` is what differs from table to table.

The server plans static SQL once for each session, so that a change of few rows costs little. For many rows it
is worth while to find out which columns differ, and to have the server plan a statement of these alone.
Columns are taken from the rows or from the catalogue, never named here: whoever adds, renames or drops one
stops nobody from working, and the new one is recorded at once.
"""

# ruff: noqa: S608 - what is put into the statements here is written in this file

_FEW_ROWS = 100  # Above this, comparing columns is cheaper than comparing rows as JSON.

_COLUMNS = """
            id, occurred_at, action, table_name, record_id, old_values, new_values, changed_fields,
            organization_id, actor_id, actor_name, actor_email, session_hash, ip_address, user_agent,
            request_id, command, reason, severity, transaction_id, database_role"""
_CONTEXT = """
               context.actor_id, context.actor_name, context.actor_email, context.session_hash,
               context.ip_address, context.user_agent, context.request_id, context.command, context.reason,
               'INFO', pg_current_xact_id()::text::bigint, session_user"""

FUNCTION = f"""
CREATE FUNCTION {{hidden}}.record_<table>() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    masked CONSTANT text[] := '<masked>';
    derived CONSTANT text[] := '<derived>';
    now_at CONSTANT timestamptz := clock_timestamp();
    microseconds CONSTANT bigint := extract(epoch FROM now_at) * 1000000;
    context CONSTANT record := {{hidden}}.context();
    row_count bigint;
    pair_count bigint;
    differing text[];
    before jsonb;
    after jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO {{tables}}.audit_trails ({_COLUMNS}
        )
        SELECT {{hidden}}.key_at(microseconds), now_at, TG_OP, TG_TABLE_NAME, (changed_row->>'id')::uuid,
               NULL, <masked_row>, '{{}}', <organization>,{_CONTEXT}
          FROM (SELECT to_jsonb(n) - derived AS changed_row FROM new_rows AS n) AS changed;
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO {{tables}}.audit_trails ({_COLUMNS}
        )
        SELECT {{hidden}}.key_at(microseconds), now_at, TG_OP, TG_TABLE_NAME, (changed_row->>'id')::uuid,
               <masked_row>, NULL, '{{}}', <organization>,{_CONTEXT}
          FROM (SELECT to_jsonb(o) - derived AS changed_row FROM old_rows AS o) AS changed;
        RETURN NULL;
    ELSIF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('SELECT count(*) FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO row_count;
        INSERT INTO {{tables}}.audit_trails ({_COLUMNS}
        )
        SELECT {{hidden}}.key_at(microseconds), now_at, TG_OP, TG_TABLE_NAME, NULL,
               jsonb_build_object('count', row_count), NULL, '{{}}', NULL,{_CONTEXT};
        RETURN NULL;
    END IF;
    row_count := (SELECT count(*) FROM (SELECT FROM new_rows LIMIT {_FEW_ROWS} + 1) AS counted);
    IF row_count = 0 THEN
        RETURN NULL;
    ELSIF row_count = 1 THEN
        before := (SELECT to_jsonb(o) - derived FROM old_rows AS o);
        after := (SELECT to_jsonb(n) - derived FROM new_rows AS n);
        IF before = after THEN
            RETURN NULL;
        ELSIF before->'id' = after->'id' THEN
            INSERT INTO {{tables}}.audit_trails ({_COLUMNS}
            )
            SELECT {{hidden}}.key_at(microseconds), now_at, TG_OP, TG_TABLE_NAME, (after->>'id')::uuid,
                   old_values, new_values, fields, <organization_of_one>,{_CONTEXT}
              FROM (SELECT jsonb_object_agg(key, <old_value_of_one>) AS old_values,
                           jsonb_object_agg(key, <new_value_of_one>) AS new_values, array_agg(key) AS fields
                      FROM jsonb_each(after)
                     WHERE before->key IS DISTINCT FROM value) AS changed;
            RETURN NULL;
        END IF;
    ELSIF row_count > {_FEW_ROWS} THEN
        EXECUTE coalesce({{hidden}}.comparison(TG_RELID, derived), 'SELECT') INTO pair_count, differing;
        -- Who changes keys has fewer pairs than rows.
        IF pair_count = (SELECT count(*) FROM new_rows) THEN
            IF differing <> '{{}}' THEN
                EXECUTE format($many$
        INSERT INTO {{tables}}.audit_trails ({_COLUMNS}
        )
        SELECT {{hidden}}.key_at($1), $2, 'UPDATE', $3, changed.id, old_values, new_values, changed_fields,
               <organization_of_many>,
               $4, $5, $6, $7, $8, $9, $10, $11, $12, 'INFO', pg_current_xact_id()::text::bigint, session_user
          FROM (%s) AS changed <join_of_many>
                $many$, {{hidden}}.changes(TG_RELID, differing, masked, '<organization_column>'))
                USING microseconds, now_at, TG_TABLE_NAME,
                    context.actor_id, context.actor_name, context.actor_email, context.session_hash,
                    context.ip_address, context.user_agent, context.request_id, context.command,
                    context.reason;
            END IF;
            RETURN NULL;
        END IF;
    END IF;
    -- A row whose key changes is another row: one goes, one comes.
    INSERT INTO {{tables}}.audit_trails ({_COLUMNS}
    )
    SELECT {{hidden}}.key_at(microseconds), now_at,
           CASE WHEN old_row IS NULL THEN 'INSERT' WHEN new_row IS NULL THEN 'DELETE' ELSE 'UPDATE' END,
           TG_TABLE_NAME, (changed_row->>'id')::uuid,
           CASE WHEN old_row IS NOT NULL THEN old_values END,
           CASE WHEN new_row IS NOT NULL THEN new_values END,
           CASE WHEN old_row IS NOT NULL AND new_row IS NOT NULL THEN fields ELSE '{{}}' END,
           <organization>,{_CONTEXT}
      FROM (SELECT old_row, new_row, coalesce(new_row, old_row) AS changed_row
              FROM (SELECT to_jsonb(o) - derived AS old_row FROM old_rows AS o) AS old
              FULL JOIN (SELECT to_jsonb(n) - derived AS new_row FROM new_rows AS n) AS new
                ON old_row->>'id' = new_row->>'id') AS pair,
           LATERAL (SELECT jsonb_object_agg(key, <old_value>) AS old_values,
                           jsonb_object_agg(key, <new_value>) AS new_values, array_agg(key) AS fields
                      FROM jsonb_each(changed_row)
                     WHERE old_row->key IS DISTINCT FROM new_row->key) AS changed
     WHERE fields IS NOT NULL;
    RETURN NULL;
END
$$;
"""
_TRIGGERS = """
CREATE TRIGGER audit_insert AFTER INSERT ON <table> REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {hidden}.record_<table>();
CREATE TRIGGER audit_update AFTER UPDATE ON <table> REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {hidden}.record_<table>();
CREATE TRIGGER audit_delete AFTER DELETE ON <table> REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {hidden}.record_<table>();
CREATE TRIGGER audit_truncate BEFORE TRUNCATE ON <table>
    FOR EACH STATEMENT EXECUTE FUNCTION {hidden}.record_<table>();
ALTER TABLE <table> ENABLE ALWAYS TRIGGER audit_insert;
ALTER TABLE <table> ENABLE ALWAYS TRIGGER audit_update;
ALTER TABLE <table> ENABLE ALWAYS TRIGGER audit_delete;
ALTER TABLE <table> ENABLE ALWAYS TRIGGER audit_truncate
"""
CREATE = FUNCTION + _TRIGGERS
DROP = """
DROP TRIGGER audit_truncate ON <table>;
DROP TRIGGER audit_delete ON <table>;
DROP TRIGGER audit_update ON <table>;
DROP TRIGGER audit_insert ON <table>;
DROP FUNCTION {hidden}.record_<table>()
"""
TRIGGERS = ("audit_delete", "audit_insert", "audit_truncate", "audit_update")
