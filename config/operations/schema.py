"""What a database consists of, in a form that two databases can be compared in."""

import re

from django.db.backends.postgresql.base import DatabaseWrapper

from config.operations.postgres import run_program

# pg_dump announces each object in a comment of three lines.
_ANNOUNCEMENT = re.compile(r"^--\n-- (Name: .*?; Type: .*?; Schema: .*?); Owner: .*\n--\n", re.MULTILINE)


def read_schema(*, connection: DatabaseWrapper) -> dict[str, str]:
    """Return object → definition, equal for two schemas that differ in nothing but the order of columns.

    The order is not part of a schema, because a column that is dropped and added again comes last.
    """
    dump = run_program("pg_dump", "--schema-only", "--no-owner", "--no-privileges", connection=connection)
    _preamble, *parts = _ANNOUNCEMENT.split(dump)
    return {name: _normalise(text) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _normalise(definition: str) -> str:
    lines = [line for line in definition.strip().splitlines() if not _is_session_setting(line)]
    text = "\n".join(lines).strip()
    table = re.fullmatch(r"(CREATE TABLE .*? \()\n(.*)\n\);?", text, re.DOTALL)
    if table is None:
        return text
    columns = sorted(line.strip().rstrip(",") for line in table[2].splitlines())
    return "\n".join([table[1], *columns, ");"])


def _is_session_setting(line: str) -> bool:
    """Whether a line is about the session of psql: settings, psql's own commands, closing comments."""
    return line.startswith(("SET ", "\\", "--"))
