"""A scratch server to measure on, and wall and CPU seconds of what is done there."""

import ctypes
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from config.cluster import SCRATCH, Cluster, Profile, running
from config.env import BASE_DIR

_PR_SET_CHILD_SUBREAPER = 36


class Bench:
    """A scratch server and one database on it, which the commands of manage.py are led to."""

    def __init__(self, cluster: Cluster) -> None:
        password = cluster.password_file.read_text().strip().rpartition(":")[2]
        self.folder = cluster.folder.parent
        self.postmaster = int((cluster.data_directory / "postmaster.pid").read_text().split()[0])
        self.server = {"host": str(cluster.socket_directory), "user": cluster.user, "password": password}
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DB_HOST": self.server["host"],
            "DB_USERNAME": self.server["user"],
            "DB_PASSWORD": self.server["password"],
            "DB_NAME": "bench",
            "BACKUP_DIR": str(self.folder / "backups"),
            "MEDIA_ROOT": str(self.folder / "media"),
        }

    def manage(self, *arguments: str, **variables: str) -> str:
        finished = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE_DIR,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return finished.stdout

    def create_database(self, name: str = "bench") -> None:
        with psycopg.connect(**self.server, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name}")
            connection.execute(f"CREATE DATABASE {name}")

    def connect(self) -> psycopg.Connection:
        # The search path that config/databases.py gives to Django's connections.
        path = "-c search_path=public,extensions"
        return psycopg.connect(**self.server, dbname="bench", autocommit=True, options=path)

    def cpu(self) -> float:
        """Return the CPU seconds of the server and of every process that was ours and has ended."""
        return cpu_of_children() + cpu_of_server(self.postmaster)


@contextmanager
def scratch_bench(profile: Profile = SCRATCH) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        # The server's account has to get through; only the cluster's own folders are closed.
        Path(folder).chmod(0o711)
        with running(cluster=Cluster(profile=profile, folder=Path(folder) / "postgres")) as started:
            yield Bench(started.cluster)


def measure(work: Callable[[], object], cpu: Callable[[], float]) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    wall_before, cpu_before = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - wall_before, cpu() - cpu_before


def adopt_orphans() -> None:
    """Become the parent of servers that our children start and leave behind, so that they count as ours."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def cpu_of_children() -> float:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_of_process(pid: int, *, with_children: bool = False) -> float:
    """Return CPU seconds (proc(5): utime, stime, and those of the children that have ended, in ticks)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = fields[11:15] if with_children else fields[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def cpu_of_server(postmaster: int) -> float:
    total = cpu_of_process(postmaster, with_children=True)
    for pid in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
        with suppress(FileNotFoundError, ProcessLookupError):
            total += cpu_of_process(int(pid))
    return total


def peak_memory(bench: Bench, *arguments: str) -> int:
    """Return the most bytes that the process of a command had in memory, without the server's."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=bench.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return usage.ru_maxrss * 1024


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
