"""A throw-away cluster that disappears with the process that asked for it, even when that is killed.

A server that pg_ctl has started belongs to nobody. So a guardian, which is this module run as a program,
waits on a pipe whose other end dies with us, and then removes the cluster. It knows nothing of Django.
"""

import contextlib
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from config.cluster import SCRATCH, Cluster, ClusterError, remove_cluster, start_cluster

FOLDER = ".verification"
DATABASE = "restored"

_PROJECT = Path(__file__).resolve().parent.parent.parent
_DISMISSED = b"."
# What a client tells the server, wherever that is; certificates and the like belong to the real one.
_KEPT_OPTIONS = ("options", "connect_timeout")
# What a killed process had just started goes on for a while, and may write again what was removed.
_GUARDIAN_LOOKS = 120
_GUARDIAN_QUIET_LOOKS = 3
_GUARDIAN_PAUSE_SECONDS = 0.5


@contextlib.contextmanager
def scratch_cluster(*, folder: Path, major: int) -> Iterator[Cluster]:
    """Start a cluster with an empty database in `folder`, of which the caller holds the lock; remove it."""
    home = folder / FOLDER
    remove_leftovers(folder=folder)
    home.mkdir(mode=0o700, exist_ok=True)
    cluster = Cluster(profile=SCRATCH, folder=home / secrets.token_hex(4), major=major)
    try:
        with _guardian(cluster) as guardian:
            try:
                start_cluster(cluster=cluster, database=DATABASE)
            except ClusterError:
                _end(cluster, guardian)
                raise
            # Interrupted until here, something may just be starting: the guardian is left to it.
            try:
                yield cluster
            finally:
                _end(cluster, guardian)
    finally:
        _remove_if_empty(home)


def settings_of(*, cluster: Cluster, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return Django's settings of a database, leading to the throw-away cluster instead of where they say."""
    options = settings["OPTIONS"]
    return {
        **settings,
        "HOST": str(cluster.socket_directory),
        "PORT": cluster.port,
        "USER": cluster.user,
        # Not by the passfile, before which PGPASSWORD of this process would come.
        "PASSWORD": cluster.password_file.read_text(encoding="utf-8").strip().rpartition(":")[2],
        "NAME": DATABASE,
        "OPTIONS": {name: options[name] for name in _KEPT_OPTIONS if options.get(name) is not None},
    }


def remove_leftovers(*, folder: Path) -> None:
    """Remove the clusters whose guardian was killed, too."""
    home = folder / FOLDER
    for leftover in sorted(home.glob("*")):
        if leftover.suffix != ".lock":
            remove_cluster(cluster=Cluster(profile=SCRATCH, folder=leftover))
    for lock_file in home.glob("*.lock"):
        lock_file.unlink(missing_ok=True)
    _remove_if_empty(home)


def _end(cluster: Cluster, guardian: "subprocess.Popen[bytes]") -> None:
    remove_cluster(cluster=cluster)
    guardian.communicate(_DISMISSED)


def _guardian(cluster: Cluster) -> "subprocess.Popen[bytes]":
    """Start the guardian; as a context, it is waited for, and undismissed it does its work first."""
    command = [sys.executable, "-m", "config.operations.scratch_cluster", str(cluster.folder)]
    return subprocess.Popen(
        command,
        cwd=_PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Whatever ends our group must not end the guardian.
    )


def _watch(folder: Path) -> None:
    if sys.stdin.buffer.read(1) == _DISMISSED:
        return
    quiet = 0
    for _look in range(_GUARDIAN_LOOKS):
        quiet = 0 if folder.exists() else quiet + 1
        if quiet == _GUARDIAN_QUIET_LOOKS:
            break
        if folder.parent.exists():
            with contextlib.suppress(ClusterError):
                remove_cluster(cluster=Cluster(profile=SCRATCH, folder=folder))
        time.sleep(_GUARDIAN_PAUSE_SECONDS)
    _remove_if_empty(folder.parent)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))
