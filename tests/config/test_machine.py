"""The programs of a distribution are played by small scripts: a test must not install packages."""

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import cluster, machine
from config.machine import Capability, UnableToPrepare, install, prepare, refuse_old_python


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LANGUAGE_CODE", "en")


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH with nothing but what the test writes, and each call noted in a file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("env", "mkdir", "tee", "sh"):
        (folder / tool).symlink_to(Path("/usr/bin") / tool)
    monkeypatch.setenv("PATH", str(folder))

    def write(name, script="exit 0"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/calls\n{script}\n')
        program.chmod(0o755)

    write.calls = tmp_path / "calls"
    return write


@pytest.fixture
def debian(programs, tmp_path, monkeypatch):
    """A distribution with PostgreSQL 15, which has no package `rare`."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "SYSTEM_CLUSTER", tmp_path / "etc" / "createcluster.conf")
    programs("apt-get")
    programs("apt-cache", '[ "$2" = rare ] && echo "  Candidate: (none)" || echo "  Candidate: 15+248"')
    return programs


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder with a lock file and one sentence in Korean, and nothing done yet."""
    lock, locale = tmp_path / "lock.txt", tmp_path / "locale"
    lock.write_text("")
    catalogue = locale / "ko" / "LC_MESSAGES" / "django.po"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "a"\nmsgstr "가"\n'
    )
    for name, value in {"LOCK": lock, "LOCALE": locale, "VENV": tmp_path / "venv"}.items():
        monkeypatch.setattr(machine, name, value)
    monkeypatch.setattr(machine, "STAMP", tmp_path / "stamp")
    return tmp_path


def calls(programs):
    return programs.calls.read_text().splitlines() if programs.calls.exists() else []


def missing(*packages, extras=(), answers=(True,)):
    """Return a capability that is there once it has been installed."""
    remaining = list(answers)
    return Capability("something", lambda: remaining.pop(0), packages, extras)


class TestRefuseOldPython:
    def test_names_the_version_and_the_next_command(self):
        with pytest.raises(
            UnableToPrepare, match=r"Python 3\.10 is too old.*\n→ Type: apt-get install python3\.11"
        ):
            refuse_old_python(version=(3, 10))

    def test_accepts_a_newer_one(self):
        refuse_old_python(version=(3, 14))


class TestInstall:
    def test_fetches_the_lists_and_then_the_packages(self, debian):
        install(capabilities=[missing("tesseract-ocr", "fonts-nanum")], show=False)

        apt = [call.partition("=300 ")[2] for call in calls(debian) if call.startswith("apt-get")]
        assert apt == ["update", "install --yes --no-install-recommends tesseract-ocr fonts-nanum"]

    def test_leaves_out_an_extra_that_the_distribution_does_not_have(self, debian):
        install(capabilities=[missing("a", extras=("rare", "common"))], show=False)

        assert calls(debian)[-1].endswith(" a common")

    def test_keeps_debian_from_starting_a_server_of_its_own(self, debian):
        install(capabilities=[missing("postgresql")], show=False)

        assert "create_main_cluster = false" in machine.SYSTEM_CLUSTER.read_text()

    def test_leaves_the_machines_own_choice_about_that_server(self, debian):
        machine.SYSTEM_CLUSTER.parent.mkdir()
        machine.SYSTEM_CLUSTER.write_text("create_main_cluster = true\n")

        install(capabilities=[missing("postgresql")], show=False)

        assert machine.SYSTEM_CLUSTER.read_text() == "create_main_cluster = true\n"

    def test_goes_through_sudo_for_an_ordinary_user(self, debian, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        debian("sudo", 'shift; [ "$1" = id ] && echo root || exec "$@"')

        install(capabilities=[missing("a")], show=False)

        changes = [call.split()[0] for call in calls(debian) if not call.startswith("apt-cache")]
        assert changes == ["sudo", "sudo", "apt-get", "sudo", "apt-get"]

    @pytest.mark.parametrize("has_sudo", [False, True])
    def test_prints_what_to_type_when_it_may_not_install(self, debian, monkeypatch, has_sudo):
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        if has_sudo:
            debian("sudo", "exit 1")

        with pytest.raises(UnableToPrepare, match="→ Type as root: apt-get update && apt-get install a b"):
            install(capabilities=[missing("a"), missing("b")], show=False)

        assert not any(call.startswith("apt-get") for call in calls(debian))

    def test_names_the_packages_where_there_is_no_apt(self, programs):
        with pytest.raises(UnableToPrepare, match=r"no apt-get\.\n→ .*: a b"):
            install(capabilities=[missing("a", "b")], show=False)

    def test_names_the_way_to_a_newer_postgresql(self, debian):
        debian("apt-cache", 'echo "  Candidate: 14+238"')

        with pytest.raises(
            UnableToPrepare, match=r"has PostgreSQL 14, but 15 .*\n.*pgdg/apt\.postgresql\.org\.sh"
        ):
            install(capabilities=[missing("postgresql")], show=False)

        assert not any(" install " in call for call in calls(debian))

    def test_shows_the_output_and_the_command_of_what_failed(self, debian):
        debian("apt-get", "echo 'E: no route to the mirror'; exit 100")

        with pytest.raises(UnableToPrepare, match=r"E: no route to the mirror\n(.*\n)+→ .*apt-get .* update"):
            install(capabilities=[missing("a")], show=False)

    def test_names_what_is_still_missing_afterwards(self, debian):
        with pytest.raises(
            UnableToPrepare, match=r"Still missing.*something\n→ Type: apt-get install --reinstall a"
        ):
            install(capabilities=[missing("a", answers=[False])], show=False)


class TestCapabilities:
    def test_finds_the_server_of_this_machine(self):
        assert machine.has_postgresql()

    def test_misses_the_extensions_of_a_server_without_them(self, programs, tmp_path, monkeypatch):
        server = tmp_path / "16" / "bin"
        server.mkdir(parents=True)
        for name, printed in {"postgres": "postgres (PostgreSQL) 16.1", "pg_config": str(tmp_path)}.items():
            (server / name).write_text(f"#!/bin/sh\necho '{printed}'\n")
            (server / name).chmod(0o755)
        (server / "initdb").touch()
        monkeypatch.setattr(cluster, "DEBIAN_SERVERS", tmp_path)

        assert not machine.has_postgresql()

        for name in machine.EXTENSIONS:
            (tmp_path / "extension").mkdir(exist_ok=True)
            (tmp_path / "extension" / f"{name}.control").touch()
        assert machine.has_postgresql()

    @pytest.mark.parametrize(
        ("languages", "reads_korean"),
        [("eng Hangul kor", True), ("kor script/Hangul", True), ("eng kor", False), ("Hangul", False)],
    )
    def test_asks_tesseract_for_its_languages(self, programs, languages, reads_korean):
        programs("tesseract", f"printf '%s\\n' List: {languages}")

        assert machine.has_korean_ocr() is reads_korean

    def test_looks_for_font_files_where_fontconfig_is_missing(self, programs, tmp_path, monkeypatch):
        monkeypatch.setattr(machine, "FONT_FOLDERS", (tmp_path / "fonts",))

        assert not machine.has_korean_font()

        (tmp_path / "fonts" / "truetype").mkdir(parents=True)
        (tmp_path / "fonts" / "truetype" / "NanumGothic.ttf").touch()
        assert not machine.has_korean_font()

        (tmp_path / "fonts" / "truetype" / "NanumMyeongjo.ttf").touch()
        assert machine.has_korean_font()

    def test_asks_fontconfig_for_a_font(self, programs, monkeypatch):
        monkeypatch.setattr(machine, "FONT_FOLDERS", ())
        programs("fc-list", '[ "$1" != NanumMyeongjo ] || echo NanumMyeongjo.ttf')

        assert machine.has_korean_font()

    @pytest.mark.parametrize("name", ["pango-1.0", "pangoft2-1.0", "harfbuzz-subset"])
    def test_needs_each_library_that_prints(self, monkeypatch, name):
        monkeypatch.setattr(
            machine.ctypes.util, "find_library", lambda asked: None if asked == name else "found"
        )

        assert not machine.has_pango()

    def test_names_the_venv_package_of_the_running_python(self):
        packages = [package for capability in machine.capabilities() for package in capability.packages]

        assert f"python3.{sys.version_info[1]}-venv" in packages


class TestPrepare:
    def test_does_each_step_once(self, project, monkeypatch, capsys):
        monkeypatch.setattr(machine, "capabilities", list)
        # The lock is empty here, so the environment of the tests stands in for the one it would fill.
        monkeypatch.setattr(machine, "VENV", Path(sys.prefix))

        prepare(show=False)
        first = capsys.readouterr().err
        prepare(show=False)
        second = capsys.readouterr().err

        assert first.count("…") == 2
        assert second.count("✓") == 3
        assert project.joinpath("locale", "ko", "LC_MESSAGES", "django.mo").exists()

    def test_installs_again_when_the_lock_file_changed(self, project):
        machine.STAMP.write_text(machine._digest(machine.LOCK))

        assert machine.has_packages()

        machine.LOCK.write_text("changed")
        assert not machine.has_packages()

    def test_compiles_again_when_the_sentences_changed(self, project):
        source = project / "locale" / "ko" / "LC_MESSAGES" / "django.po"
        compiled = source.with_suffix(".mo")
        compiled.touch()
        os.utime(source, (0, 0))

        assert machine.has_translations()

        os.utime(compiled, (0, 0))
        os.utime(source, (1, 1))
        assert not machine.has_translations()

    @pytest.mark.skipif(
        not importlib.util.find_spec("ensurepip"), reason="this Python cannot make environments"
    )
    def test_makes_the_environment_again_when_its_python_is_gone(self, project, monkeypatch):
        monkeypatch.setattr(machine, "capabilities", list)
        monkeypatch.setattr(machine, "has_packages", lambda: True)
        monkeypatch.setattr(machine, "has_translations", lambda: True)
        (machine.VENV / "bin").mkdir(parents=True)
        (machine.VENV / "bin" / "python").symlink_to("/nowhere/python3")

        assert not machine.has_environment()

        prepare(show=False)
        assert machine.has_environment()

    def test_installs_only_what_is_missing(self, debian, project, monkeypatch):
        monkeypatch.setattr(machine, "steps", lambda *, show: [])
        capabilities = [missing("there"), missing("absent", answers=[False, True])]
        monkeypatch.setattr(machine, "capabilities", lambda: capabilities)

        prepare(show=False)

        assert calls(debian)[-1].endswith("--no-install-recommends absent")


class TestMain:
    def test_answers_1_when_a_check_finds_something_missing(self, project, monkeypatch, capsys):
        monkeypatch.setattr(machine, "capabilities", lambda: [missing("a", answers=[False])])

        assert machine.main(["--check"]) == 1
        assert "✗ something" in capsys.readouterr().err
        assert not machine.VENV.exists()

    def test_answers_0_when_a_check_finds_everything(self, monkeypatch):
        monkeypatch.setattr(machine, "list_missing", list)

        assert machine.main(["--check"]) == 0

    def test_answers_2_with_one_sentence_when_it_cannot(self, programs, monkeypatch, capsys):
        monkeypatch.setattr(machine, "capabilities", lambda: [missing("a", answers=[False])])

        assert machine.main([]) == 2
        assert "no apt-get" in capsys.readouterr().err

    def test_runs_with_a_bare_python(self):
        bare = [
            sys.executable,
            "-S",
            "-I",
            "-c",
            "import sys; sys.path.insert(0, '.'); import config.machine",
        ]

        subprocess.run(bare, check=True, cwd=machine.BASE_DIR)
