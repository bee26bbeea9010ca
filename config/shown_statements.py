"""Makes SQL statements fit to be shown: no values, which are personal data, and nothing a terminal obeys."""

import re

from config.redaction import redact

# As the server reads a statement, from left to right: only so is it known which quotation mark opens.
_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<text> [eE]'(?:[^'\\]|\\.|'')*(?:'|\\?\Z) )
    | (?P<name> "(?:[^"]|"")*(?:"|\Z) | [$]\d+ | [^\W\d][\w$]* )
    | (?P<literal> '(?:[^']|'')*(?:'|\Z) | [$](?P<tag>\w*)[$].*?(?:[$](?P=tag)[$]|\Z) )
    | (?P<number> \d[\w.]* )
    """,
    re.VERBOSE | re.DOTALL,
)
_LONGEST_STATEMENT = 5000
# What the audit trail sends before a statement, in the same message.
_CONTEXT = "SET LOCAL audit.context TO '…'; "
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def shown_statement(sql: str) -> str:
    """Return a statement on one line without literals, comments or secrets, at most 5,000 characters of it.

    The server cuts long statements off, so the last literal may lack its end.
    """
    line = " ".join(_TOKEN.sub(_without_value, sql).split())
    return printable(redact(line.removeprefix(_CONTEXT)[:_LONGEST_STATEMENT]))


def printable(text: str) -> str:
    """Return what a session says of itself without what would move the cursor of a terminal."""
    return _UNPRINTABLE.sub("?", text)


def _without_value(token: re.Match[str]) -> str:
    if token["name"]:
        return token[0]
    if token["comment"]:
        return " "
    return "…" if token["number"] else "'…'"
