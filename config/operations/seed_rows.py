"""Puts rows and files where they are missing, keeps those that are there, and counts both."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from django.core.files import File
from django.core.files.storage import Storage
from django.db import models

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True)
class Count:
    """How many rows of a table, or `files`, were missing and how many were there."""

    table: str
    created: int
    kept: int


class Seeding:
    """One run over the tables; `on_table` hears the name of each before its rows are put in."""

    def __init__(self, *, on_table: Callable[[str], None]) -> None:
        self.counts: list[Count] = []
        self._on_table = on_table

    def place(
        self,
        model: type[Row],
        rows: Sequence[Row],
        *,
        unique: Sequence[str] = (),
        among: models.QuerySet[Row] | None = None,
    ) -> list[Row]:
        """Insert the `rows` that are missing, and return them.

        A row is there when its key is, or else a row with the same values of `unique` `among` those given
        (by default, all). Each row of `rows` ends up with the key it has in the database.
        """
        self._on_table(model._meta.db_table)
        there = _keys_of_existing(model, rows, unique=unique, among=among)
        missing = []
        for row in rows:
            key = there.get(row.pk) or there.get(_values(row, unique))
            if key is None:
                missing.append(row)
            row.pk = key or row.pk
        model._default_manager.bulk_create(missing)
        self.counts.append(Count(model._meta.db_table, len(missing), len(rows) - len(missing)))
        return missing

    def place_files(self, files: Mapping[str, Path], *, storage: Storage, dry_run: bool) -> None:
        """Copy each file to its name in the storage, unless something has that name."""
        self._on_table("files")
        missing = [name for name in files if not storage.exists(name)]
        for name in () if dry_run else missing:
            with files[name].open("rb") as content:
                storage.save(name, File(content))
        self.counts.append(Count("files", len(missing), len(files) - len(missing)))


def _keys_of_existing(
    model: type[Row], rows: Iterable[Row], *, unique: Sequence[str], among: models.QuerySet[Row] | None
) -> dict[Any, Any]:
    """Map keys, and values of `unique`, to the keys of the rows that are there."""
    manager = model._default_manager
    keys = manager.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True)
    there: dict[Any, Any] = {key: key for key in keys}
    if unique:
        if among is None:
            among = manager.filter(**{f"{unique[0]}__in": {getattr(row, unique[0]) for row in rows}})
        there |= {_values(row, unique): row.pk for row in among.only(*unique)}
    return there


def _values(row: models.Model, names: Sequence[str]) -> tuple[Any, ...]:
    """Return the values as unique constraints compare them: an e-mail address without regard to case."""
    values = (getattr(row, name) for name in names)
    return tuple(value.lower() if isinstance(value, str) else value for value in values)
