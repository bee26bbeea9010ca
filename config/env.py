"""Reads the variables of one environment and refuses, by name, what is missing or not understood."""

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from config.catalogue import translate

BASE_DIR = Path(__file__).resolve().parent.parent

_REFERENCE = re.compile(r"\$\{(\w+)\}")
_BOOLEANS = {"true": True, "false": False}
_DATABASE_SCHEMES = frozenset({"postgres", "postgresql"})
# Passwords that installers, tutorials and example files leave behind.
_DEFAULT_PASSWORDS = frozenset(
    {"admin", "changeme", "change-me", "default", "example", "password", "postgres", "root", "secret", "test"}
)


class MissingVariable(ImproperlyConfigured):
    """A variable without a default is neither in the process nor in the environment's file."""


class InvalidVariable(ImproperlyConfigured):
    """A variable has a value that this project does not accept."""


class Environment:
    """The variables of one environment: the process's own win over those of `.env.<name>`.

    In the file `${NAME}` means: the value comes from the process's NAME, and is missing without it.
    """

    def __init__(
        self, name: str, *, folder: Path = BASE_DIR, process: Mapping[str, str] = os.environ
    ) -> None:
        self.name = name
        self.file = folder / f".env.{name}"
        self._values = {**_read_file(self.file, process=process), **process}

    def text(self, name: str, default: str | None = None) -> str:
        value = self._values.get(name, "")
        if value:
            return value
        if default is None:
            raise MissingVariable(
                translate("%(variable)s is missing. Set it in the environment or in %(file)s.")
                % {"variable": name, "file": self.file.name}
            )
        return default

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

    def port(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not (value.isascii() and value.isdigit() and 0 < int(value) < 65536):
            raise InvalidVariable(
                translate("%(variable)s must be a port number from 1 to 65535, not “%(value)s”.")
                % {"variable": name, "value": value}
            )
        return value

    def identifier(self, name: str, default: str) -> str:
        """Return a name that PostgreSQL takes as it is, without quotes."""
        value = self.text(name, default)
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", value):
            raise InvalidVariable(
                translate("%(variable)s must be a lower-case name such as parish_budget, not “%(value)s”.")
                % {"variable": name, "value": value}
            )
        return value

    def secret(self, name: str, *, shortest: int) -> str:
        """Return a secret of at least `shortest` characters that is nobody's default."""
        value = self.text(name)
        self.refuse_weak_secret(name, value, shortest=shortest)
        return value

    def refuse_weak_secret(self, name: str, value: str, *, shortest: int) -> None:
        if value.lower() in _DEFAULT_PASSWORDS or "insecure" in value.lower() or len(value) < shortest:
            raise InvalidVariable(
                translate(
                    "%(variable)s is a default or too short for %(environment)s. "
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
        return settings


def _read_file(path: Path, *, process: Mapping[str, str]) -> dict[str, str]:
    if not path.exists():
        return {}
    content = path.read_text(encoding="utf-8")
    _refuse_malformed_lines(content, path=path)

    class File(environ.Env):  # type: ignore[misc]  # it publishes no types
        # Otherwise django-environ fills os.environ, and with it every child process.
        ENVIRON: dict[str, str] = {}

    File.read_env(io.StringIO(content))
    return {name: _resolve(value, process=process) for name, value in File.ENVIRON.items()}


def _refuse_malformed_lines(content: str, *, path: Path) -> None:
    for number, line in enumerate(content.splitlines(), start=1):
        if line and not line.startswith("#") and not re.match(r"(?:export )?\w+=", line):
            raise InvalidVariable(
                translate("Line %(number)d of %(file)s is not of the form NAME=value.")
                % {"number": number, "file": path.name}
            )


def _resolve(value: str, *, process: Mapping[str, str]) -> str:
    reference = _REFERENCE.fullmatch(value)
    return process.get(reference[1], "") if reference else value
