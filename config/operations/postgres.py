"""The only module that starts PostgreSQL's client programs."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.postgresql.client import DatabaseClient
from django.utils.translation import gettext as _

from config.redaction import redact

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
LOCK_WAIT = "30s"

_RESTORE_JOBS = 2
# Lets the server notice that the client of a long statement, such as the building of an index, has died.
_NOTICE_DEATH = "-c client_connection_check_interval=1s"
# An archive is restored by whoever is there: roles, grants and disk layout belong to a server.
_WITHOUT_ROLES = ("--no-owner", "--no-privileges", "--no-tablespaces")


class ProgramMissing(Exception):
    """A client program of the server's major version is not installed."""


class ProgramFailed(Exception):
    """A client program ended with an error; the message holds its own words."""


def run_program(
    name: str, *arguments: str, connection: DatabaseWrapper, application_name: str | None = None
) -> str:
    """Run pg_dump or a relative of it on the database of `connection` and return what it printed.

    It belongs to the major version of the server. A password goes by the environment, never by an argument.
    In pg_stat_activity it goes by its own name, unless another one is given.
    """
    variables = {"PGAPPNAME": application_name} if application_name else {}
    with _started_on(name, *arguments, connection=connection, variables=variables) as finish:
        return finish()


@contextlib.contextmanager
def dumping(*, connection: DatabaseWrapper, snapshot: str, file: Path) -> Iterator[Callable[[], str]]:
    """Start pg_dump of an exported snapshot into `file`; yield a function that waits for its end."""
    # A higher level costs several times the processor time for a tenth of the size; gzip has a checksum,
    # which the newer methods of pg_dump lack.
    options = ("--format=custom", "--compress=1", f"--snapshot={snapshot}", f"--file={file}")
    with _started_on("pg_dump", *options, connection=connection) as finish:
        yield finish


def restore_archive(*, connection: DatabaseWrapper, file: Path) -> None:
    """Restore into the empty database of `connection`, up to the first error, which is raised."""
    options = (f"--jobs={_RESTORE_JOBS}", "--exit-on-error", *_WITHOUT_ROLES, str(file))
    run_program("pg_restore", *options, connection=connection)


def read_archive(*, file: Path, major: int) -> None:
    """Decompress the whole archive, and raise ProgramFailed where it is damaged.

    `pg_restore --list` reads the table of contents only, and finds no damage at all.
    """
    program = find_program("pg_restore", major=major)
    with _started(program, f"--file={os.devnull}", str(file), variables={}) as finish:
        finish()


def program_version(name: str, *, major: int) -> str:
    """Return the version, such as 15.14, of a client program; ProgramMissing for another major version."""
    with _started(find_program(name, major=major), "--version", variables={}) as finish:
        found = re.search(r"\(PostgreSQL\) (\d+)(\S*)", finish())
    if found is None or int(found[1]) != major:
        raise _missing(name, major)
    return f"{found[1]}{found[2]}"


def find_program(name: str, *, major: int) -> Path:
    beside_server = DEBIAN_PROGRAMS / str(major) / "bin" / name
    found = str(beside_server) if beside_server.exists() else shutil.which(name)
    if found is None:
        raise _missing(name, major)
    return Path(found)


def _missing(name: str, major: int) -> ProgramMissing:
    sentence = _("%(name)s is missing. Type: apt-get install postgresql-client-%(major)d")
    return ProgramMissing(sentence % {"name": name, "major": major})


@contextlib.contextmanager
def _started_on(
    name: str,
    *arguments: str,
    connection: DatabaseWrapper,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Callable[[], str]]:
    program = find_program(name, major=connection.pg_version // 10_000)
    command, address_variables = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    *address, database = command[1:]
    patience = (f"--lock-wait-timeout={LOCK_WAIT}",) if name == "pg_dump" else ()
    options = (*address, f"--dbname={database}", "--no-password", *patience)
    variables = {**(address_variables or {}), **variables, "PGOPTIONS": _NOTICE_DEATH}
    with _started(program, *options, *arguments, variables=variables) as finish:
        yield finish


@contextlib.contextmanager
def _started(program: Path, *arguments: str, variables: Mapping[str, str]) -> Iterator[Callable[[], str]]:
    """Start a program that outlives neither the block nor, by whatever signal that ends, this process."""
    with subprocess.Popen(
        [*_dying_with_us(), str(program), *arguments],
        env={**os.environ, **variables, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # Control-C is for this process, which then ends its programs in order.
    ) as process:
        try:
            yield lambda: _finish(process, program.name)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _dying_with_us() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")  # Linux only.
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()


def _finish(process: subprocess.Popen[str], name: str) -> str:
    output, errors = process.communicate()
    if process.returncode != 0:
        words = redact(errors.strip()) or _("it ended with code %(code)d") % {"code": process.returncode}
        raise ProgramFailed(f"{name}: {words}")
    return output
