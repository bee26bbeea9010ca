"""Every test below is a sweep for `make faults`, and left out of `make test`."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture
def disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("Only root can mount a file system.")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("This container may not mount a file system.")
    folder.chmod(0o755)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
