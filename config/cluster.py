"""A private PostgreSQL server that lives in one folder and listens on a Unix socket only.

Importing this module reads nothing and connects to nothing: settings only need to know where a cluster
would be. PostgreSQL refuses to run as root, so for root the server runs as `postgres` if that account can
reach the folder, else as root seen as an ordinary user inside a user namespace, else as `postgres` in a
folder of /var/tmp. The rights of the folders above are never changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from config.catalogue import translate
from config.server_process import server_pid

OLDEST_MAJOR = 15
DEBIAN_SERVERS = Path("/usr/lib/postgresql")
SHORT_FOLDER = Path("/tmp")  # noqa: S108 - what is made there is checked to be ours and closed to others
PERSISTENT_FOLDER = Path("/var/tmp")  # noqa: S108 - the same
LONGEST_SOCKET_PATH = 90  # The kernel's limit is 107 bytes; a client may reach the folder by a longer name.
PATIENCE_SECONDS = 60

_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
_MARKER = "parish_budget_profile"


class ClusterError(Exception):
    """A sentence for the person at the terminal: the cause and the next command."""


class MissingPrograms(ClusterError):
    """The PostgreSQL server that is needed is not installed."""


class UnableToStart(ClusterError):
    """The server did not start, or what is in the folder must not be started."""


class UnableToStop(ClusterError):
    """The server is still running, or its data could not be removed."""


class RefusedToRemove(ClusterError):
    """The data is not marked as throw-away."""


@dataclass(frozen=True)
class Profile:
    """What a cluster may risk for speed; a throw-away one may lose everything in a power cut."""

    name: str
    settings: Mapping[str, str]
    throwaway: bool

    @property
    def kind(self) -> str:
        return "throw-away" if self.throwaway else "durable"


# Without waiting for the disk at each commit the newest half second may be lost, but nothing is damaged.
_SAFE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "off"}
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}
_FAST |= {"max_wal_size": "8GB", "wal_level": "minimal", "max_wal_senders": "0"}

DEVELOPMENT = Profile(name="development", settings=MappingProxyType(_SAFE), throwaway=False)
TEST = Profile(name="test", settings=MappingProxyType(_FAST), throwaway=True)
SCRATCH = Profile(name="scratch", settings=MappingProxyType(_FAST), throwaway=True)


@dataclass(frozen=True)
class Cluster:
    """Where a cluster of one profile is, whether it exists yet or not."""

    profile: Profile
    folder: Path
    user: str = "postgres"
    port: str = "5432"  # Only a part of the socket's name: no TCP port is opened.
    major: int | None = None  # The version to create it with; None is the newest that is installed.

    @property
    def data_directory(self) -> Path:
        return self.folder / "data"

    @property
    def socket_directory(self) -> Path:
        inside = self.folder / "socket"
        is_short = len(os.fsencode(inside / f".s.PGSQL.{self.port}.lock")) <= LONGEST_SOCKET_PATH
        if is_short and "," not in str(inside):  # A comma would separate two hosts.
            return inside
        return SHORT_FOLDER / f"parish-budget-{_digest(self.folder)}-{os.geteuid()}"

    @property
    def password_file(self) -> Path:
        """A libpq passfile. It is part of the data directory, so that neither exists without the other."""
        return self.data_directory / "client-password"

    @property
    def log_file(self) -> Path:
        return self.data_directory / "server.log"

    @property
    def lock_file(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.lock")


@dataclass(frozen=True)
class ClusterStatus:
    """`pid` is the server's process number, None unless it is running."""

    state: Literal["absent", "stopped", "running"]
    cluster: Cluster
    pid: int | None


@dataclass(frozen=True)
class StartedCluster:
    """What `start_cluster` found and did."""

    outcome: Literal["created", "started", "already running"]
    cluster: Cluster
    pid: int | None


@dataclass(frozen=True)
class Programs:
    """The folder with initdb, pg_ctl and their companions of one major version."""

    folder: Path
    major: int


def start_cluster(*, cluster: Cluster, database: str | None = None) -> StartedCluster:
    """Start the server and wait until it answers; create the cluster, and `database` in it, when missing.

    Several processes may do this at once: one works, the others wait and find it running.
    """
    with _locked(cluster, UnableToStart):
        started = _start(cluster)
        if database is not None:
            _create_database(cluster, database)
        return started


def stop_cluster(*, cluster: Cluster) -> ClusterStatus:
    """Disconnect every client, stop the server and wait for its end. Returns what it was before."""
    before = cluster_status(cluster=cluster)
    if before.state != "absent":
        with _locked(cluster, UnableToStop):
            _stop(cluster)
    return before


def remove_cluster(*, cluster: Cluster) -> ClusterStatus:
    """Stop a throw-away cluster and delete its data; RefusedToRemove for any other. Returns what it was."""
    before = cluster_status(cluster=cluster)
    is_throwaway = before.state == "absent" or _marker(cluster) == SCRATCH.kind
    if not (cluster.profile.throwaway and is_throwaway):
        sentence = translate("%(folder)s holds data to keep; only throw-away clusters can be removed.")
        raise RefusedToRemove(sentence % {"folder": cluster.data_directory})
    with _locked(cluster, UnableToStop):
        _stop(cluster)
        _delete(cluster)
    return before


def cluster_status(*, cluster: Cluster) -> ClusterStatus:
    with _explained(cluster, ClusterError):
        pid = server_pid(data_directory=cluster.data_directory)
        stopped: Literal["stopped", "absent"] = "stopped" if cluster.data_directory.exists() else "absent"
        return ClusterStatus(state="running" if pid else stopped, cluster=cluster, pid=pid)


@contextlib.contextmanager
def running(*, cluster: Cluster) -> Iterator[StartedCluster]:
    """Start the cluster, and afterwards stop it again; a throw-away one is removed."""
    started = start_cluster(cluster=cluster)
    try:
        yield started
    finally:
        end = remove_cluster if cluster.profile.throwaway else stop_cluster
        end(cluster=cluster)


def find_programs(*, major: int | None = None) -> Programs:
    """Return the newest installed server that is new enough, or the one of `major`."""
    usable = [programs for programs in _installed() if programs.major >= OLDEST_MAJOR]
    wanted = [programs for programs in usable if major in (None, programs.major)]
    if wanted:
        return max(wanted, key=lambda programs: programs.major)
    if major is None:
        sentence = translate(
            "No PostgreSQL server of version %(oldest)d or newer was found.\n→ Type: make demo"
        )
        raise MissingPrograms(sentence % {"oldest": OLDEST_MAJOR})
    sentence = translate("PostgreSQL %(major)d, which the data need, is missing.\n→ Type: %(command)s")
    raise MissingPrograms(sentence % {"major": major, "command": f"apt-get install postgresql-{major}"})


def _installed() -> Iterator[Programs]:
    elsewhere = shutil.which("initdb")
    folders = [*DEBIAN_SERVERS.glob("*/bin"), *([Path(elsewhere).resolve().parent] if elsewhere else [])]
    for folder in folders:
        with contextlib.suppress(OSError):  # A version that is not wholly installed.
            answer = _run(folder / "postgres", "--version").stdout
            if version := re.search(r"\(PostgreSQL\) (\d+)", answer):
                yield Programs(folder=folder, major=int(version[1]))


@dataclass(frozen=True)
class _Account:
    """Who the server runs as; by default this process's own user."""

    user: int | None = None
    group: int | None = None
    namespace: bool = False

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program with nothing of the caller's: no variables, no folder, no terminal."""
        options: dict[str, Any] = {"cwd": "/", "umask": 0o077}
        if self.user is not None:
            options |= {"user": self.user, "group": self.group, "extra_groups": []}
        return _run(*(_NAMESPACE if self.namespace else ()), *command, start_new_session=True, **options)

    def reaches(self, folder: Path) -> bool:
        try:
            return self.run("test", "-x", folder).returncode == 0
        except (OSError, subprocess.SubprocessError):  # This root may not change users, or has no `unshare`.
            return False

    def own(self, path: Path) -> None:
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group, follow_symlinks=False)

    def write(self, path: Path, text: str) -> None:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        self.own(path)


def _run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    # In the language C an answer such as "already exists" can be recognised.
    variables = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **options.pop("variables", {})}
    options |= {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "errors": "replace"}
    return subprocess.run(command, check=False, env=variables, **options)


def _account(cluster: Cluster) -> _Account:
    """Return who can run the server in the cluster's folder, after making the folder."""
    folder = cluster.folder
    if folder.is_symlink() and not folder.exists():  # What it led to in /var/tmp is gone.
        folder.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return _Account()
    able = _first_able(cluster)
    if able is None and not cluster.data_directory.exists():
        _relocate(folder)
        able = _first_able(cluster)
    if able is None:
        sentence = translate("%(folder)s is out of reach for its owner.\n→ Type: chown -R root: %(folder)s")
        raise UnableToStart(sentence % {"folder": folder.resolve()})
    return able


def _first_able(cluster: Cluster) -> _Account | None:
    return next((one for one in _accounts(cluster) if one.reaches(cluster.folder.resolve())), None)


def _accounts(cluster: Cluster) -> Iterator[_Account]:
    """Data that exists can only be served by its owner; new data belongs to whoever can."""
    if cluster.data_directory.exists():
        owner = cluster.data_directory.stat()
        yield _Account(namespace=True) if owner.st_uid == 0 else _Account(owner.st_uid, owner.st_gid)
        return
    with contextlib.suppress(KeyError):
        postgres = pwd.getpwnam("postgres")
        yield _Account(postgres.pw_uid, postgres.pw_gid)
    yield _Account(namespace=True)


def _relocate(folder: Path) -> None:
    """Put the folder where every account can go and leave a link to it."""
    target = PERSISTENT_FOLDER / f"parish-budget-{_digest(folder)}"
    target.mkdir(exist_ok=True)
    _refuse_directory_of_others(target)
    target.chmod(0o711)
    folder.rmdir()
    folder.symlink_to(target)


def _start(cluster: Cluster) -> StartedCluster:
    created = not cluster.data_directory.exists()
    if created:
        shutil.rmtree(_partial(cluster), ignore_errors=True)
    else:
        _refuse_foreign_data(cluster)
    account = _account(cluster)
    if created:
        _create(cluster, account)
    pid = server_pid(data_directory=cluster.data_directory)
    if pid is not None and (cluster.socket_directory / f".s.PGSQL.{cluster.port}").exists():
        return StartedCluster(outcome="already running", cluster=cluster, pid=pid)
    _stop(cluster)  # Somebody has cleaned its socket away.
    _launch(cluster, account)
    pid = server_pid(data_directory=cluster.data_directory)
    return StartedCluster(outcome="created" if created else "started", cluster=cluster, pid=pid)


def _create(cluster: Cluster, account: _Account) -> None:
    """Make the data directory under another name, so that a half-made one is never taken for a cluster."""
    _refuse_unusual_folder(cluster)
    initdb = find_programs(major=cluster.major).folder / "initdb"
    partial, initial = _partial(cluster), _initial_password(cluster)
    password = secrets.token_urlsafe(24)
    partial.mkdir(mode=0o700)
    account.own(partial)
    try:
        account.write(initial, password)
        made = account.run(initdb, f"--pgdata={partial}", f"--pwfile={initial}", *_creation_options(cluster))
    finally:
        initial.unlink(missing_ok=True)
    if made.returncode != 0:
        sentence = translate("The cluster in %(folder)s could not be created:\n%(reason)s")
        raise UnableToStart(sentence % {"folder": cluster.folder, "reason": made.stderr.strip()})
    account.write(partial / cluster.password_file.name, f"*:*:*:*:{password}\n")
    account.write(partial / _MARKER, cluster.profile.kind)
    partial.rename(partial.with_name(cluster.data_directory.name))


def _creation_options(cluster: Cluster) -> list[str]:
    # The locale is the C library's, also where a newer server has its own C.UTF-8, because pg_trgm asks the
    # C library which characters are letters, and would find none in Korean under C.
    options = ["--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"]
    options += [f"--username={cluster.user}", "--auth=scram-sha-256"]
    return [*options, "--no-sync"] if cluster.profile.throwaway else options


def _launch(cluster: Cluster, account: _Account) -> None:
    _make_socket_directory(cluster, account)
    account.write(cluster.data_directory / "postgresql.conf", _configuration(cluster))
    log = cluster.log_file.resolve()
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    started = _control(cluster, account, "start", f"--log={log}")
    if started.returncode != 0:
        reason = log.read_text("utf-8", "replace") if log.exists() else started.stderr
        sentence = translate(
            "PostgreSQL did not start. The end of %(file)s:\n%(reason)s\n→ Mend the cause, then try again."
        )
        tail = "\n".join(reason.strip().splitlines()[-10:])
        raise UnableToStart(sentence % {"file": cluster.log_file, "reason": tail})


def _stop(cluster: Cluster) -> None:
    """Stop the server if it runs; forget it if its process number now belongs to another program."""
    if server_pid(data_directory=cluster.data_directory) is None:
        (cluster.data_directory / "postmaster.pid").unlink(missing_ok=True)
        return
    stopped = _control(cluster, _account(cluster), "stop", "--mode=fast")
    if stopped.returncode != 0:
        sentence = translate("PostgreSQL in %(folder)s did not stop:\n%(reason)s")
        raise UnableToStop(sentence % {"folder": cluster.folder, "reason": stopped.stderr.strip()})


def _control(cluster: Cluster, account: _Account, *order: str) -> subprocess.CompletedProcess[str]:
    data = cluster.data_directory.resolve()
    programs = find_programs(major=int((data / "PG_VERSION").read_text(encoding="utf-8")))
    options = ("--pgdata", data, "--wait", "--timeout", str(PATIENCE_SECONDS), "--silent")
    return account.run(programs.folder / "pg_ctl", *order, *options)


def _make_socket_directory(cluster: Cluster, account: _Account) -> None:
    directory = cluster.socket_directory
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.parent == SHORT_FOLDER:
        _refuse_directory_of_others(directory, account.user)
    directory.chmod(0o700)
    account.own(directory)
    for leftover in directory.glob(".s.PGSQL.*"):  # Its lock names a process number too.
        leftover.unlink()


def _refuse_directory_of_others(directory: Path, *accounts: int | None) -> None:
    """Where everybody may write, somebody else may have been there first."""
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), *accounts}:
        sentence = translate("%(folder)s belongs to somebody else.\n→ Remove it, then start again.")
        raise UnableToStart(sentence % {"folder": directory})


def _configuration(cluster: Cluster) -> str:
    settings = {"unix_socket_directories": f'"{cluster.socket_directory.resolve()}"', "port": cluster.port}
    settings |= {"listen_addresses": "", "lc_messages": "C", **cluster.profile.settings}
    return "".join("{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in settings.items())


def _create_database(cluster: Cluster, name: str) -> None:
    createdb = find_programs().folder / "createdb"
    address = ("-h", cluster.socket_directory, "-p", cluster.port, "-U", cluster.user)
    created = _run(createdb, *address, name, variables={"PGPASSFILE": str(cluster.password_file)})
    if created.returncode != 0 and "already exists" not in created.stderr:
        sentence = translate("The database %(name)s could not be created:\n%(reason)s")
        raise UnableToStart(sentence % {"name": name, "reason": created.stderr.strip()})


@contextlib.contextmanager
def _locked(cluster: Cluster, failure: type[ClusterError]) -> Iterator[None]:
    """Wait until nobody else starts, stops or removes this cluster; the lock ends with its process."""
    with _explained(cluster, failure):
        cluster.lock_file.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with cluster.lock_file.open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file.fileno()).st_nlink:  # Otherwise removed, with its cluster, while we waited.
                    yield
                    return


def _delete(cluster: Cluster) -> None:
    home = cluster.folder.resolve()
    for directory in (home / cluster.data_directory.name, _partial(cluster), cluster.socket_directory):
        if directory.exists():
            shutil.rmtree(directory)
    _initial_password(cluster).unlink(missing_ok=True)  # Of one that was killed while it was being made.
    with contextlib.suppress(OSError):  # Somebody keeps other files there, or it is not there.
        home.rmdir()
        if cluster.folder.is_symlink():
            cluster.folder.unlink()
    cluster.lock_file.unlink()


def _partial(cluster: Cluster) -> Path:
    return cluster.folder.resolve() / "data.partial"


def _initial_password(cluster: Cluster) -> Path:
    return cluster.folder.resolve() / "initial-password"


def _marker(cluster: Cluster) -> str | None:
    try:
        return (cluster.data_directory / _MARKER).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _refuse_foreign_data(cluster: Cluster) -> None:
    names = {"folder": cluster.data_directory, "kind": cluster.profile.kind, "found": _marker(cluster)}
    if names["found"] != names["kind"]:
        sentence = translate("%(folder)s is not marked as %(kind)s but as %(found)s.\n→ Use another folder.")
        raise UnableToStart(sentence % names)


def _refuse_unusual_folder(cluster: Cluster) -> None:
    # pg_ctl starts the server through a shell, with the folder's name inside double quotes.
    if re.search(r'["$`\\\n]', str(cluster.folder.resolve())):
        sentence = translate(
            '%(folder)s has one of the characters " $ ` \\ in its name.\n→ Use another folder.'
        )
        raise UnableToStart(sentence % {"folder": cluster.folder})


@contextlib.contextmanager
def _explained(cluster: Cluster, failure: type[ClusterError]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        sentence = translate("%(folder)s cannot be used: %(reason)s\n→ Run this as its owner, or remove it.")
        raise failure(sentence % {"folder": cluster.folder, "reason": error}) from error


def _digest(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
