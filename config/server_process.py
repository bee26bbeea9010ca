"""Finds the process that serves a PostgreSQL data directory."""

import os
from pathlib import Path


def server_pid(*, data_directory: Path) -> int | None:
    """Return the server's process number; after a crash that number may belong to another program."""
    data = data_directory.resolve()
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        process = Path(f"/proc/{pid}")
        name = (process / "comm").read_text(encoding="utf-8").strip()
        return pid if name == "postgres" and _served_directory(process) == data else None
    except (FileNotFoundError, ProcessLookupError, ValueError, IndexError):
        return None


def _served_directory(process: Path) -> Path:
    try:
        return (process / "cwd").readlink()  # Right even when the folder has been renamed.
    except PermissionError:  # Some containers hide it from root.
        arguments = (process / "cmdline").read_bytes().split(b"\0")
        return Path(os.fsdecode(arguments[arguments.index(b"-D") + 1]))
