"""The SQL that gives an object of the live database the definition that it should have.

It is to be read and typed by a person. Nothing here drops a table or a column, which may hold data, and what
would scan a table while others wait is split as an online migration does.
"""

import re
from collections.abc import Iterator

from config.operations.schema_change.schema_objects import NAME, QUALIFIED, SchemaObject

NOT_VALID = " NOT VALID"

_COLUMN = re.compile(
    rf"(?P<name>{NAME}) (?P<type>.+?)"
    r"(?: GENERATED ALWAYS AS (?P<generated>\(.*\)) STORED| DEFAULT (?P<default>.+?))?"
    rf"(?P<required>(?: CONSTRAINT {NAME})? NOT NULL)?(?: COLLATE (?P<collation>{QUALIFIED}))?",
    re.DOTALL,
)
_CONSTRAINT = re.compile(rf"ALTER TABLE(?: ONLY)? (?P<table>{QUALIFIED})\s+ADD CONSTRAINT (?P<name>{NAME}) ")
_INDEX = re.compile(rf"CREATE (?:UNIQUE )?INDEX (?P<name>{NAME}) ON (?:ONLY )?(?P<schema>{NAME})\.")
_TRIGGER = re.compile(
    rf"CREATE (?:CONSTRAINT )?TRIGGER (?P<name>{NAME}) .*? ON (?P<table>{QUALIFIED})", re.DOTALL
)
_SWITCHED = re.compile(rf"\n+ALTER TABLE {QUALIFIED} (?:DISABLE|ENABLE \w+) TRIGGER {NAME};")
_IDENTITY = re.compile(
    rf"(?P<start>ALTER TABLE {QUALIFIED} ALTER COLUMN {NAME}) ADD GENERATED (?P<when>[\w ]+) AS IDENTITY \("
    rf"\n *SEQUENCE NAME {QUALIFIED}\n(?P<options>.*)\n\);",
    re.DOTALL,
)
_STORAGE = re.compile(r"\)\s*WITH \((?P<parameters>.*)\)", re.DOTALL)


def statements_to_make(expected: SchemaObject) -> Iterator[str]:
    """Yield what makes an object that is missing."""
    definition = expected.definition
    if expected.kind == "COLUMN":
        yield f"ALTER TABLE {expected.table} ADD COLUMN {definition};"
    elif expected.kind == "INDEX":
        yield re.sub(r"^CREATE (UNIQUE )?INDEX ", r"CREATE \1INDEX CONCURRENTLY ", definition)
    elif (found := _CONSTRAINT.match(definition)) and _is_validated_later(definition):
        yield f"{definition.rstrip(';')}{NOT_VALID};"
        yield _validation(found)
    else:
        yield definition


def statements_to_remove(found: SchemaObject) -> Iterator[str]:
    """Yield what removes an object that no migration makes, unless it may hold data."""
    definition = found.definition
    if constraint := _CONSTRAINT.match(definition):
        yield f"ALTER TABLE {constraint['table']} DROP CONSTRAINT {constraint['name']};"
    elif index := _INDEX.match(definition):
        yield f"DROP INDEX CONCURRENTLY {index['schema']}.{index['name']};"
    elif trigger := _TRIGGER.match(definition):
        yield f"DROP TRIGGER {trigger['name']} ON {trigger['table']};"
    elif found.kind == "COMMENT":
        yield re.sub(r"(COMMENT ON .*?) IS '.*", r"\1 IS NULL;", definition, flags=re.DOTALL)
    elif found.kind == "DEFAULT":
        yield re.sub(r"SET DEFAULT .*", "DROP DEFAULT;", definition, flags=re.DOTALL)
    elif found.kind == "ROW SECURITY":
        yield definition.replace(" ENABLE ", " DISABLE ")
    elif found.name.endswith(" STATISTICS"):
        yield re.sub(r"SET STATISTICS .*", "SET STATISTICS -1;", definition)
    elif made := re.match(rf"CREATE ((?:MATERIALIZED )?VIEW|STATISTICS) ({QUALIFIED})", definition):
        yield f"DROP {made[1]} {made[2]};"
    elif routine := re.match(rf"CREATE (FUNCTION|PROCEDURE) ({NAME})\.", definition):
        yield f"DROP {routine[1]} {routine[2]}.{found.name};"


def statements_to_change(expected: SchemaObject, found: SchemaObject) -> Iterator[str]:
    """Yield what turns `found` into `expected`."""
    definition = expected.definition
    constraint = _CONSTRAINT.match(definition)
    if constraint and found.definition == f"{definition.rstrip(';')}{NOT_VALID};":
        yield _validation(constraint)
    elif expected.kind == "COLUMN":
        yield from _column_changes(expected, found)
    elif expected.kind == "TABLE":
        yield from _table_changes(expected, found)
    elif expected.kind == "TRIGGER":
        yield from _trigger_changes(expected, found)
    elif expected.kind == "SEQUENCE":
        yield from _sequence_changes(definition, found.definition)
    elif expected.kind in ("FUNCTION", "PROCEDURE", "VIEW"):
        yield definition.replace("CREATE ", "CREATE OR REPLACE ", 1)
    elif constraint or expected.kind == "INDEX":
        yield from statements_to_remove(found)
        yield from statements_to_make(expected)
    else:
        yield definition


def statements_to_rename(expected: SchemaObject, found: SchemaObject) -> Iterator[str]:
    """Yield what gives a column the name that it should have."""
    names = [re.match(NAME, each.definition) for each in (found, expected)]
    yield f"ALTER TABLE {expected.table} RENAME COLUMN {' TO '.join(name[0] for name in names if name)};"


def _is_validated_later(definition: str) -> bool:
    return not definition.endswith(f"{NOT_VALID};") and bool(
        re.search(r" (CHECK|FOREIGN KEY) \(", definition)
    )


def _validation(constraint: re.Match[str]) -> str:
    return f"ALTER TABLE {constraint['table']} VALIDATE CONSTRAINT {constraint['name']};"


def _column_changes(expected: SchemaObject, found: SchemaObject) -> Iterator[str]:
    wanted, there = _COLUMN.fullmatch(expected.definition), _COLUMN.fullmatch(found.definition)
    if wanted is None or there is None or wanted["generated"] != there["generated"]:
        return  # An expression can only be changed with the column.
    column = f"ALTER TABLE {expected.table} ALTER COLUMN {wanted['name']}"
    if wanted.group("type", "collation") != there.group("type", "collation"):
        collation = wanted["collation"] or (there["collation"] and 'pg_catalog."default"')
        yield f"{column} TYPE {wanted['type']}{f' COLLATE {collation}' if collation else ''};"
    if wanted["default"] != there["default"]:
        yield f"{column} SET DEFAULT {wanted['default']};" if wanted["default"] else f"{column} DROP DEFAULT;"
    if bool(wanted["required"]) != bool(there["required"]):
        yield f"{column} {'SET' if wanted['required'] else 'DROP'} NOT NULL;"


def _table_changes(expected: SchemaObject, found: SchemaObject) -> Iterator[str]:
    table = f"ALTER TABLE {expected.table}"
    unlogged = [each.definition.startswith("CREATE UNLOGGED") for each in (expected, found)]
    if unlogged[0] != unlogged[1]:
        yield f"{table} SET {'UNLOGGED' if unlogged[0] else 'LOGGED'};"
    wanted, there = (_STORAGE.search(each.definition) for each in (expected, found))
    if there and there[0] != (wanted and wanted[0]):
        names = re.findall(r"([\w.]+)=", there["parameters"])
        yield f"{table} RESET ({', '.join(names)});"
    if wanted and wanted[0] != (there and there[0]):
        yield f"{table} SET ({wanted['parameters']});"


def _trigger_changes(expected: SchemaObject, found: SchemaObject) -> Iterator[str]:
    wanted, there = (_SWITCHED.sub("", each.definition) for each in (expected, found))
    if wanted != there:
        yield from statements_to_remove(found)
        yield expected.definition
    elif switched := _SWITCHED.search(expected.definition):
        yield switched[0].strip()
    elif trigger := _TRIGGER.match(expected.definition):
        yield f"ALTER TABLE {trigger['table']} ENABLE TRIGGER {trigger['name']};"


def _sequence_changes(expected: str, found: str) -> Iterator[str]:
    """Keep the sequence, for a new one would give out numbers that are taken."""
    wanted, there = _IDENTITY.match(expected), _IDENTITY.match(found)
    if wanted and there:
        options = " ".join(f"SET {each.strip()}" for each in wanted["options"].splitlines())
        yield f"{wanted['start']} SET GENERATED {wanted['when']} {options};"
    elif not wanted and not there:
        yield expected.replace("CREATE ", "ALTER ", 1)
