"""What `provision` does, as a script for psql: for an administrator who lets nobody else in."""

from psycopg import sql

from config.databases import EXTENSIONS_SCHEMA
from config.operations.ownership import EXTENSIONS, create_extension, create_schema
from config.operations.privileges import DUE_ON_SEQUENCES, DUE_ON_TABLES, default_statements, identifier
from config.operations.provision import Site, create_database
from config.operations.roles import (
    APPLICATION_ATTRIBUTES,
    OWNER_ATTRIBUTES,
    OWNER_GROUPS,
    OWNER_PARAMETERS,
)

_MIGRATIONS = "django_migrations"


def provision_script(*, site: Site) -> str:
    """Return the script. It can be repeated, holds no secret, and psql asks for the two passwords."""
    return "\n".join([*_server(site), *_inside(site), ""])


def _server(site: Site) -> list[str]:
    owner, application = identifier(site.owner), identifier(site.application)
    return [
        r"\set ON_ERROR_STOP on",
        _unless("pg_roles", "rolname", site.owner, f"CREATE ROLE {owner}"),
        _unless("pg_roles", "rolname", site.application, f"CREATE ROLE {application}"),
        f"ALTER ROLE {owner} {' '.join(OWNER_ATTRIBUTES)};",
        f"ALTER ROLE {application} {' '.join(APPLICATION_ATTRIBUTES)};",
        rf"\password {owner}",
        rf"\password {application}",
        f"GRANT {', '.join(OWNER_GROUPS)} TO {owner};",
        f"GRANT SET ON PARAMETER {', '.join(OWNER_PARAMETERS)} TO {owner};",
        _unless(
            "pg_database",
            "datname",
            site.database,
            create_database(database=site.database, owner=site.owner),
        ),
        f"ALTER DATABASE {identifier(site.database)} OWNER TO {owner};",
        rf"\connect {identifier(site.database)}",
    ]


def _inside(site: Site) -> list[str]:
    role, schema = identifier(site.application), identifier(site.schema)
    schemas = f"{schema}, {EXTENSIONS_SCHEMA}"
    statements = [create_schema(schema=name, owner=site.owner) for name in (site.schema, EXTENSIONS_SCHEMA)]
    for extension in EXTENSIONS:
        statements += create_extension(name=extension, owner=site.owner)
    statements += [
        f"REVOKE ALL ON DATABASE {identifier(site.database)} FROM PUBLIC, {role}",
        f"GRANT CONNECT ON DATABASE {identifier(site.database)} TO {role}",
        f"REVOKE CREATE ON SCHEMA public, {schemas} FROM PUBLIC, {role}",
        f"GRANT USAGE ON SCHEMA {schemas} TO {role}",
    ]
    for kind, due in (("TABLES", DUE_ON_TABLES), ("SEQUENCES", DUE_ON_SEQUENCES)):
        statements += default_statements(kind=kind, owner=site.owner, application=site.application)
        statements += [f"REVOKE ALL ON ALL {kind} IN SCHEMA {schema} FROM PUBLIC, {role}"]
        statements += [f"GRANT {due} ON ALL {kind} IN SCHEMA {schema} TO {role}"]
    history = f"REVOKE INSERT, UPDATE, DELETE ON {schema}.{_MIGRATIONS} FROM {role}"
    numbers = f"REVOKE ALL ON SEQUENCE {schema}.{_MIGRATIONS}_id_seq FROM {role}"
    found = f"WHERE to_regclass({_literal(f'{schema}.{_MIGRATIONS}')}) IS NOT NULL"
    conditional = [rf"SELECT {_literal(each)} {found} \gexec" for each in (history, numbers)]
    return [*(f"{statement};" for statement in statements), *conditional]


def _unless(table: str, column: str, name: str, statement: str) -> str:
    exists = f"EXISTS (SELECT FROM {table} WHERE {column} = {_literal(name)})"
    return rf"SELECT {_literal(statement)} WHERE NOT {exists} \gexec"


def _literal(text: str) -> str:
    return sql.Literal(text).as_string()
