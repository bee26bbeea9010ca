"""The door to what a backup holds: whoever restores or verifies need not know whether it is encrypted.

What is decrypted goes into files without a name, so that nothing in the clear is left, even by SIGKILL.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _

from config.operations.durable_files import nameless_file, require_space
from config.operations.encryption import NO_IDENTITIES, DamagedFile, Identities, NoFittingKey, Seal, decrypt
from config.operations.manifest import Manifest, StoredFile
from config.operations.media_files import stored_path


def seal_file(*, source: Path, target: Path, seal: Seal) -> StoredFile:
    """Encrypt `source` into `target`, which has reached the disk afterwards."""
    with source.open("rb") as reader, target.open("wb") as writer:
        plain, sealed = seal.encrypt(source=reader, target=writer)
        writer.flush()
        os.fsync(writer.fileno())
    return StoredFile(name=target.name, size=plain.size, sha256=plain.sha256, sealed=sealed)


@contextlib.contextmanager
def opened_dump(*, path: Path, manifest: Manifest, identities: Identities = NO_IDENTITIES) -> Iterator[Path]:
    """Yield where the dump of the backup in `path` can be read in the clear.

    Raises NoFittingKey, DamagedFile or NotEnoughSpace; of a dump that is not encrypted nothing is checked.
    """
    stored = path / manifest.dump.name
    if not manifest.is_encrypted:
        yield stored
        return
    require_space(folder=path.parent, needed=manifest.dump.size)
    with nameless_file(folder=path.parent) as plain:
        with plain.open("wb") as target:
            _decrypt(manifest.dump, stored, target, identities)
        yield plain


@contextlib.contextmanager
def opened_file(
    *, file: StoredFile, folder: Path, identities: Identities = NO_IDENTITIES
) -> Iterator[BinaryIO]:
    """Yield an uploaded file of a backup in `folder`, in the clear, as `opened_dump` does."""
    stored = stored_path(file=file, folder=folder)
    if file.sealed is None:
        with stored.open("rb") as reader:
            yield reader
        return
    with nameless_file(folder=folder) as plain, plain.open("w+b") as target:
        _decrypt(file, stored, target, identities)
        target.seek(0)
        yield target


def find_unopenable_files(
    *, files: tuple[StoredFile, ...], folder: Path, identities: Identities
) -> Iterator[str]:
    """Yield one sentence for each encrypted file whose content is not what was uploaded."""
    for file in files:
        if file.sealed is not None:
            try:
                _decrypt(file, stored_path(file=file, folder=folder), None, identities)
            except DamagedFile as error:
                yield str(error)


def _decrypt(file: StoredFile, stored: Path, target: BinaryIO | None, identities: Identities) -> None:
    facts = {"name": file.name}
    try:
        with stored.open("rb") as source:
            plain = decrypt(source=source, target=target, identities=identities)
    except NoFittingKey as error:
        raise NoFittingKey(f"{file.name}: {error}") from None
    except DamagedFile as error:
        raise DamagedFile(f"{file.name}: {error}") from error
    if (plain.size, plain.sha256) != (file.size, file.sha256):
        raise DamagedFile(_("%(name)s was decrypted, but is not what was encrypted.") % facts)
