"""SQL as PostgreSQL reads it: its statements, and an outline of each in which patterns find what matters."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

# Not sqlparse, for which a backslash escapes in every string and a comment ends inside another one: it would
# hide statements from us. As for the server, a letter is whatever is beyond ASCII.
_TOKEN = re.compile(
    r"""
      (?P<space> \s+ | --[^\n]* )
    | (?P<comment> /\* )
    | (?P<text> [eE]'(?:[^'\\]|\\.|'')*(?:'|\\?\Z) | (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z)
        | [$](?P<tag>(?:[A-Za-z_\x80-\U0010ffff][0-9A-Za-z_\x80-\U0010ffff]*)?)[$].*?(?:[$](?P=tag)[$]|\Z) )
    | (?P<quoted> (?:[uU]&)?"(?:[^"]|"")*(?:"|\Z) )
    | (?P<word> [A-Za-z_\x80-\U0010ffff][$0-9A-Za-z_\x80-\U0010ffff]* )
    | (?P<number> \d[\w.]* )
    | (?P<symbol> :: | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_BORDER = re.compile(r"/\*|\*/")
_CLOSING = {"(": ")", "[": "]"}
_UPPER_CASE = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class Phrase:
    """A statement or a part of one.

    Its outline has words, numbers and symbols, with one space between them, and places: `"3"` for a quoted or
    qualified name, `'3'` for a text, `(3)` and `[3]` for what is in parentheses and brackets. So no pattern
    finds a keyword in a text or a comma in an inner list. The number leads back to what stands there.
    """

    sql: str
    _parts: tuple[tuple[_Token, ...], ...]

    @cached_property
    def outline(self) -> str:
        return " ".join(_outlined(number, part) for number, part in enumerate(self._parts))

    def name(self, place: str) -> str:
        """Return a name of the outline as the catalogue has it: without quotation marks, schema.table."""
        if not place.startswith('"'):
            return place.translate(_UPPER_CASE)
        return ".".join(_name(token) for token in self._at(place) if token.text != ".")

    def inner(self, place: str) -> "Phrase":
        """Return what stands between the parentheses at `place`."""
        return _phrase(self.sql, self._at(place)[1:-1])

    def groups(self) -> Iterator["Phrase"]:
        """Yield what stands in each pair of parentheses or brackets."""
        for part in self._parts:
            if part[0].text in _CLOSING:
                yield _phrase(self.sql, part[1:-1])

    def between(self, start: int, end: int) -> "Phrase":
        """Return the words from one position of the outline to another."""
        return self._slice(self.outline.count(" ", 0, start), self.outline.count(" ", 0, end) + 1)

    def split_at_commas(self) -> tuple["Phrase", ...]:
        commas = [number for number, part in enumerate(self._parts) if part[0].text == ","]
        starts, ends = [0, *(number + 1 for number in commas)], [*commas, len(self._parts)]
        return tuple(self._slice(start, end) for start, end in zip(starts, ends, strict=True))

    def _at(self, place: str) -> tuple[_Token, ...]:
        return self._parts[int(place[1:-1])]

    def _slice(self, start: int, end: int) -> "Phrase":
        return _phrase(self.sql, [token for part in self._parts[start:end] for token in part])

    def __str__(self) -> str:
        return self.sql[self._parts[0][0].start : self._parts[-1][-1].end] if self._parts else ""


def split(sql: str) -> tuple[str, ...]:
    """Return the statements of a script, without the semicolons and what says nothing."""
    return tuple(sql[tokens[0].start : tokens[-1].end] for tokens in _statements(sql) if tokens)


def read_phrase(sql: str) -> Phrase:
    """Return the first statement of `sql`."""
    return _phrase(sql, next((tokens for tokens in _statements(sql) if tokens), []))


def _phrase(sql: str, tokens: Sequence[_Token]) -> Phrase:
    return Phrase(sql, tuple(_parts(tokens)))


def _statements(sql: str) -> Iterator[list[_Token]]:
    tokens: list[_Token] = []
    depth = 0
    for token in _tokens(sql):
        depth += _deeper(token, tokens)
        if token.text == ";" and depth <= 0:
            yield tokens
            tokens, depth = [], 0
        else:
            tokens.append(token)
    yield tokens


def _deeper(token: _Token, before: Sequence[_Token]) -> int:
    """Return how many semicolons-that-end-nothing deeper `token` leads: parentheses, or a body in SQL."""
    if token.kind == "symbol":
        return (token.text in "([") - (token.text in ")]")
    if token.kind != "word" or not before or before[0].text.lower() != "create":
        return 0
    word = token.text.lower()
    if word == "atomic":
        return int(before[-1].text.lower() == "begin")
    in_body = any(other.text.lower() == "atomic" for other in before)
    return ((word == "case") - (word == "end")) if in_body else 0


def _tokens(sql: str) -> Iterator[_Token]:
    position = 0
    while found := _TOKEN.match(sql, position):
        position = found.end()
        if found.lastgroup == "comment":
            position = _end_of_comment(sql, position)
        elif found.lastgroup != "space":
            yield _Token("text" if found["text"] else str(found.lastgroup), found[0], found.start())


def _end_of_comment(sql: str, position: int) -> int:
    depth = 1
    while depth and (found := _COMMENT_BORDER.search(sql, position)):
        depth += 1 if found[0] == "/*" else -1
        position = found.end()
    return len(sql) if depth else position


def _parts(tokens: Sequence[_Token]) -> Iterator[tuple[_Token, ...]]:
    """Yield groups in parentheses and qualified names as one, everything else alone."""
    start = 0
    while start < len(tokens):
        if tokens[start].text in _CLOSING:
            end = _end_of_group(tokens, start)
        elif _is_name(tokens[start]):
            end = _end_of_name(tokens, start)
        else:
            end = start + 1
        yield tuple(tokens[start:end])
        start = end


def _end_of_group(tokens: Sequence[_Token], start: int) -> int:
    depth = 0
    for position in range(start, len(tokens)):
        if tokens[position].kind == "symbol":
            depth += (tokens[position].text in "([") - (tokens[position].text in ")]")
        if depth == 0:
            return position + 1
    return len(tokens)


def _end_of_name(tokens: Sequence[_Token], start: int) -> int:
    end = start + 1
    while end + 1 < len(tokens) and tokens[end].text == "." and _is_name(tokens[end + 1]):
        end += 2
    return end


def _is_name(token: _Token) -> bool:
    return token.kind in ("word", "quoted")


def _outlined(number: int, part: tuple[_Token, ...]) -> str:
    first = part[0]
    if first.text in _CLOSING:
        return f"{first.text}{number}{_CLOSING[first.text]}"
    if first.kind == "text":
        return f"'{number}'"
    if first.kind == "quoted" or len(part) > 1:
        return f'"{number}"'
    return first.text


def _name(token: _Token) -> str:
    if token.kind == "word":
        return token.text.translate(_UPPER_CASE)
    return token.text[token.text.index('"') + 1 :].removesuffix('"').replace('""', '"')
