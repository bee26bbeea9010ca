"""Who owns what in a database: its schemas, its extensions and whatever is in them."""

from collections.abc import Iterator

from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _

from config.databases import EXTENSIONS_SCHEMA, schema_name
from config.operations.privileges import Difference, identifier, read_rows

EXTENSIONS = ("uuid-ossp", "pgcrypto", "pg_trgm")
ENCODING = "UTF8"

_SCHEMAS = """
    SELECT schema, pg_get_userbyid(nspowner), coalesce(pg_has_role(%s, nspowner, 'USAGE'), false)
      FROM unnest(%s::name[]) AS schema LEFT JOIN pg_namespace ON nspname = schema
"""
_MISSING_EXTENSIONS = """
    SELECT extension
      FROM unnest(%s::name[]) AS extension
     WHERE extension NOT IN (SELECT extname FROM pg_extension)
"""
# The migration that made the schema drops it when it is reverted, which only the extensions' owner can.
_STRANGE_EXTENSIONS = """
    SELECT string_agg(extname, ', ' ORDER BY extname)
      FROM pg_extension
     WHERE extnamespace = to_regnamespace(%(schema)s) AND NOT pg_has_role(%(owner)s, extowner, 'USAGE')
       AND obj_description(to_regnamespace(%(schema)s), 'pg_namespace') LIKE 'Made by the migration %%'
"""
# What belongs to a table or an extension goes with it.
_STRANGE_OBJECTS = """
    WITH object AS (
        SELECT 'pg_class'::regclass AS class, pg_class.oid, relnamespace AS schema, relowner AS owner,
               relname AS name,
               CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                            WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind, '' AS arguments
          FROM pg_class
         WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        UNION ALL
        SELECT 'pg_proc'::regclass, oid, pronamespace, proowner, proname, 'ROUTINE',
               format('(%%s)', pg_get_function_identity_arguments(oid))
          FROM pg_proc
        UNION ALL
        SELECT 'pg_type'::regclass, oid, typnamespace, typowner, typname, 'TYPE', ''
          FROM pg_type
         WHERE typtype IN ('d', 'e', 'r')
    )
    SELECT format('%%s %%I.%%I%%s', kind, nspname, name, arguments), pg_get_userbyid(owner)
      FROM object JOIN pg_namespace ON pg_namespace.oid = object.schema AND nspname = %(schema)s
     WHERE owner NOT IN (SELECT oid FROM pg_roles WHERE rolname IN (%(owner)s, %(application)s))
       AND NOT EXISTS (
               SELECT FROM pg_depend
                WHERE classid = object.class AND objid = object.oid
                  AND (deptype = 'e' OR (kind = 'SEQUENCE' AND deptype IN ('a', 'i')))
           )
     ORDER BY 1
"""
_OF_APPLICATION = """
    SELECT pg_describe_object(classid, objid, 0)
      FROM pg_shdepend
     WHERE deptype = 'o' AND refclassid = 'pg_authid'::regclass
       AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s)
       AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
     ORDER BY 1
"""


def ownership_differences(
    *, connection: DatabaseWrapper, owner: str, application: str
) -> Iterator[Difference]:
    """Yield what is missing in the database of `connection`, or belongs to somebody else than `owner`."""
    schema = schema_name(database=connection.settings_dict)
    [(encoding,)] = read_rows(connection, "SHOW server_encoding")
    if encoding != ENCODING:
        sentence = _("The encoding of the database is %(found)s and not UTF8; only a new database can be.")
        yield Difference(sentence % {"found": encoding}, ())
    yield from _schema_differences(connection, (schema, EXTENSIONS_SCHEMA), owner)
    yield from _extension_differences(connection, owner)
    names = {"schema": schema, "owner": owner, "application": application}
    for name, found in read_rows(connection, _STRANGE_OBJECTS, names):
        yield _wrong_owner(name, found, owner, f"ALTER {name} OWNER TO {identifier(owner)}")
    for (name,) in read_rows(connection, _OF_APPLICATION, [application]):
        statement = f"REASSIGN OWNED BY {identifier(application)} TO {identifier(owner)}"
        yield _wrong_owner(name, application, owner, statement)


def _schema_differences(
    connection: DatabaseWrapper, schemas: tuple[str, ...], owner: str
) -> Iterator[Difference]:
    for schema, found, is_owned in read_rows(connection, _SCHEMAS, [owner, list(schemas)]):
        if found is None:
            sentence = _("%(object)s does not exist.") % {"object": f"SCHEMA {schema}"}
            yield Difference(sentence, (create_schema(schema=schema, owner=owner),))
        elif not is_owned:
            statement = f"ALTER SCHEMA {identifier(schema)} OWNER TO {identifier(owner)}"
            yield _wrong_owner(f"SCHEMA {schema}", found, owner, statement)


def _extension_differences(connection: DatabaseWrapper, owner: str) -> Iterator[Difference]:
    for (name,) in read_rows(connection, _MISSING_EXTENSIONS, [list(EXTENSIONS)]):
        sentence = _("%(object)s does not exist.") % {"object": f"EXTENSION {name}"}
        yield Difference(sentence, tuple(create_extension(name=name, owner=owner)))
    [(names,)] = read_rows(connection, _STRANGE_EXTENSIONS, {"schema": EXTENSIONS_SCHEMA, "owner": owner})
    if names:
        sentence = _("Reverting the first migration would drop %(names)s, which %(owner)s cannot.")
        statement = f"COMMENT ON SCHEMA {EXTENSIONS_SCHEMA} IS NULL"
        yield Difference(sentence % {"names": names, "owner": owner}, (statement,))


def create_schema(*, schema: str, owner: str) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)} AUTHORIZATION {identifier(owner)}"


def create_extension(*, name: str, owner: str) -> Iterator[str]:
    """Yield the SQL that makes an extension of the owner's own, as the migration would."""
    yield f"SET ROLE {identifier(owner)}"
    yield f"CREATE EXTENSION IF NOT EXISTS {identifier(name)} SCHEMA {EXTENSIONS_SCHEMA}"
    yield "RESET ROLE"


def _wrong_owner(name: str, found: str, owner: str, statement: str) -> Difference:
    sentence = _("%(object)s belongs to %(found)s and not to %(owner)s.")
    return Difference(sentence % {"object": name, "found": found, "owner": owner}, (statement,))
