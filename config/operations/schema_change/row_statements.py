"""What a statement about rows does: SELECT, INSERT, UPDATE, DELETE and MERGE, however they are nested."""

import re
from collections.abc import Iterator

from config.operations.schema_change.effects import Effect, LockMode, StatementKind, TableLock, strongest
from config.operations.schema_change.forms import NAME, Surroundings
from config.operations.schema_change.phrases import Phrase

_KINDS = {
    "INSERT INTO": StatementKind.INSERT,
    "UPDATE": StatementKind.UPDATE,
    "DELETE FROM": StatementKind.DELETE,
    "MERGE INTO": StatementKind.MERGE,
}
_VERB = re.compile(r"(?:\A| )(SELECT|VALUES|INSERT INTO|UPDATE|DELETE FROM|MERGE INTO)(?= )", re.IGNORECASE)
# Not the UPDATE of a locking clause, of ON CONFLICT, or of a MERGE.
_CHANGED = re.compile(
    rf"(?<!\bFOR)(?<!\bKEY)(?<!\bDO)(?<!\bTHEN)(?:\A| )(?P<verb>INSERT INTO|UPDATE|DELETE FROM|MERGE INTO)"
    rf" (?:ONLY )?(?P<table>{NAME})",
    re.IGNORECASE,
)
_LOCKING = re.compile(r"\bFOR (?:NO KEY )?(?:UPDATE|SHARE)\b|\bFOR KEY SHARE\b", re.IGNORECASE)
_COMMON_TABLE = re.compile(
    rf"(?:\bWITH(?: RECURSIVE)?|,) (?P<name>{NAME})(?: \(\d+\))? AS(?: NOT)?(?: MATERIALIZED)? \(",
    re.IGNORECASE,
)
_BEGINS_LIKE_A_QUERY = re.compile(
    r"(?:SELECT|WITH|VALUES|TABLE|INSERT|UPDATE|DELETE|MERGE)\b|\(", re.IGNORECASE
)
_END_OF_SOURCES = re.compile(
    r"WHERE|GROUP|ORDER|HAVING|LIMIT|OFFSET|FETCH|FOR|WINDOW|UNION|INTERSECT|EXCEPT|SELECT|RETURNING|SET|WHEN",
    re.IGNORECASE,
)


def read_rows_statement(phrase: Phrase, around: Surroundings) -> Effect | None:
    """Return None where `phrase` is no such statement."""
    verb = _VERB.search(phrase.outline) if _BEGINS_LIKE_A_QUERY.match(phrase.outline) else None
    if verb is None:
        return None
    changed = [
        (found["verb"].upper(), level.name(found["table"])) for level, found in _find(_CHANGED, phrase)
    ]
    target = [table for kind, table in changed if kind == verb[1].upper()]
    read = tables_read(phrase, around)
    is_locking = any(_find(_LOCKING, phrase))
    searched = [table for kind, table in changed if kind != "INSERT INTO"]
    return Effect(
        sql=str(phrase),
        kind=_KINDS.get(verb[1].upper(), StatementKind.SELECT),
        table=around.local(next(iter(target or read), "")),
        locks=strongest(
            [
                *(
                    TableLock(name, LockMode.ROW_EXCLUSIVE)
                    for _, table in changed
                    for name in around.all_of(table)
                ),
                *(
                    TableLock(table, LockMode.ROW_SHARE if is_locking else LockMode.ACCESS_SHARE)
                    for table in read
                ),
            ]
        ),
        scans=tuple(dict.fromkeys([*(part for name in searched for part in around.all_of(name)), *read])),
        changes_rows=bool(changed),
    )


def tables_read(phrase: Phrase, around: Surroundings) -> tuple[str, ...]:
    """Return the tables after FROM, JOIN and USING, and those of views; not the common table expressions."""
    common = {level.name(found["name"]) for level, found in _find(_COMMON_TABLE, phrase)}
    found = (around.local(name) for name in _sources(phrase, is_query=True))
    return tuple(
        dict.fromkeys(
            table
            for name in found
            if name not in common or (around.catalogue and name in around.catalogue.columns)
            for table in (
                *around.all_of(name),
                *(around.catalogue.sources_of(name) if around.catalogue else ()),
            )
        )
    )


def _find(pattern: re.Pattern[str], phrase: Phrase) -> Iterator[tuple[Phrase, re.Match[str]]]:
    """Find a pattern on every level of parentheses."""
    for found in pattern.finditer(phrase.outline):
        yield phrase, found
    for group in phrase.groups():
        yield from _find(pattern, group)


def _sources(phrase: Phrase, *, is_query: bool, is_list: bool = False) -> Iterator[str]:
    words = phrase.outline.split(" ")
    in_list = expected = is_list
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if _opens_list(word, before, after, is_query or in_list):
            in_list = expected = True
        elif word.startswith(("(", "[")):
            inner = phrase.inner(word)
            inner_is_query = bool(_BEGINS_LIKE_A_QUERY.match(inner.outline))
            yield from _sources(inner, is_query=inner_is_query, is_list=expected and not inner_is_query)
            expected = False
        elif _END_OF_SOURCES.fullmatch(word):
            in_list = expected = False
        elif expected and word.upper() not in ("LATERAL", "ONLY"):
            if not after.startswith("("):  # Otherwise a function.
                yield phrase.name(word)
            expected = False
        elif word == ",":
            expected = in_list


def _opens_list(word: str, before: str, after: str, is_query: bool) -> bool:
    if word.upper() == "USING":
        return is_query and not after.startswith("(")
    if word.upper() == "TABLE":
        return is_query and before.upper() in ("", "AS")
    return is_query and word.upper() in ("FROM", "JOIN") and before.upper() != "DISTINCT"
