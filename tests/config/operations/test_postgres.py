"""The programs of PostgreSQL, and what becomes of them when we end."""

import os
import signal
import subprocess
import sys

from django.db import connection

from config.operations.postgres import find_program
from tests.config.operations.backup_sources import eventually, processes
from tests.config.servers import PROJECT, environment

READ_FOR_EVER = """
from pathlib import Path
from config.operations import postgres
postgres.DEBIAN_PROGRAMS = Path("nowhere")
postgres.read_archive(file=Path("{archive}"), major=15)
"""


class TestReadArchive:
    def test_dies_with_the_process_that_asked_for_it(self, tmp_path):
        program, ready = tmp_path / "pg_restore", tmp_path / "ready"
        os.mkfifo(ready)
        program.write_text(f"#!/bin/sh\necho >{ready}\nread never <{ready}\n")
        program.chmod(0o755)
        variables = environment(PATH=f"{tmp_path}:/usr/bin:/bin")

        with subprocess.Popen(
            [sys.executable, "-c", READ_FOR_EVER.format(archive=tmp_path / "data.dump")],
            cwd=PROJECT,
            env=variables,
        ) as process:
            ready.read_text()
            process.send_signal(signal.SIGKILL)

        assert eventually(lambda: processes(tmp_path / "data.dump") == [])


class TestFindProgram:
    def test_takes_the_one_of_the_major_version_of_the_server(self, db):
        major = connection.pg_version // 10_000

        version = subprocess.run(
            [find_program("pg_dump", major=major), "--version"], capture_output=True, text=True, check=True
        )

        assert f" {major}." in version.stdout
