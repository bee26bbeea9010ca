"""What cannot be in a transaction, and what meddles with the executor's."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models, transaction

from config.migration_operations.change_type import ChangeTypeOnline
from config.migration_operations.update_in_batches import UpdateInBatches
from config.operations.schema_change.lint.findings import Severity
from tests.config.operations.schema_change.lint.corpus.cases import Safe, Unsafe

ALWAYS = {"severity": Severity.ERROR, "small": Severity.ERROR}
INDEX = models.Index(fields=["status"], name="events_by_status")
CONCURRENTLY = "CREATE INDEX CONCURRENTLY events_by_status ON events (status)"
DROP = "DROP INDEX CONCURRENTLY IF EXISTS events_by_status"


def run(sql, reverse=migrations.RunSQL.noop):
    return migrations.RunSQL(sql, reverse)


def commit(apps, schema_editor):
    transaction.commit(using=schema_editor.connection.alias)


def set_timeout(apps, schema_editor):
    schema_editor.execute("SET lock_timeout = '1h'")


UNSAFE = [
    Unsafe(
        id="a_concurrent_index",
        rule="concurrently-in-transaction",
        **ALWAYS,
        operations=[AddIndexConcurrently("event", INDEX)],
    ),
    Unsafe(
        id="a_concurrent_index_less",
        rule="concurrently-in-transaction",
        **ALWAYS,
        operations=[RemoveIndexConcurrently("event", "events_by_name")],
    ),
    Unsafe(
        id="a_concurrent_index_in_raw_sql",
        rule="concurrently-in-transaction",
        **ALWAYS,
        operations=[run(CONCURRENTLY, DROP)],
    ),
    Unsafe(id="a_vacuum", rule="concurrently-in-transaction", **ALWAYS, operations=[run("VACUUM events")]),
    Unsafe(
        id="a_concurrent_index_sent_with_another_statement",
        rule="concurrently-in-transaction",
        **ALWAYS,
        atomic=False,
        operations=[run(f"{DROP}; {CONCURRENTLY}", DROP)],
    ),
    Unsafe(
        id="a_concurrent_index_that_may_be_there",
        rule="concurrently-if-not-exists",
        severity=Severity.ERROR,
        small=Severity.WARNING,
        atomic=False,
        operations=[run("CREATE INDEX CONCURRENTLY IF NOT EXISTS events_by_status ON events (status)", DROP)],
    ),
    Unsafe(
        id="batches",
        rule="batches-in-transaction",
        **ALWAYS,
        operations=[
            UpdateInBatches(
                "fill", "Event", {"note": ""}, where=models.Q(note=None), reverse=UpdateInBatches.noop
            )
        ],
    ),
    Unsafe(
        id="another_type_online",
        rule="batches-in-transaction",
        **ALWAYS,
        operations=[ChangeTypeOnline("event", "seats", models.BigIntegerField(null=True))],
    ),
    Unsafe(id="a_timeout", rule="changes-timeout", **ALWAYS, operations=[run("SET LOCAL lock_timeout = 0")]),
    Unsafe(
        id="a_timeout_by_a_function",
        rule="changes-timeout",
        **ALWAYS,
        operations=[run("SELECT set_config('statement_timeout', '0', true)")],
    ),
    Unsafe(
        id="a_timeout_reset", rule="changes-timeout", **ALWAYS, operations=[run("RESET deadlock_timeout")]
    ),
    Unsafe(
        id="a_timeout_from_python",
        rule="changes-timeout",
        **ALWAYS,
        operations=[migrations.RunPython(set_timeout, migrations.RunPython.noop)],
    ),
    Unsafe(
        id="a_commit",
        rule="ends-transaction",
        **ALWAYS,
        operations=[run("INSERT INTO organizations (name, code) VALUES ('A', 'A'); COMMIT")],
    ),
    Unsafe(id="a_begin", rule="ends-transaction", **ALWAYS, operations=[run("BEGIN")], atomic=False),
    Unsafe(
        id="a_commit_from_python",
        rule="ends-transaction",
        **ALWAYS,
        operations=[migrations.RunPython(commit, migrations.RunPython.noop)],
    ),
]
SAFE = [
    Safe(id="concurrent_statements_one_by_one", atomic=False, operations=[run([DROP, CONCURRENTLY], [DROP])]),
    Safe(
        id="a_concurrent_index_less",
        atomic=False,
        operations=[RemoveIndexConcurrently("event", "events_by_name")],
    ),
    Safe(
        id="several_statements_in_a_transaction",
        operations=[run("COMMENT ON TABLE events IS 'Events; COMMIT'; ANALYZE events")],
    ),
    Safe(id="another_setting", operations=[run("SELECT set_config('audit.actor', 'a migration', true)")]),
    Safe(
        id="a_block_with_begin_and_end",
        operations=[run("DO $$ BEGIN PERFORM 1; -- COMMIT; SET lock_timeout = 0\nEND $$")],
    ),
]
