"""Forms of statements: a pattern that recognises one, and what it does."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from config.operations.schema_change.catalogue import Catalogue
from config.operations.schema_change.effects import Effect, LockMode, StatementKind, TableLock, strongest
from config.operations.schema_change.phrases import Phrase

NAME = r"""(?:"\d+"|[^\s"'(\[]+)"""
_TABLE = rf"(?:ONLY )?{NAME}(?: \*)?"
_PARTS = {
    "table": rf"(?:ONLY )?(?P<tables>{NAME})(?: \*)?",
    "tables": rf"(?P<tables>{_TABLE}(?: , {_TABLE})*)",
    "indexes": rf"(?P<indexes>{NAME}(?: , {NAME})*)",
    "columns": r"(?P<columns>\(\d+\))",
    **{group: rf"(?P<{group}>{NAME})" for group in ("name", "column", "new_name", "other")},
}
_ONLY = re.compile(r"\AONLY | \*\Z", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known around a phrase: the application's schema, and the table where it says none itself."""

    schema: str
    catalogue: Catalogue | None = None
    table: str = ""

    def local(self, name: str) -> str:
        """Return a name without the schema, where that is the application's."""
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
        return (self.around.table,) if self.around.table else self.names("tables")

    @property
    def table(self) -> str:
        return next(iter(self.tables), "")

    @property
    def columns(self) -> tuple[str, ...]:
        if column := self.name("column"):
            return (column,)
        place = self._place("columns")
        listed = self.phrase.inner(place).split_at_commas() if place else ()
        return tuple(item.name(item.outline.split(" ")[0]) for item in listed)

    @property
    def has_catalogue(self) -> bool:
        return self.around.catalogue is not None

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue, or one in which nothing is."""
        return self.around.catalogue or Catalogue(schema=self.around.schema)

    def name(self, group: str) -> str:
        """Return the name that stands in a group of the pattern, or nothing."""
        place = self._place(group)
        return self.around.local(self.phrase.name(place)) if place else ""

    def names(self, group: str) -> tuple[str, ...]:
        places = (self._place(group) or "").split(" , ")
        return tuple(self.around.local(self.phrase.name(_ONLY.sub("", place))) for place in places if place)

    def part(self, group: str) -> Phrase | None:
        """Return what stands in the statement where a group of the pattern was found."""
        return self.phrase.between(*self.match.span(group)) if self._place(group) else None

    def _place(self, group: str) -> str | None:
        return self.match.groupdict().get(group)


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of statements, and functions that tell what one of it does."""

    pattern: re.Pattern[str]
    kind: StatementKind
    mode: LockMode | None
    tables: Callable[[Found], tuple[str, ...]]
    scans: Callable[[Found], bool]
    rewrites: Callable[[Found], bool]
    locks: Callable[[Found], Iterable[TableLock]]
    reads: Callable[[Found], Iterable[str]]
    is_complete: Callable[[Found], bool]
    reaches_partitions: bool
    in_transaction: bool
    changes_rows: bool


def form(
    pattern: str,
    kind: StatementKind,
    mode: LockMode | None = None,
    *,
    tables: Callable[[Found], tuple[str, ...]] = lambda found: found.tables,
    scans: Callable[[Found], bool] | bool = False,
    rewrites: Callable[[Found], bool] | bool = False,
    locks: Callable[[Found], Iterable[TableLock]] = lambda _found: (),
    reads: Callable[[Found], Iterable[str]] = lambda _found: (),
    is_complete: Callable[[Found], bool] | bool = True,
    reaches_partitions: bool = True,
    in_transaction: bool = True,
    changes_rows: bool = False,
) -> Form:
    """Describe a form.

    In the pattern {table}, {tables}, {indexes}, {columns}, {column}, {name}, {new_name} and {other} stand for
    names. `mode` is the lock on the table itself, `locks` are those on others; `reads` are others that are
    read wholly.
    """
    for group, part in _PARTS.items():
        pattern = pattern.replace(f"{{{group}}}", part)
    return Form(
        pattern=re.compile(rf"(?:{pattern})(?= |\Z)", re.IGNORECASE),
        kind=kind,
        mode=mode,
        tables=tables,
        scans=scans if callable(scans) else lambda _found: scans,
        rewrites=rewrites if callable(rewrites) else lambda _found: rewrites,
        locks=locks,
        reads=reads,
        is_complete=is_complete if callable(is_complete) else lambda _found: is_complete,
        reaches_partitions=reaches_partitions,
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
    tables = _with_partitions(named, found.around) if form.reaches_partitions else named
    reads = tuple(form.reads(found))
    rewrites = tables if form.rewrites(found) else ()
    return Effect(
        sql=str(found.phrase),
        kind=form.kind,
        table=next(iter(named), ""),
        name=found.name("name") or found.name("column"),
        new_name=found.name("new_name"),
        columns=found.columns,
        other_table=found.name("other"),
        locks=strongest(
            [
                *(TableLock(table, form.mode) for table in tables if form.mode),
                *form.locks(found),
                *(TableLock(table, LockMode.ACCESS_SHARE) for table in reads),
            ]
        ),
        scans=_without(rewrites, [*(tables if form.scans(found) else ()), *reads]),
        rewrites=rewrites,
        in_transaction=form.in_transaction,
        changes_rows=form.changes_rows,
        is_complete=form.is_complete(found),
    )


def has_catalogue(found: Found) -> bool:
    return found.has_catalogue


def _with_partitions(tables: Iterable[str], around: Surroundings) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for table in tables for part in around.all_of(table)))


def _without(excluded: Sequence[str], tables: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(table for table in tables if table not in excluded))
