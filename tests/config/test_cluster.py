"""Every test runs real servers, in throw-away folders; the ones that need root say so."""

import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from config import cluster as cluster_module
from config.cluster import (
    DEVELOPMENT,
    SCRATCH,
    TEST,
    Cluster,
    ClusterError,
    MissingPrograms,
    Profile,
    RefusedToRemove,
    UnableToStart,
    cluster_status,
    find_programs,
    remove_cluster,
    running,
    start_cluster,
    stop_cluster,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
needs_user_namespaces = pytest.mark.skipif(
    subprocess.run(["unshare", "--user", "true"], capture_output=True).returncode != 0,
    reason="user namespaces are forbidden here",
)


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LANGUAGE_CODE", "en")


@pytest.fixture
def folder():
    """A folder that every account can reach, unlike pytest's own, with a short name."""
    parent = Path(tempfile.mkdtemp(prefix="cluster-"))
    parent.chmod(0o755)
    folder = parent / "folder"
    folder.mkdir()
    yield folder
    for mark in folder.rglob("postmaster.pid"):
        stop_cluster(cluster=Cluster(profile=SCRATCH, folder=mark.parent.parent))
    shutil.rmtree(parent)


@pytest.fixture
def scratch(folder):
    """A cluster that does not exist yet, and is removed whatever the test made of it."""
    scratch = Cluster(profile=SCRATCH, folder=folder / "scratch")
    yield scratch
    remove_cluster(cluster=scratch)


@pytest.fixture(scope="module")
def neighbour():
    """One running cluster for the tests that only look."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    folder.chmod(0o755)
    with running(cluster=Cluster(profile=SCRATCH, folder=folder / "neighbour")) as started:
        yield started
    folder.rmdir()


def connect(cluster, **overrides):
    address = {"host": str(cluster.socket_directory), "port": cluster.port, "user": cluster.user}
    address |= {"dbname": "postgres", "passfile": str(cluster.password_file)}
    return psycopg.connect(**(address | overrides))


def answer(cluster, query, **overrides):
    with connect(cluster, **overrides) as connection:
        return connection.execute(query).fetchone()[0]


def kill(pid):
    """End a server as a power cut would, and wait until it and its children are gone."""
    family = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    handles = [os.pidfd_open(member) for member in family]
    os.kill(pid, signal.SIGKILL)
    for handle in handles:
        select.select([handle], [], [])
        os.close(handle)


class TestCluster:
    def test_touches_nothing_until_it_is_started(self, folder):
        cluster = Cluster(profile=DEVELOPMENT, folder=folder / "a" / "b")

        paths = [cluster.data_directory, cluster.socket_directory, cluster.password_file, cluster.log_file]

        assert not any(path.exists() for path in paths)
        assert list(folder.iterdir()) == []

    def test_keeps_development_data_safe_in_a_power_cut(self):
        assert DEVELOPMENT.settings["fsync"] == DEVELOPMENT.settings["full_page_writes"] == "on"
        assert not DEVELOPMENT.throwaway


class TestStartCluster:
    def test_serves_its_owner_and_nobody_without_the_password(self, neighbour):
        assert answer(neighbour.cluster, "SELECT 1") == 1
        with pytest.raises(psycopg.OperationalError, match="password"):
            connect(neighbour.cluster, passfile=os.devnull, password="guessed")

    def test_opens_no_tcp_port(self, neighbour):
        assert answer(neighbour.cluster, "SELECT current_setting('listen_addresses')") == ""

    def test_closes_the_socket_and_the_password_to_others(self, neighbour):
        assert neighbour.cluster.socket_directory.stat().st_mode & 0o777 == 0o700
        assert neighbour.cluster.password_file.stat().st_mode & 0o777 == 0o600

    def test_checks_pages_and_knows_korean_letters(self, neighbour):
        assert answer(neighbour.cluster, "SHOW data_checksums") == "on"
        assert answer(neighbour.cluster, "SHOW server_encoding") == "UTF8"
        assert answer(neighbour.cluster, "SELECT '한' ~ '[[:alpha:]]'") is True

    @pytest.mark.parametrize("name", ["fsync", "wal_level", "max_wal_senders"])
    def test_applies_the_settings_of_the_profile(self, neighbour, name):
        assert answer(neighbour.cluster, f"SHOW {name}") == SCRATCH.settings[name]

    def test_finds_it_running_the_second_time(self, neighbour):
        again = start_cluster(cluster=neighbour.cluster)

        assert again.outcome == "already running"
        assert again.pid == neighbour.pid

    def test_finds_it_running_in_a_container_that_hides_other_users_folders(self, neighbour, monkeypatch):
        def forbidden(path):
            raise PermissionError(path)

        monkeypatch.setattr(Path, "readlink", forbidden)

        assert cluster_status(cluster=neighbour.cluster).pid == neighbour.pid

    def test_creates_the_database_once(self, neighbour):
        start_cluster(cluster=neighbour.cluster, database="찬양")
        start_cluster(cluster=neighbour.cluster, database="찬양")

        assert answer(neighbour.cluster, "SELECT current_database()", dbname="찬양") == "찬양"

    def test_keeps_the_data_over_a_stop_and_a_start(self, scratch):
        start_cluster(cluster=scratch, database="kept")
        stop_cluster(cluster=scratch)

        again = start_cluster(cluster=scratch)

        assert again.outcome == "started"
        assert answer(scratch, "SELECT current_database()", dbname="kept") == "kept"

    def test_is_deaf_to_the_variables_of_the_caller(self, scratch, monkeypatch):
        for name in ("PGDATA", "PGHOST", "PGUSER", "PGDATABASE", "PGSERVICE", "LC_ALL", "TZ"):
            monkeypatch.setenv(name, "nonsense")
        monkeypatch.setenv("PGOPTIONS", "--nonsense=1")
        monkeypatch.setenv("PGPORT", "1")

        started = start_cluster(cluster=scratch, database="deaf")

        assert started.outcome == "created"

    def test_lets_the_second_of_two_starters_wait_and_find_it_running(self, scratch):
        script = (
            "import sys; from pathlib import Path; from config.cluster import *;"
            "cluster = Cluster(profile=SCRATCH, folder=Path(sys.argv[1]));"
            "print(start_cluster(cluster=cluster).outcome)"
        )
        command = [sys.executable, "-c", script, str(scratch.folder)]

        starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        outcomes = [starter.communicate()[0].strip() for starter in starters]

        assert sorted(outcomes) == ["already running", "created"]

    def test_begins_again_where_creating_was_interrupted(self, scratch):
        half_made = scratch.folder / "data.partial"
        half_made.mkdir(parents=True)
        (half_made / "PG_VERSION").write_text("15")

        started = start_cluster(cluster=scratch)

        assert started.outcome == "created"
        assert not half_made.exists()

    @pytest.mark.parametrize("impostor", ["another program", "another server"])
    def test_recovers_when_its_process_number_now_belongs_to(self, scratch, neighbour, impostor):
        pid = os.getpid() if impostor == "another program" else neighbour.pid
        kill(start_cluster(cluster=scratch, database="kept").pid)
        for lock in (
            scratch.data_directory / "postmaster.pid",
            scratch.socket_directory / ".s.PGSQL.5432.lock",
        ):
            lock.write_text("\n".join([str(pid), *lock.read_text().splitlines()[1:], ""]))

        state = cluster_status(cluster=scratch).state
        again = start_cluster(cluster=scratch)

        assert state == "stopped"
        assert again.outcome == "started"
        assert answer(scratch, "SELECT current_database()", dbname="kept") == "kept"

    def test_restarts_a_server_whose_socket_was_cleaned_away(self, scratch):
        start_cluster(cluster=scratch)
        (scratch.socket_directory / ".s.PGSQL.5432").unlink()

        again = start_cluster(cluster=scratch)

        assert again.outcome == "started"
        assert answer(scratch, "SELECT 1") == 1

    def test_serves_a_folder_whose_path_is_too_long_for_a_socket(self, folder):
        long = folder / ("긴" * 40) / "folder of a cluster"
        cluster = Cluster(profile=SCRATCH, folder=long)

        with running(cluster=cluster):
            assert answer(cluster, "SELECT 1") == 1
        assert len(os.fsencode(long)) > 107
        assert not cluster.socket_directory.exists()

    def test_refuses_a_short_socket_folder_that_somebody_else_made(self, folder, monkeypatch):
        monkeypatch.setattr(cluster_module, "SHORT_FOLDER", folder)
        cluster = Cluster(profile=SCRATCH, folder=folder / ("긴" * 40))
        cluster.socket_directory.symlink_to(folder)

        with pytest.raises(UnableToStart, match="belongs to somebody else"):
            start_cluster(cluster=cluster)

    @pytest.mark.parametrize(("first", "second"), [(DEVELOPMENT, TEST), (SCRATCH, DEVELOPMENT)])
    def test_refuses_data_of_the_other_kind(self, folder, first, second):
        start_cluster(cluster=Cluster(profile=first, folder=folder / "one"))
        stop_cluster(cluster=Cluster(profile=first, folder=folder / "one"))

        with pytest.raises(UnableToStart, match=f"not marked as {second.kind} but as {first.kind}"):
            start_cluster(cluster=Cluster(profile=second, folder=folder / "one"))

    def test_refuses_data_it_did_not_make(self, folder):
        cluster = Cluster(profile=DEVELOPMENT, folder=folder)
        cluster.data_directory.mkdir()

        with pytest.raises(UnableToStart, match="as None"):
            start_cluster(cluster=cluster)

    def test_names_the_package_of_the_version_that_made_the_data(self, scratch):
        start_cluster(cluster=scratch)
        stop_cluster(cluster=scratch)
        (scratch.data_directory / "PG_VERSION").write_text("9\n")

        with pytest.raises(MissingPrograms, match="apt-get install postgresql-9"):
            start_cluster(cluster=scratch)

    def test_shows_the_end_of_the_log_when_the_server_does_not_start(self, folder):
        broken = Profile(name="broken", settings={"wal_level": "nonsense"}, throwaway=True)
        cluster = Cluster(profile=broken, folder=folder / "broken")

        with pytest.raises(UnableToStart, match=r"server\.log:\n(.*\n)*.*wal_level.*nonsense"):
            start_cluster(cluster=cluster)

    def test_says_why_it_could_not_create_the_cluster(self, folder):
        cluster = Cluster(profile=SCRATCH, folder=folder / "one", user="pg_reserved")

        with pytest.raises(UnableToStart, match="pg_reserved"):
            start_cluster(cluster=cluster)

    def test_says_why_it_could_not_create_the_database(self, neighbour):
        with pytest.raises(UnableToStart, match="could not be created"):
            start_cluster(cluster=neighbour.cluster, database="")

    def test_refuses_a_folder_that_a_shell_would_read_differently(self, folder):
        with pytest.raises(UnableToStart, match="in its name"):
            start_cluster(cluster=Cluster(profile=SCRATCH, folder=folder / "$HOME"))

    def test_serves_a_folder_with_spaces_quotes_and_commas(self, folder):
        cluster = Cluster(profile=SCRATCH, folder=folder / "우리 성당's, 예산")

        with running(cluster=cluster):
            assert answer(cluster, "SELECT 1") == 1

    def test_says_that_the_folder_cannot_be_used(self, folder):
        (folder / "file").touch()

        with pytest.raises(UnableToStart, match="cannot be used"):
            start_cluster(cluster=Cluster(profile=SCRATCH, folder=folder / "file" / "one"))


@needs_root
class TestStartClusterAsRoot:
    def test_runs_the_server_as_postgres(self, neighbour):
        assert Path(f"/proc/{neighbour.pid}").stat().st_uid == pwd.getpwnam("postgres").pw_uid

    @needs_user_namespaces
    def test_needs_no_right_on_a_closed_parent(self, folder):
        folder.chmod(0o700)
        cluster = Cluster(profile=SCRATCH, folder=folder / "one")

        with running(cluster=cluster) as started:
            assert answer(cluster, "SELECT 1") == 1
            assert Path(f"/proc/{started.pid}").stat().st_uid == 0
        assert folder.stat().st_mode & 0o777 == 0o700

    def test_moves_to_a_reachable_folder_where_user_namespaces_are_forbidden(self, folder, monkeypatch):
        monkeypatch.setattr(cluster_module, "_NAMESPACE", ("false",))
        monkeypatch.setattr(cluster_module, "PERSISTENT_FOLDER", folder)
        closed = folder / "closed"
        closed.mkdir(mode=0o700)
        cluster = Cluster(profile=SCRATCH, folder=closed / "one")

        with running(cluster=cluster):
            assert answer(cluster, "SELECT 1") == 1
            assert cluster.folder.resolve().parent == folder
            stop_cluster(cluster=cluster)
            assert start_cluster(cluster=cluster).outcome == "started"
        assert list(folder.iterdir()) == [closed]
        assert list(closed.iterdir()) == []

    def test_makes_the_folder_again_that_was_cleaned_away(self, folder, monkeypatch):
        monkeypatch.setattr(cluster_module, "_NAMESPACE", ("false",))
        cluster = Cluster(profile=SCRATCH, folder=folder / "one")
        cluster.folder.symlink_to(folder / "gone")

        with running(cluster=cluster) as started:
            assert started.outcome == "created"

    def test_serves_data_as_the_user_who_owns_it(self, scratch):
        start_cluster(cluster=scratch)
        stop_cluster(cluster=scratch)
        subprocess.run(["chown", "-R", "nobody:nogroup", scratch.folder], check=True)

        started = start_cluster(cluster=scratch)

        assert Path(f"/proc/{started.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid

    @needs_user_namespaces
    def test_names_the_command_when_a_parent_was_closed_afterwards(self, folder):
        cluster = Cluster(profile=SCRATCH, folder=folder / "one")
        start_cluster(cluster=cluster)
        stop_cluster(cluster=cluster)
        folder.chmod(0o700)

        with pytest.raises(UnableToStart, match="chown -R root: ") as refusal:
            start_cluster(cluster=cluster)
        subprocess.run(str(refusal.value).partition("Type: ")[2].split(), check=True)

        with running(cluster=cluster) as started:
            assert started.outcome == "started"


class TestFindPrograms:
    def test_makes_a_cluster_with_the_version_that_is_asked_for(self, folder):
        with pytest.raises(MissingPrograms, match="apt-get install postgresql-99"):
            start_cluster(cluster=Cluster(profile=SCRATCH, folder=folder, major=99))

    def test_finds_a_server_on_the_path(self, folder, monkeypatch):
        programs = find_programs()
        monkeypatch.setattr(cluster_module, "DEBIAN_SERVERS", folder)
        monkeypatch.setenv("PATH", str(programs.folder))

        assert find_programs() == programs

    def test_takes_the_newest_and_passes_over_what_is_too_old(self, folder, monkeypatch):
        monkeypatch.setattr(cluster_module, "DEBIAN_SERVERS", folder)
        monkeypatch.setenv("PATH", "")
        for major in (9, 15, 21):
            server = folder / str(major) / "bin" / "postgres"
            server.parent.mkdir(parents=True)
            server.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {major}.1'\n")
            server.chmod(0o755)

        assert find_programs().major == 21
        with pytest.raises(MissingPrograms, match="postgresql-9"):
            find_programs(major=9)

    def test_names_the_next_command_when_there_is_none(self, folder, monkeypatch):
        monkeypatch.setattr(cluster_module, "DEBIAN_SERVERS", folder)
        monkeypatch.setenv("PATH", "")

        with pytest.raises(MissingPrograms, match="Type: make demo"):
            find_programs()


class TestStopCluster:
    def test_does_not_wait_for_clients(self, scratch):
        start_cluster(cluster=scratch)
        with connect(scratch) as connection:
            before = stop_cluster(cluster=scratch)

            assert before.state == "running"
            assert cluster_status(cluster=scratch).state == "stopped"
            connection.close()

    def test_has_nothing_to_do_where_there_is_no_cluster(self, folder):
        assert stop_cluster(cluster=Cluster(profile=SCRATCH, folder=folder / "one")).state == "absent"
        assert list(folder.iterdir()) == []


class TestRemoveCluster:
    def test_leaves_nothing(self, folder):
        cluster = Cluster(profile=SCRATCH, folder=folder / "one")
        start_cluster(cluster=cluster)

        before = remove_cluster(cluster=cluster)

        assert before.state == "running"
        assert list(folder.iterdir()) == []

    def test_leaves_nothing_of_one_that_was_killed_while_it_was_being_made(self, folder):
        cluster = Cluster(profile=SCRATCH, folder=folder / "one")
        (cluster.folder / "data.partial").mkdir(parents=True)
        (cluster.folder / "initial-password").touch()

        remove_cluster(cluster=cluster)

        assert list(folder.iterdir()) == []

    def test_leaves_what_is_not_its_own(self, folder):
        cluster = Cluster(profile=SCRATCH, folder=folder)
        start_cluster(cluster=cluster)
        (folder / "notes").touch()

        remove_cluster(cluster=cluster)

        assert [path.name for path in folder.iterdir()] == ["notes"]

    @pytest.mark.parametrize("profile", [DEVELOPMENT, SCRATCH])
    def test_refuses_data_that_is_not_marked_as_throwaway(self, folder, profile):
        development = Cluster(profile=DEVELOPMENT, folder=folder)
        start_cluster(cluster=development)
        stop_cluster(cluster=development)

        with pytest.raises(RefusedToRemove, match="data to keep"):
            remove_cluster(cluster=Cluster(profile=profile, folder=folder))

        assert (development.data_directory / "PG_VERSION").exists()

    def test_refuses_data_it_did_not_make(self, folder):
        (folder / "data").mkdir()

        with pytest.raises(RefusedToRemove, match="data to keep"):
            remove_cluster(cluster=Cluster(profile=SCRATCH, folder=folder))

        assert (folder / "data").exists()


class TestRunning:
    def test_only_stops_data_that_is_to_be_kept(self, folder):
        cluster = Cluster(profile=DEVELOPMENT, folder=folder)

        with running(cluster=cluster):
            pass

        assert cluster_status(cluster=cluster).state == "stopped"

    def test_removes_a_throwaway_cluster_after_a_failure(self, folder):
        cluster = Cluster(profile=SCRATCH, folder=folder / "one")

        with pytest.raises(ZeroDivisionError), running(cluster=cluster):
            _ = 1 / 0

        assert list(folder.iterdir()) == []


class TestClusterStatus:
    def test_says_that_the_folder_cannot_be_used(self, folder):
        (folder / "data").mkdir()
        (folder / "data" / "postmaster.pid").mkdir()

        with pytest.raises(ClusterError, match="cannot be used"):
            cluster_status(cluster=Cluster(profile=SCRATCH, folder=folder))

        (folder / "data" / "postmaster.pid").rmdir()
