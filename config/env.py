"""Reads the variables of one environment and refuses, by name, what is missing or not understood."""

import io
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import environ
import pyrage
from django.core.exceptions import ImproperlyConfigured

from config.catalogue import translate, use_language_of_file

BASE_DIR = Path(__file__).resolve().parent.parent

_REFERENCE = re.compile(r"\$\{(\w+)\}")
# No “*” and no lone dot, which Django takes for every host, and no port or scheme, which it never matches.
_HOST = re.compile(r"\[[0-9a-f:.]+\]|\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.IGNORECASE)
_BOOLEANS = {"true": True, "false": False}
_DATABASE_SCHEMES = frozenset({"postgres", "postgresql"})
# What installers, tutorials and example files leave behind, without digits and separators.
_DEFAULT_WORDS = frozenset(
    {"admin", "changeme", "default", "example", "password", "postgres", "qwerty", "root", "secret", "test"}
)
_DIGITS_AND_SEPARATORS = re.compile(r"[\s\d_.,:;/+-]+")
_FEWEST_DIFFERENT_CHARACTERS = 5  # Django's own limit, security.W009
_SHORTEST_NAME = 3  # A shorter one is part of many a random password.


class MissingVariable(ImproperlyConfigured):
    """A variable without a default is neither in the process nor in the environment's file."""


class InvalidVariable(ImproperlyConfigured):
    """A variable has a value that this project does not accept."""


class Environment:
    """The variables of one environment: the process's own win over those of `.env.<name>`.

    In the file `${NAME}` means: this part of the value comes from the process's NAME; without that the whole
    value is missing. Sentences are in the file's LANGUAGE_CODE from now on, unless the process names one.
    """

    def __init__(
        self, name: str, *, folder: Path = BASE_DIR, process: Mapping[str, str] = os.environ
    ) -> None:
        self.name = name
        self.file = folder / f".env.{name}"
        values = _read_file(self.file, process=process)
        use_language_of_file(values.get("LANGUAGE_CODE", ""))
        self._overruled = tuple(
            sorted(name for name in values if process.get(name, values[name]) != values[name])
        )
        self._values = {**values, **process}

    def overruled(self) -> tuple[str, ...]:
        """Return the names of what the file sets and the process sets otherwise."""
        return self._overruled

    def text(self, name: str, default: str | None = None) -> str:
        value = self._values.get(name, "")
        if _REFERENCE.search(value):
            # Without the value, which may hold more than the reference.
            raise InvalidVariable(
                translate(
                    "%(variable)s holds a ${NAME} that nothing has replaced. "
                    "Set the value itself; references belong in %(file)s only."
                )
                % {"variable": name, "file": self.file.name}
            )
        if not value and default is None:
            raise self._missing(name)
        return value or default or ""

    def _missing(self, name: str) -> MissingVariable:
        return MissingVariable(
            translate("%(variable)s is missing. Set it in the environment or in %(file)s.")
            % {"variable": name, "file": self.file.name}
        )

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.text(name, str(default))
        if value.lower() not in _BOOLEANS:
            raise InvalidVariable(
                translate("%(variable)s must be true or false, not “%(value)s”.")
                % {"variable": name, "value": value}
            )
        return _BOOLEANS[value.lower()]

    def words(self, name: str, default: str | None = None) -> list[str]:
        """Return the comma-separated words of a variable."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def hosts(self, name: str) -> list[str]:
        """Return one or more host names, each meant for itself or, with a dot before it, for all below it."""
        hosts = self.words(name)
        if not hosts:
            raise self._missing(name)
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise InvalidVariable(
                    translate(
                        "%(variable)s must list host names such as budget.example.org, not “%(value)s”."
                    )
                    % {"variable": name, "value": host}
                )
        return hosts

    def public_keys(self, name: str) -> list[str]:
        """Return age public keys. Nothing of a word that is none is repeated: it may be the private key."""
        words = self.words(name, "")
        for number, word in enumerate(words, start=1):
            try:
                pyrage.x25519.Recipient.from_str(word)
            except pyrage.RecipientError:
                raise InvalidVariable(
                    translate(
                        "%(variable)s must list age public keys (age1…), separated by commas; "
                        "word %(number)d is none. A private key must never be there."
                    )
                    % {"variable": name, "number": number}
                ) from None
        return words

    def choice(self, name: str, *, among: Sequence[str]) -> str:
        """Return one word of `among`, whose first is the default."""
        value = self.text(name, among[0])
        if value not in among:
            raise InvalidVariable(
                translate("%(variable)s must be one of these: %(choices)s. It is “%(value)s”.")
                % {"variable": name, "choices": ", ".join(among), "value": value}
            )
        return value

    def whole_number(self, name: str, default: int) -> int:
        """Return a number of 1 or more."""
        value = self.text(name, str(default))
        if not (value.isascii() and value.isdigit() and int(value) > 0):
            raise InvalidVariable(
                translate("%(variable)s must be a whole number above 0, not “%(value)s”.")
                % {"variable": name, "value": value}
            )
        return int(value)

    def count(self, name: str) -> int:
        """Return a number of 1 or more, or 0 for what is not set."""
        return self.whole_number(name, 1) if self.text(name, "") else 0

    def port(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not (value.isascii() and value.isdigit() and 0 < int(value) < 65536):
            raise InvalidVariable(
                translate("%(variable)s must be a port number from 1 to 65535, not “%(value)s”.")
                % {"variable": name, "value": value}
            )
        return value

    def identifier(self, name: str, default: str) -> str:
        """Return a name that PostgreSQL takes as it is, without quotes, and does not keep for itself."""
        value = self.text(name, default)
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", value):
            raise InvalidVariable(
                translate("%(variable)s must be a lower-case name such as parish_budget, not “%(value)s”.")
                % {"variable": name, "value": value}
            )
        if value.startswith("pg_") or value == "information_schema":
            raise InvalidVariable(
                translate(
                    "%(variable)s must not be “%(value)s”: PostgreSQL keeps information_schema and every "
                    "name that starts with pg_ for itself. Choose a name such as parish_budget."
                )
                % {"variable": name, "value": value}
            )
        return value

    def secret(self, name: str, *, shortest: int) -> str:
        """Return a secret of at least `shortest` characters that is nobody's default."""
        value = self.text(name)
        self.refuse_weak_secret(name, value, shortest=shortest)
        return value

    def refuse_weak_secret(
        self, name: str, value: str, *, shortest: int, known_names: Sequence[str] = ()
    ) -> None:
        """Raise InvalidVariable for what is short or guessed soon, as from the `known_names` of other things.

        The message begins with `name`: a variable, or a few words about a part of one.
        """
        if len(value) < shortest or _is_guessable(value, known_names=known_names):
            raise InvalidVariable(
                translate(
                    "%(variable)s is too short or too easy to guess for %(environment)s. "
                    "Set a random value of at least %(length)d characters."
                )
                % {"variable": name, "environment": self.name, "length": shortest}
            )

    def database_url(self, name: str) -> dict[str, Any] | None:
        """Return Django's database settings for the address in `name`, or None when it is not set."""
        url = self.text(name, "")
        if not url:
            return None
        try:
            # The scheme first: for another one django-environ prints the address in a warning.
            if url.partition("://")[0] not in _DATABASE_SCHEMES:
                raise ValueError(name)
            settings: dict[str, Any] = environ.Env.db_url_config(url)
        except ValueError:
            # The address itself may hold a password, so neither it nor its parser's error is repeated.
            raise InvalidVariable(
                translate(
                    "%(variable)s must be the address of a PostgreSQL server: postgres://user@host/name."
                )
                % {"variable": name}
            ) from None
        if not settings["NAME"]:
            raise MissingVariable(
                translate(
                    "%(variable)s names no database. Add its name after the server: postgres://user@host/name."
                )
                % {"variable": name}
            )
        return settings


def _is_guessable(value: str, *, known_names: Sequence[str]) -> bool:
    if "insecure" in value.lower() or len(set(value)) < _FEWEST_DIFFERENT_CHARACTERS:
        return True
    names = {_letters(name) for name in known_names}
    words = _DEFAULT_WORDS | {name for name in names if len(name) >= _SHORTEST_NAME}
    # The longest first, so that no word leaves the rest of another behind.
    alternatives = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    rest, found = re.subn(alternatives, "", _letters(value))
    return not rest or (found > 0 and len(set(rest)) < _FEWEST_DIFFERENT_CHARACTERS)


def _letters(text: str) -> str:
    return _DIGITS_AND_SEPARATORS.sub("", text.lower())


def _read_file(path: Path, *, process: Mapping[str, str]) -> dict[str, str]:
    content = _content(path)
    _refuse_malformed_lines(content, path=path)

    class File(environ.Env):  # type: ignore[misc]  # it publishes no types
        # Otherwise django-environ fills os.environ, and with it every child process.
        ENVIRON: dict[str, str] = {}

    File.read_env(io.StringIO(content))
    return {name: _resolve(value, process=process) for name, value in File.ENVIRON.items()}


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        # Its own message quotes the file.
        raise InvalidVariable(
            translate("%(file)s is not UTF-8. Save it in that encoding.") % {"file": path.name}
        ) from None
    except OSError as error:
        raise InvalidVariable(
            translate("%(file)s cannot be read (%(reason)s). It must be a file that this user may read.")
            % {"file": path.name, "reason": error.strerror}
        ) from error


def _refuse_malformed_lines(content: str, *, path: Path) -> None:
    for number, line in enumerate(content.splitlines(), start=1):
        if line and not line.startswith("#") and not re.match(r"(?:export )?\w+=", line):
            raise InvalidVariable(
                translate("Line %(number)d of %(file)s is not of the form NAME=value.")
                % {"number": number, "file": path.name}
            )


def _resolve(value: str, *, process: Mapping[str, str]) -> str:
    """Return `value` with every reference replaced, or nothing when one of them refers to nothing."""
    if not all(process.get(name) for name in _REFERENCE.findall(value)):
        return ""
    return _REFERENCE.sub(lambda reference: process[reference[1]], value)
