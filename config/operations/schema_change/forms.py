"""Forms of statements: a pattern that recognises one, and what it does."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from config.operations.schema_change.catalogue import Catalogue
from config.operations.schema_change.effects import (
    Effect,
    LockMode,
    StatementKind,
    TableLock,
    strongest,
)
from config.operations.schema_change.phrases import Phrase

NAME = r"""(?:"\d+"|[^\s"'(\[]+)"""
_TABLE = rf"(?:ONLY )?{NAME}(?: \*)?"
_ONLY = re.compile(r"\AONLY | \*\Z", re.IGNORECASE)
_NAMES = {
    "tables": rf"(?P<tables>{_TABLE}(?: , {_TABLE})*)",
    "names": rf"(?P<names>{NAME}(?: , {NAME})*)",
    "table": rf"(?:ONLY )?(?P<tables>{NAME})(?: \*)?",
    **{group: rf"(?P<{group}>{NAME})" for group in ("name", "new_name", "other")},
}


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known around a statement; `schema` is the one whose tables need no schema in their names."""

    schema: str
    catalogue: Catalogue | None = None
    table: str = ""

    def local(self, name: str) -> str:
        return name.removeprefix(f"{self.schema}.")

    def all_of(self, table: str) -> tuple[str, ...]:
        """Return the table with its partitions."""
        name = self.local(table)
        return (name, *(self.catalogue.descendants(name) if self.catalogue else ()))


@dataclass(frozen=True, kw_only=True)
class Found:
    """A phrase in which a form was recognised."""

    phrase: Phrase
    match: re.Match[str]
    around: Surroundings

    @property
    def tables(self) -> tuple[str, ...]:
        if self.around.table:
            return (self.around.table,)
        return self.names("tables")

    @property
    def table(self) -> str:
        return next(iter(self.tables), "")

    @property
    def has_catalogue(self) -> bool:
        return self.around.catalogue is not None

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue, or one in which nothing is."""
        return self.around.catalogue or Catalogue(schema=self.around.schema)

    def name(self, group: str = "name") -> str:
        place = self.match.groupdict().get(group)
        return self._name(place) if place else ""

    def names(self, group: str) -> tuple[str, ...]:
        words = (self.match.groupdict().get(group) or "").split(" , ")
        return tuple(self._name(_ONLY.sub("", word)) for word in words if word)

    def text(self, group: str) -> str:
        """Return what stands in the statement where the group `group` was found."""
        start, end = self.match.span(group)
        return str(self.phrase.between(start, end)) if start >= 0 else ""

    def _name(self, place: str) -> str:
        return self.around.local(self.phrase.name(place))


@dataclass(frozen=True, kw_only=True)
class Form:
    """`mode` is the lock on the table, or tables, that the statement names; `others` are locks besides."""

    pattern: re.Pattern[str]
    kind: StatementKind
    mode: LockMode | None
    scans: Callable[[Found], bool]
    rewrites: Callable[[Found], bool]
    others: Callable[[Found], Iterable[TableLock]]
    tables: Callable[[Found], tuple[str, ...]]
    is_complete: Callable[[Found], bool]
    in_transaction: bool
    changes_rows: bool


def form(
    pattern: str,
    kind: StatementKind,
    mode: LockMode | None = None,
    *,
    scans: Callable[[Found], bool] | bool = False,
    rewrites: Callable[[Found], bool] | bool = False,
    others: Callable[[Found], Iterable[TableLock]] = lambda _found: (),
    tables: Callable[[Found], tuple[str, ...]] = lambda found: found.tables,
    is_complete: Callable[[Found], bool] | bool = True,
    in_transaction: bool = True,
    changes_rows: bool = False,
) -> Form:
    """Describe a form. In the pattern, {table}, {tables}, {name}, {new_name} and {other} stand for names."""
    for group, name in _NAMES.items():
        pattern = pattern.replace(f"{{{group}}}", name)
    return Form(
        pattern=re.compile(rf"{pattern}(?= |\Z)", re.IGNORECASE),
        kind=kind,
        mode=mode,
        scans=scans if callable(scans) else lambda _found: scans,
        rewrites=rewrites if callable(rewrites) else lambda _found: rewrites,
        others=others,
        tables=tables,
        is_complete=is_complete if callable(is_complete) else lambda _found: is_complete,
        in_transaction=in_transaction,
        changes_rows=changes_rows,
    )


def find_effect(phrase: Phrase, forms: Sequence[Form], around: Surroundings) -> Effect | None:
    """Return what `phrase` does according to the first of `forms` that recognises it."""
    for candidate in forms:
        if match := candidate.pattern.match(phrase.outline):
            return _effect(candidate, Found(phrase=phrase, match=match, around=around))
    return None


def _effect(form: Form, found: Found) -> Effect:
    named = form.tables(found)
    tables = tuple(dict.fromkeys(name for table in named for name in found.around.all_of(table)))
    locks = [TableLock(table, form.mode) for table in tables] if form.mode else []
    rewrites = tables if form.rewrites(found) else ()
    return Effect(
        sql=str(found.phrase),
        kind=form.kind,
        table=next(iter(named), ""),
        name=found.name(),
        new_name=found.name("new_name"),
        locks=strongest([*locks, *form.others(found)]),
        scans=tables if not rewrites and form.scans(found) else (),
        rewrites=rewrites,
        in_transaction=form.in_transaction,
        changes_rows=form.changes_rows,
        is_complete=form.is_complete(found),
    )
