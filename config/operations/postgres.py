"""The only module that starts PostgreSQL's client programs."""

import os
import shutil
import subprocess
from pathlib import Path

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.postgresql.client import DatabaseClient
from django.utils.translation import gettext as _

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")


class ProgramMissing(Exception):
    """A client program of the server's major version is not installed."""


class ProgramFailed(Exception):
    """A client program ended with an error; the message holds its own words."""


def run_program(name: str, *arguments: str, connection: DatabaseWrapper) -> str:
    """Run pg_dump or a relative of it on the database of `connection` and return what it printed.

    It belongs to the major version of the server. A password goes by the environment, never by an argument.
    """
    program = find_program(name, major=connection.pg_version // 10_000)
    command, variables = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    finished = subprocess.run(
        [str(program), *arguments, *command[1:]],
        env={**os.environ, **(variables or {}), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise ProgramFailed(f"{name}: {finished.stderr.strip()}")
    return finished.stdout


def find_program(name: str, *, major: int) -> Path:
    beside_server = DEBIAN_PROGRAMS / str(major) / "bin" / name
    found = str(beside_server) if beside_server.exists() else shutil.which(name)
    if found is None:
        raise ProgramMissing(
            _("%(name)s is missing. Type: apt-get install postgresql-client-%(major)d")
            % {"name": name, "major": major}
        )
    return Path(found)
