"""Collects pieces of evidence side by side, each with a deadline of its own, and writes them into one folder.

In a bad night any of them may fail: then its file says why, and the others are there all the same.
"""

import contextlib
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from config.operations.durable_files import PARTIAL, remove_tree, rename_durably
from config.operations.inquiry import NoAnswer, begin
from config.operations.personal_data import without_people
from config.operations.progress import SILENT, Progress

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to collect under `name`, and how long to wait for it."""

    name: str
    collect: Callable[[], Any]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a question yielded: facts that JSON can write, or text; `failure` says why there are none."""

    name: str
    facts: Any = None
    failure: str = ""

    @property
    def file_name(self) -> str:
        return self.name if Path(self.name).suffix else f"{self.name}.json"

    @property
    def text(self) -> str:
        if self.failure:
            return f"{self.failure}\n"
        if isinstance(self.facts, str):
            return self.facts
        return json.dumps(self.facts, ensure_ascii=False, indent=1, default=str) + "\n"


def collect(questions: tuple[Question, ...], *, progress: Progress = SILENT) -> dict[str, Part]:
    """Ask everything at once; nothing that fails or hangs keeps the rest away."""
    asked = [(question, begin(question=question.collect, seconds=question.seconds)) for question in questions]
    parts = {}
    for question, inquiry in progress.each(asked, unit=_("parts")):
        try:
            parts[question.name] = Part(name=question.name, facts=inquiry.wait())
        except NoAnswer:
            failure = f"no answer within {question.seconds:g} s"
            parts[question.name] = Part(name=question.name, failure=failure)
        # Whatever it is, it is evidence, too.
        except Exception as error:
            failure = f"{type(error).__name__}: {without_people(' '.join(str(error).split()))}"
            parts[question.name] = Part(name=question.name, failure=failure)
    return parts


@contextlib.contextmanager
def own_connection(alias: str) -> Iterator[BaseDatabaseWrapper]:
    """Yield the connection of this thread, which ends with the block as the thread does."""
    connection = connections[alias]
    try:
        yield connection
    finally:
        connection.close()


def write_folder(*, folder: Path, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Write the files, the most important first, and return the names of those that found no room.

    Raises OSError if not even the first one could be written.
    """
    partial = folder.with_name(folder.name + PARTIAL)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial.mkdir(mode=0o700)
    missing: list[str] = []
    try:
        for name, text in texts.items():
            try:
                _write(partial / name, text)
            except OSError:
                if name == next(iter(texts)):
                    raise
                missing.append(name)
        rename_durably(partial, folder)
    finally:
        remove_tree(partial)  # On success it has another name by now.
    return tuple(missing)


def write_archive(*, folder: Path) -> Path:
    """Pack the folder into one file beside it, and remove it."""
    archive = folder.with_name(f"{folder.name}.tar.gz")
    partial = archive.with_name(archive.name + PARTIAL)
    try:
        with (
            os.fdopen(os.open(partial, _NEW, 0o600), "wb") as file,
            tarfile.open(fileobj=file, mode="w:gz") as packed,
        ):
            packed.add(folder, arcname=folder.name, filter=_without_owner)
        rename_durably(partial, archive)
    finally:
        partial.unlink(missing_ok=True)
    remove_tree(folder)
    return archive


def _write(path: Path, text: str) -> None:
    try:
        with os.fdopen(os.open(path, _NEW, 0o600), "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
