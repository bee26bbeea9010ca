"""The source files that decide what migrations do to a schema."""

import hashlib
import importlib.util
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.apps import apps
from django.db.migrations.loader import MigrationLoader

from config.env import BASE_DIR

_IMPORT = re.compile(r"^ *(?:from ([\w.]+) import ([\w, ]+)|import ([\w.]+))", re.MULTILINE)


def hash_of_sources(*, labels: Iterable[str]) -> str:
    """Return the SHA-256 of the migrations of these apps, and of what they import from this project."""
    digest = hashlib.sha256()
    for path in sorted(_sources(labels)):
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _sources(labels: Iterable[str]) -> set[Path]:
    found: set[Path] = set()
    waiting = [path for label in labels for path in _migration_files(label)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported_files(path)
    return found


def _migration_files(label: str) -> Iterator[Path]:
    if label not in apps.app_configs:  # It is not installed any more.
        return
    package, _explicit = MigrationLoader.migrations_module(label)
    specification = importlib.util.find_spec(package) if package else None
    for folder in (specification and specification.submodule_search_locations) or ():
        yield from Path(folder).rglob("*.py")


def _imported_files(path: Path) -> Iterator[Path]:
    """Yield the files of this project that a file of it imports; a package counts as its first file."""
    if not path.is_relative_to(BASE_DIR):
        return
    for source, names, module in _IMPORT.findall(path.read_text(encoding="utf-8")):
        for name in (source or module, *(f"{source}.{each.strip()}" for each in names.split(",") if source)):
            place = BASE_DIR.joinpath(*name.split("."))
            yield from (each for each in (place.with_suffix(".py"), place / "__init__.py") if each.exists())
