"""The objects of a schema one by one, so that each can be compared: a table is taken to its columns."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# An identifier as SQL has it, in quotes where it needs them, and one with its schema before it.
NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
QUALIFIED = rf"{NAME}\.{NAME}"

_ANNOUNCED = re.compile(r"Name: (?P<name>.*); Type: (?P<kind>.*); Schema: (?P<schema>.*)", re.DOTALL)
_TABLE = re.compile(
    rf"(?P<head>CREATE (?:UNLOGGED )?TABLE (?P<table>{QUALIFIED}) \()(?P<body>\n.*?)?"
    r"\n(?P<rest>\)[^;]*;)(?P<later>.*)",
    re.DOTALL,
)
_TABLE_OF = re.compile(
    rf"(?:ALTER TABLE(?: ONLY)?|ON(?: ONLY)?|OWNED BY|TABLE|COLUMN) (?P<table>{QUALIFIED})(?:\.{NAME})?"
)
_SETTING = re.compile(rf"ALTER COLUMN (?P<column>{NAME}) SET (?P<setting>\w+|\()")
_SAME_KIND = {"FK CONSTRAINT": "CONSTRAINT", "CHECK CONSTRAINT": "CONSTRAINT"}


@dataclass(frozen=True, kw_only=True)
class SchemaObject:
    """`definition` is the SQL that makes it, of a column its line in CREATE TABLE.

    `table` is the one that it belongs to, as SQL has it; "" for what stands by itself.
    """

    kind: str
    name: str
    schema: str
    definition: str
    table: str = ""

    @property
    def key(self) -> "Key":
        return self.kind, self.schema, self.name

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"


Key = tuple[str, str, str]
Objects = Mapping[Key, SchemaObject]


def objects_of(*, definitions: Mapping[str, str]) -> Objects:
    """Return key → object, of what `read_definitions` has read."""
    found = (each for title, text in definitions.items() for each in _objects(title, text))
    return {each.key: each for each in found}


def unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _objects(title: str, definition: str) -> Iterator[SchemaObject]:
    announced = _ANNOUNCED.fullmatch(title)
    if announced is None:
        raise ValueError(title)
    kind, schema = announced["kind"], announced["schema"]
    table = _TABLE.fullmatch(definition) if kind == "TABLE" else None
    if table is not None:
        yield from _parts(announced["name"], schema, table)
        return
    owner = _TABLE_OF.search(definition) if kind not in ("FUNCTION", "PROCEDURE", "VIEW") else None
    yield SchemaObject(
        kind=_SAME_KIND.get(kind, kind),
        name=announced["name"],
        schema=schema,
        definition=definition,
        table=owner["table"] if owner else "",
    )


def _parts(name: str, schema: str, found: re.Match[str]) -> Iterator[SchemaObject]:
    """Yield the table without its columns, the columns, the constraints among them, what is set later."""
    table = found["table"]
    shared = {"schema": schema, "table": table}
    yield SchemaObject(kind="TABLE", name=name, definition=found["head"] + found["rest"], **shared)
    for line in re.split(r",\n    (?=\S)", (found["body"] or "").strip()):
        if constraint := re.match(rf"CONSTRAINT ({NAME}) (?!NOT NULL)", line):
            statement = f"ALTER TABLE {table}\n    ADD {line};"
            title = f"{name} {unquoted(constraint[1])}"
            yield SchemaObject(kind="CONSTRAINT", name=title, definition=statement, **shared)
        elif column := re.match(NAME, line):
            title = f"{name}.{unquoted(column[0])}"
            yield SchemaObject(kind="COLUMN", name=title, definition=line, **shared)
    for statement in filter(None, map(str.strip, found["later"].split(";\n"))):
        setting = _SETTING.search(statement)
        title = f"{name}.{unquoted(setting['column'])} {setting['setting']}" if setting else statement
        yield SchemaObject(kind="SETTING", name=title, definition=f"{statement.rstrip(';')};", **shared)
