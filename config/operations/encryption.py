"""Encrypts and decrypts streams in the age format, which the program `age` opens as well.

A server has public keys only. So that it can prove what it has just encrypted, each backup is encrypted for
one more key, which is made for it and never leaves the memory of the process.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyrage
from django.utils.translation import gettext as _

from config.operations.manifest import Content, Sealed

# Whoever else can read or change the file could open every backup, or replace the key.
_OF_OTHERS = 0o077
_SHORT = 16  # hexadecimal digits


class UnusableIdentities(Exception):
    """The file of private keys cannot be used; the message says why, without its content."""


class NoFittingKey(Exception):
    """The private key is missing, or it is another one; nothing is known against the file."""


class DamagedFile(Exception):
    """What is encrypted in the file is not what was encrypted."""


@dataclass(frozen=True, kw_only=True)
class Identities:
    """Private keys. `is_throw_away` is the key that this process made, which opens nothing older."""

    keys: tuple[Any, ...] = field(default=(), repr=False)
    is_throw_away: bool = False

    @property
    def public_keys(self) -> tuple[str, ...]:
        return tuple(str(key.to_public()) for key in self.keys)


NO_IDENTITIES = Identities()


@dataclass(frozen=True, kw_only=True)
class Seal:
    """Encrypts for `recipients`, age public keys, and for the throw-away key of this process."""

    recipients: tuple[str, ...]
    throw_away: Identities

    @property
    def short_name(self) -> str:
        """Tells these recipients from others, so that a file is encrypted again when they change."""
        return hashlib.sha256("\n".join(sorted(self.recipients)).encode()).hexdigest()[:_SHORT]

    def encrypt(self, *, source: "Readable", target: BinaryIO) -> tuple[Content, Sealed]:
        """Return what was read and what was written."""
        reader, writer = _Passage(source), _Passage(target)
        keys = [*self.recipients, *self.throw_away.public_keys]
        try:
            pyrage.encrypt_io(reader, writer, [pyrage.x25519.Recipient.from_str(key) for key in keys])
        except pyrage.EncryptError:
            _raise_own(reader, writer)
            raise
        plain, stored = reader.content, writer.content
        return plain, Sealed(size=stored.size, sha256=stored.sha256, recipients=self.short_name)


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def new_seal(*, recipients: tuple[str, ...]) -> Seal:
    throw_away = Identities(keys=(pyrage.x25519.Identity.generate(),), is_throw_away=True)
    return Seal(recipients=recipients, throw_away=throw_away)


def read_identities(*, file: Path) -> Identities:
    """Read the private keys that age-keygen writes, one a line, several after a change of keys."""
    try:
        if file.stat().st_mode & _OF_OTHERS:
            sentence = _("Others may read %(file)s, which holds private keys.\n→ Type: chmod 600 %(file)s")
            raise UnusableIdentities(sentence % {"file": file})
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else _("it is not UTF-8")
        sentence = _("The file of private keys %(file)s cannot be read: %(reason)s")
        raise UnusableIdentities(sentence % {"file": file, "reason": reason}) from None
    words = {number: line.strip() for number, line in enumerate(lines, start=1)}
    keys = [_identity(file, number, word) for number, word in words.items() if word and word[0] != "#"]
    if not keys:
        raise UnusableIdentities(_("There is no private key in %(file)s.") % {"file": file})
    return Identities(keys=tuple(keys))


def decrypt(*, source: Readable, target: BinaryIO | None, identities: Identities) -> Content:
    """Return what came out, which has to be thrown away when this raises; None for `target` only looks."""
    require_key(identities=identities)
    reader, writer = _Passage(source), _Passage(target)
    try:
        pyrage.decrypt_io(reader, writer, list(identities.keys))
    except (pyrage.DecryptError, OSError) as error:
        _raise_own(reader, writer)
        if "No matching keys" in str(error):
            sentence = _("None of the private keys opens it. They belong to these public keys: %(keys)s")
            raise NoFittingKey(sentence % {"keys": ", ".join(identities.public_keys)}) from None
        raise DamagedFile(_("It cannot be decrypted to its end, so it is damaged.")) from error
    return writer.content


def require_key(*, identities: Identities) -> None:
    """Raise NoFittingKey where there is no key at all."""
    if not identities.keys:
        raise NoFittingKey(
            _(
                "It is encrypted, so the private key is needed.\n"
                "→ Name the file that holds it: --identity FILE. "
                "Without the key there is only: manage.py verify_backup --level L0"
            )
        )


def _identity(file: Path, number: int, word: str) -> Any:
    try:
        return pyrage.x25519.Identity.from_str(word)
    except pyrage.IdentityError:
        sentence = _("Line %(number)d of %(file)s is no private key of age (AGE-SECRET-KEY-1…).")
        raise UnusableIdentities(sentence % {"number": number, "file": file}) from None


class _Passage:
    """Measures what passes, and keeps what was raised, of which pyrage would only keep the words."""

    def __init__(self, file: Any) -> None:
        self._file, self._digest, self._size = file, hashlib.sha256(), 0
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        try:
            return self._measured(bytes(self._file.read(size)))
        except BaseException as error:
            self.error = error
            raise

    def write(self, content: bytes) -> int:
        try:
            if self._file is not None:
                self._file.write(content)
        except BaseException as error:
            self.error = error
            raise
        return len(self._measured(content))

    def flush(self) -> None:
        """Leave that to whoever has opened the file."""

    def _measured(self, content: bytes) -> bytes:
        self._digest.update(content)
        self._size += len(content)
        return content

    @property
    def content(self) -> Content:
        return Content(size=self._size, sha256=self._digest.hexdigest())


def _raise_own(*passages: _Passage) -> None:
    for passage in passages:
        if passage.error is not None:
            raise passage.error
