"""What a database consists of, in a form that two databases can be compared in."""

import re
from collections.abc import Sequence

from django.db.backends.postgresql.base import DatabaseWrapper

from config.operations.postgres import run_program

# pg_dump announces each object in a comment of three lines.
_ANNOUNCEMENT = re.compile(r"^--\n-- (Name: .*?; Type: .*?; Schema: .*?); Owner: .*\n--\n", re.MULTILINE)
# Around an object, about the session of psql: settings, psql's own commands, closing comments.
_SESSION = re.compile(r"(?:\n(?:SET [a-z_]+ = .*;|\\\w.*|--.*|))*\Z")
# What migrations have dropped waits there for a change of mind; it is no part of what they build.
ATTIC = "attic"
# How this reader goes by in pg_stat_activity: it is soon over, unlike a dump of rows.
APPLICATION_NAME = "read_schema"
# PostgreSQL prints an expression with other parentheses and casts than it has read: `(a AND b) AND c` comes
# back as `a AND b AND c`, a list that is cast as a whole as one in which each member is. What stands in
# quotation marks is no expression.
_GROUPING = re.compile(
    r"(?P<literal>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|[()]|::(?:text|character varying)(?:\[\])?"
)


def read_definitions(*, connection: DatabaseWrapper, excluded: Sequence[str] = ()) -> dict[str, str]:
    """Return object → the SQL that makes it, each after what it needs, without the schemas `excluded`."""
    options = ["--schema-only", "--no-owner", "--no-privileges"]
    options += [f"--exclude-schema={name}" for name in excluded]
    dump = run_program("pg_dump", *options, connection=connection, application_name=APPLICATION_NAME)
    _preamble, *parts = _ANNOUNCEMENT.split(dump)
    return {name: _SESSION.sub("", text).strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def read_schema(*, connection: DatabaseWrapper, excluded: Sequence[str] = ()) -> dict[str, str]:
    """Return object → definition, equal for two schemas that differ in nothing but the order of columns.

    The order is not part of a schema, because a column that is dropped and added again comes last.
    """
    definitions = read_definitions(connection=connection, excluded=excluded)
    return {name: _normalise(text) for name, text in definitions.items()}


def comparable(definition: str) -> str:
    """Return a definition without what a dump and its restore change in one that stays the same."""
    return _GROUPING.sub(lambda found: found["literal"] or "", definition)


def _normalise(definition: str) -> str:
    table = re.fullmatch(r"(CREATE (?:UNLOGGED )?TABLE .*? \()\n(.*?)\n(\).*)", definition, re.DOTALL)
    if table is None:
        return definition
    columns = sorted(line.strip().rstrip(",") for line in table[2].splitlines())
    return "\n".join([table[1], *columns, table[3]])
