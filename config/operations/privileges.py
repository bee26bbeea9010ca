"""What the application's role may do in a database, compared with what it should, and put right.

It reads and writes rows. It creates, alters, truncates and owns nothing, so that no fault in the application
can change the schema, switch a trigger off or rewrite the record of the migrations or the audit trail, which
triggers write with the rights of the owner.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _
from psycopg import sql

from audit.schemas import hidden_schema
from config.databases import EXTENSIONS_SCHEMA, schema_name
from config.operations.schema import ATTIC

# Every object, with what the application's role is due on it, what besides that it must not have, and what
# must not be everybody's. Functions may be called: those that do not run with the rights of their caller are
# out of sight, or check what they are asked for.
_OBJECTS = """
    object AS (
        SELECT 'DATABASE' AS kind, format('%%I', datname) AS name, oid, datdba AS owner,
               ARRAY['CONNECT'] AS due, ARRAY['CREATE', 'TEMPORARY'] AS undue,
               ARRAY['CONNECT', 'CREATE', 'TEMPORARY'] AS closed
          FROM pg_database
         WHERE datname = current_database()
        UNION ALL
        SELECT 'SCHEMA', format('%%I', nspname), oid, nspowner,
               CASE WHEN nspname IN (%(schema)s, %(extensions)s) THEN ARRAY['USAGE'] ELSE '{}' END,
               CASE WHEN nspname = ANY (%(closed)s) THEN ARRAY['CREATE', 'USAGE'] ELSE ARRAY['CREATE'] END,
               CASE WHEN nspname = ANY (%(closed)s) THEN ARRAY['CREATE', 'USAGE'] ELSE ARRAY['CREATE'] END
          FROM pg_namespace
         WHERE nspname = ANY (%(closed)s) OR nspname IN (%(schema)s, %(extensions)s, 'public')
        UNION ALL
        SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%%I.%%I', nspname, relname),
               relation.oid, relowner, due, array(SELECT unnest(every) EXCEPT SELECT unnest(due)), every
          FROM pg_class AS relation
          JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = %(schema)s,
               LATERAL (SELECT CASE
                   WHEN relkind = 'S' AND relname <> ALL (%(record_numbers)s) THEN ARRAY['USAGE', 'SELECT']
                   WHEN relkind IN ('S', 'v', 'm', 'f') OR relname = ANY (%(records)s) THEN ARRAY['SELECT']
                   ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']
               END AS due, CASE
                   WHEN relkind = 'S' THEN ARRAY['USAGE', 'SELECT', 'UPDATE']
                   WHEN current_setting('server_version_num')::int < 170000 THEN
                       ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
                   ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER',
                              'MAINTAIN']
               END AS every) AS privileges
         WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS (
                   SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
                       AND objid = relation.oid AND deptype = 'e'
               )
        UNION ALL
        SELECT 'ROUTINE',
               format('%%I.%%I(%%s)', nspname, proname, pg_get_function_identity_arguments(routine.oid)),
               routine.oid, proowner, ARRAY['EXECUTE'], '{}', '{}'
          FROM pg_proc AS routine
          JOIN pg_namespace ON pg_namespace.oid = pronamespace AND nspname = %(schema)s
         WHERE NOT EXISTS (
                   SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass
                       AND objid = routine.oid AND deptype = 'e'
               )
    )
"""
# What PUBLIC has is reported of PUBLIC alone. Whoever has the rights of an owner has every right: that is
# a fault of the role, and not of each object.
_DIFFERENCES = f"""
    WITH {_OBJECTS},
    privilege AS (
        SELECT object.*, role, privilege, privilege = ANY (due) AND role <> 'public' AS is_due,
               CASE kind
                   WHEN 'DATABASE' THEN has_database_privilege(role, oid, privilege)
                   WHEN 'SCHEMA' THEN has_schema_privilege(role, oid, privilege)
                   WHEN 'SEQUENCE' THEN has_sequence_privilege(role, oid, privilege)
                   WHEN 'ROUTINE' THEN has_function_privilege(role, oid, privilege)
                   ELSE has_table_privilege(role, oid, privilege)
               END AS is_held
          FROM object,
               LATERAL (SELECT %(application)s::name AS role, unnest(due || undue) AS privilege
                        UNION ALL SELECT 'public', unnest(closed)) AS of_role
    ),
    compared AS (
        SELECT *, bool_or(is_held AND role = 'public') OVER (PARTITION BY kind, oid, privilege) AS is_public
          FROM privilege
    ),
    wrong AS (
        SELECT * FROM compared
         WHERE is_due <> is_held
           AND CASE WHEN role = 'public' OR NOT is_held THEN true
                    ELSE NOT (is_public OR pg_has_role(role, owner, 'USAGE')) END
    )
    SELECT kind, name, due, role, is_held, array_agg(privilege ORDER BY privilege),
           pg_has_role(current_user, owner, 'USAGE')
      FROM wrong
     GROUP BY kind, name, due, role, is_held, owner
     ORDER BY kind, name, role, is_held
"""  # noqa: S608 - both are constants
# What tells how the schema came about, where only what changes the schema writes; and what tells who changed
# which row, where only triggers do.
_RECORDS = [
    "django_migrations",
    "deploys",
    "migration_runs",
    "rehearsals",
    "unfinished_steps",
    "audit_trails",
    "audit_seals",
]
_RECORD_NUMBERS = ["django_migrations_id_seq", "audit_trails_position"]
_DEFAULTS = """
    SELECT array(
        SELECT privilege_type
          FROM pg_default_acl, aclexplode(defaclacl) AS given
         WHERE defaclrole = %s::regrole AND defaclnamespace = 0 AND defaclobjtype::text = %s
           AND grantee = %s::regrole
         ORDER BY privilege_type
    )
"""
DUE_ON_TABLES, DUE_ON_SEQUENCES = "DELETE, INSERT, SELECT, UPDATE", "SELECT, USAGE"
_LATER = {"TABLES": ("r", DUE_ON_TABLES), "SEQUENCES": ("S", DUE_ON_SEQUENCES)}
_REVOKED = {"DATABASE": "ALL", "SCHEMA": "CREATE", "TABLE": "ALL", "SEQUENCE": "ALL"}


class RoleMissing(Exception):
    """The application's role does not exist; the message names it, and the next command."""


@dataclass(frozen=True)
class Difference:
    """Something that is not as it should be, in a sentence, and the SQL that makes it so.

    The SQL may hold the hash of a password, so it is not shown. Where there is none, a person has to decide.
    """

    sentence: str
    statements: tuple[str, ...]


def grant_privileges(*, connection: DatabaseWrapper) -> None:
    """Give the application's role what it needs in the database of `connection`, which its owner has opened.

    What it or everybody has beyond that is taken away, and what the owner makes later is included. Objects
    of other owners are left alone. Nothing is written when all is well, or when there is only one role.
    Raises RoleMissing.
    """
    application = str(settings.DATABASES[DEFAULT_DB_ALIAS]["USER"])
    owner = str(connection.settings_dict["USER"])
    if owner == application:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [application])
        if cursor.fetchone() is None:
            sentence = _("The application's role %(role)s does not exist.\n→ Create it: manage.py provision")
            raise RoleMissing(sentence % {"role": application})
        differences = privilege_differences(connection=connection, owner=owner, application=application)
        if statements := [statement for each in differences for statement in each.statements]:
            cursor.execute("; ".join(statements))  # Sent as one, it is one transaction.


def privilege_differences(
    *, connection: DatabaseWrapper, owner: str, application: str
) -> Iterator[Difference]:
    """Yield what the application's role, which exists, and PUBLIC have too little or too much here."""
    names = {
        "application": application,
        "schema": schema_name(database=connection.settings_dict),
        "extensions": EXTENSIONS_SCHEMA,
        "closed": [ATTIC, hidden_schema(database=connection.settings_dict)],
        "records": _RECORDS,
        "record_numbers": _RECORD_NUMBERS,
    }
    for kind, name, due, role, is_held, privileges, is_ours in read_rows(connection, _DIFFERENCES, names):
        facts = {"role": "PUBLIC" if role == "public" else role, "object": f"{kind} {name}"}
        facts["privileges"] = ", ".join(privileges)
        yield Difference(
            (_too_much() if is_held else _too_little()) % facts,
            tuple(_privilege_statements(kind, name, due, privileges, application)) if is_ours else (),
        )
    yield from _default_differences(connection, owner=owner, application=application)


def _too_much() -> str:
    return _("%(role)s has %(privileges)s on %(object)s, which is too much.")


def _too_little() -> str:
    return _("%(role)s lacks %(privileges)s on %(object)s.")


def _privilege_statements(
    kind: str, name: str, due: Sequence[str], wrong: Sequence[str], application: str
) -> Iterator[str]:
    role = identifier(application)
    if kind in _REVOKED:
        revoked = "ALL" if kind == "SCHEMA" and not due and "USAGE" in wrong else _REVOKED[kind]
        yield f"REVOKE {revoked} ON {kind} {name} FROM PUBLIC, {role}"
    if due:
        yield f"GRANT {', '.join(due)} ON {kind} {name} TO {role}"


def _default_differences(
    connection: DatabaseWrapper, *, owner: str, application: str
) -> Iterator[Difference]:
    for kind, (letter, privileges) in _LATER.items():
        parameters = [identifier(owner), letter, identifier(application)]
        [(given,)] = read_rows(connection, _DEFAULTS, parameters)
        if ", ".join(given) != privileges:
            sentence = _("What %(owner)s creates later (%(kind)s) is not as it should be for %(role)s.")
            yield Difference(
                sentence % {"owner": owner, "kind": kind, "role": application},
                tuple(default_statements(kind=kind, owner=owner, application=application)),
            )


def default_statements(*, kind: str, owner: str, application: str) -> Iterator[str]:
    """Yield the SQL about what `owner` creates later: in any schema, because one may be created anew."""
    start = f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(owner)}"
    yield f"{start} REVOKE ALL ON {kind} FROM {identifier(application)}"
    yield f"{start} GRANT {_LATER[kind][1]} ON {kind} TO {identifier(application)}"


def identifier(name: str) -> str:
    return sql.Identifier(name).as_string()


def read_rows(connection: DatabaseWrapper, query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
