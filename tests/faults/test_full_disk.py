"""A disk that fills up in the middle of a restore: a real one, of memory."""

import shutil

from config.cluster import SCRATCH, Cluster, running, start_cluster
from tests.config.operations.backup_sources import CONTENT
from tests.config.servers import execute, manage, variables_of

MORE = "INSERT INTO without_a_key SELECT repeat(md5(n::text), 8) FROM generate_series(1, 200000) AS n"
TOO_LITTLE = 40_000_000  # bytes, of the 70 MB that the restored database needs


def test_a_full_disk_changes_nothing_and_the_next_restore_works(disk, tmp_path):
    with running(cluster=Cluster(profile=SCRATCH, folder=disk / "server")) as server:
        cluster = server.cluster
        start_cluster(cluster=cluster, database="live")
        variables = variables_of(cluster, "live", tmp_path)
        execute(variables, f"{CONTENT}; {MORE}")
        assert manage("backup", "--no-verify", **variables).returncode == 0
        execute(variables, "TRUNCATE events")
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(disk).free - TOO_LITTLE))

        failed = manage("restore", "latest", "--no-input", **variables)

        assert failed.returncode == 2
        assert "Check free disk space" in failed.stderr or "No space left on device" in failed.stderr
        assert "Traceback" not in failed.stderr
        ballast.unlink()
        assert execute(variables, "SELECT count(*) FROM events") == [(0,)]
        again = manage("restore", "latest", "--no-input", **variables)
        assert again.returncode == 0, again.stderr
        assert execute(variables, "SELECT count(*) FROM events") == [(3000,)]
