"""What a manifest tells of the database besides its rows, seen in the session of the snapshot."""

from django.db.backends.postgresql.base import DatabaseWrapper

from config.databases import schema_name
from config.operations.manifest import DatabaseFacts, hash_of
from config.operations.schema import comparable, read_schema
from config.operations.snapshot import Session

_FACTS = """
    SELECT current_setting('server_version'),
           (SELECT system_identifier::text FROM pg_control_system()),
           datname,
           pg_database_size(oid),
           pg_encoding_to_char(encoding),
           datcollate,
           datctype,
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text
      FROM pg_database
     WHERE datname = current_database()
"""
_EXTENSIONS = "SELECT extname, extversion FROM pg_extension ORDER BY extname"
# A sequence that runs backwards, or in a circle, says nothing by its place.
_SEQUENCES = """
    SELECT format('%I.%I', schemaname, sequencename), last_value
      FROM pg_sequences
     WHERE last_value IS NOT NULL AND increment_by > 0 AND NOT cycle
     ORDER BY 1
"""
# Every database has this schema from its first day; who owns it, and its comment, belong to the server.
_NOT_COMPARED = ("Name: public; Type: SCHEMA;", "Name: SCHEMA public; Type: COMMENT;")


def read_facts(*, session: Session) -> DatabaseFacts:
    [[version, identifier, name, size, encoding, collation, character_type, position]] = session.execute(
        _FACTS
    ).fetchall()
    return DatabaseFacts(
        server_version=version.split()[0],  # Distributions append their own.
        system_identifier=identifier,
        name=name,
        size=size,
        encoding=encoding,
        collation=collation,
        character_type=character_type,
        extensions=dict(session.execute(_EXTENSIONS).fetchall()),
        log_position=position,
    )


def read_sequences(*, session: Session) -> dict[str, int]:
    """Return sequence → last value. No snapshot covers sequences: later they may be further, never behind."""
    return dict(session.execute(_SEQUENCES).fetchall())


def read_migrations(*, session: Session, connection: DatabaseWrapper) -> tuple[str, ...]:
    """Return the applied migrations, `app.name`, in the order of their application."""
    quote = connection.ops.quote_name
    table = f"{quote(schema_name(database=connection.settings_dict))}.django_migrations"
    [[exists]] = session.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchall()
    if not exists:
        return ()
    query = f"SELECT app || '.' || name FROM {table} ORDER BY id"  # noqa: S608 - a quoted name
    return tuple(name for (name,) in session.execute(query))


def read_schema_hashes(*, connection: DatabaseWrapper) -> dict[str, str]:
    """Return object → hash of its definition, the same before and after a restore."""
    return {
        name: hash_of(comparable(definition))
        for name, definition in read_schema(connection=connection).items()
        if not name.startswith(_NOT_COMPARED)
    }
