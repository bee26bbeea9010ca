"""Puts the uploaded files of a backup back into the storage they came from."""

import contextlib
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import Storage

from config.operations.encryption import NO_IDENTITIES, Identities
from config.operations.manifest import StoredFile
from config.operations.media_files import describe_file
from config.operations.progress import BYTES, SILENT, Progress
from config.operations.sealed_files import opened_file


def return_files(
    *,
    files: tuple[StoredFile, ...],
    folder: Path,
    storage: Storage,
    identities: Identities = NO_IDENTITIES,
    progress: Progress = SILENT,
) -> int:
    """Put back what `storage` lacks or has with other content; return how many those were.

    What is there besides is left alone: it may belong to rows that are kept.
    """
    returned = 0
    with progress.measure(sum(file.size for file in files), unit=BYTES) as advance:
        for file in files:
            returned += _return(file, folder, storage, identities)
            advance(file.size)
    return returned


def _return(file: StoredFile, folder: Path, storage: Storage, identities: Identities) -> bool:
    with contextlib.suppress(FileNotFoundError):
        if describe_file(storage=storage, name=file.name).sha256 == file.sha256:
            return False
    with opened_file(file=file, folder=folder, identities=identities) as content:
        storage.delete(file.name)  # Otherwise the storage would choose another name.
        storage.save(file.name, File(content))
    return True
