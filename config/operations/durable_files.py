"""Files that are there after a power cut, or not at all under their final name."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation import gettext as _

from config.operations.progress import BYTES, SILENT, Progress

PARTIAL = ".partial"
_CHUNK_BYTES = 1_048_576
DELETING = ".deleting"

_PROCESSES = Path("/proc")


class NotEnoughSpace(Exception):
    """The file system has fewer free bytes than the work may need."""


def write_durably(*, path: Path, content: bytes) -> None:
    """Replace the whole file, or leave it as it was."""
    partial = path.with_name(path.name + PARTIAL)
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    rename_durably(partial, path)


def rename_durably(source: Path, target: Path) -> None:
    source.rename(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, has reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path, *, progress: Progress = SILENT) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file, progress.measure(path.stat().st_size, unit=BYTES) as advance:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            advance(len(chunk))
    return digest.hexdigest()


def require_space(*, folder: Path, needed: int) -> int:
    """Return the free bytes of the file system of `folder`, or raise NotEnoughSpace."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        sentence = _(
            "%(folder)s has %(free)d MB of free disk space; %(needed)d MB are needed.\n"
            "→ Make room, or set BACKUP_DIR to a folder on another disk."
        )
        megabyte = 1_000_000
        raise NotEnoughSpace(
            sentence % {"folder": folder, "free": free // megabyte, "needed": -(-needed // megabyte)}
        )
    return free


def remove_tree(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


@contextlib.contextmanager
def nameless_file(*, folder: Path) -> Iterator[Path]:
    """Yield the path of an empty file on the disk of `folder` that is in no folder.

    Only this user's processes can open it, and it is gone with this process, however that ends.
    """
    if _PROCESSES.is_dir():
        with tempfile.TemporaryFile(dir=folder) as file:
            yield _PROCESSES / str(os.getpid()) / "fd" / str(file.fileno())
    else:  # Not Linux: removed by whatever ends this process except SIGKILL.
        with tempfile.NamedTemporaryFile(dir=folder, suffix=PARTIAL) as named:
            yield Path(named.name)
