"""Names and texts as parts of SQL statements that take no parameters."""

LONGEST_NAME = 63


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text constant; a backslash is nothing special in one (standard_conforming_strings)."""
    return "'" + text.replace("'", "''") + "'"
