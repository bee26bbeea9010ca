"""Prepares a bare Debian or Ubuntu machine: system packages, virtual environment, translations.

`python3 -m config.machine` runs with the system's Python, before any library is there. What is missing is
found by asking for what the project will use, not for names of packages, so that other ways of installing
count as well. Nothing is done twice: a second run only looks.
"""

from __future__ import annotations

import argparse
import ctypes.util
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.catalogue import translate
from config.cluster import OLDEST_MAJOR, MissingPrograms, find_programs

BASE_DIR = Path(__file__).resolve().parent.parent
VENV = BASE_DIR / ".venv"
LOCK = BASE_DIR / ".requirements" / "development.txt"
STAMP = VENV / "requirements.sha256"
LOCALE = BASE_DIR / "locale"

OLDEST_PYTHON = (3, 11)
EXTENSIONS = ("pg_trgm", "pgcrypto", "uuid-ossp")
FONT = "NanumMyeongjo"
FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))

# Debian starts a server of its own, with a TCP port, as soon as PostgreSQL is installed, unless this file
# says otherwise. Ours need neither. The file is written only where there is none, that is before the first
# installation; whoever wants a system-wide server still types pg_createcluster.
SYSTEM_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")
NO_SYSTEM_CLUSTER = "# Written by the set-up of parish-budget.\ncreate_main_cluster = false\n"

APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300")


class UnableToPrepare(Exception):
    """A sentence for the person at the terminal: the cause and the command to type."""


@dataclass(frozen=True)
class Step:
    """Something the project needs: how to see that it is there, and how to get it."""

    name: str
    is_done: Callable[[], bool]
    work: Callable[[], None]


@dataclass(frozen=True)
class Capability:
    """A need that Debian packages meet; `extras` are installed where the distribution has them."""

    name: str
    is_there: Callable[[], bool]
    packages: tuple[str, ...]
    extras: tuple[str, ...] = ()


def main(arguments: Sequence[str]) -> int:
    summary = translate("Install what is missing: system packages, virtual environment, translations.")
    parser = argparse.ArgumentParser(prog="python3 -m config.machine", description=summary)
    parser.add_argument(
        "--check", action="store_true", help=translate("Only say what is missing (exit code 1).")
    )
    parser.add_argument("-v", "--verbose", action="store_true", help=translate("Show what programs print."))
    options = parser.parse_args(arguments)
    try:
        refuse_old_python(version=sys.version_info[:2])
        if options.check:
            return 1 if list_missing() else 0
        prepare(show=options.verbose)
    except UnableToPrepare as error:
        _say(str(error))
        return 2
    return 0


def refuse_old_python(*, version: tuple[int, int]) -> None:
    if version < OLDEST_PYTHON:
        sentence = translate(
            "Python %(found)s is too old: %(oldest)s or newer is needed.\n"
            "→ Type: apt-get install python%(oldest)s python%(oldest)s-venv, then make demo"
        )
        found, oldest = (".".join(map(str, numbers)) for numbers in (version, OLDEST_PYTHON))
        raise UnableToPrepare(sentence % {"found": found, "oldest": oldest})


def list_missing() -> list[str]:
    """Say of everything whether it is there, and return the names of what is not."""
    missing = []
    for name, is_there in [
        *((capability.name, capability.is_there) for capability in capabilities()),
        *((step.name, step.is_done) for step in steps(show=False)),
    ]:
        there = is_there()
        _say(f"{'✓' if there else '✗'} {name}")
        if not there:
            missing.append(name)
    return missing


def prepare(*, show: bool) -> None:
    """Do what is missing, in order. UnableToPrepare says what stands in the way, and what to type."""
    missing = []
    for capability in capabilities():
        there = capability.is_there()
        _say(f"{'✓' if there else '✗'} {capability.name}")
        if not there:
            missing.append(capability)
    if missing:
        install(capabilities=missing, show=show)
    for step in steps(show=show):
        if step.is_done():
            _say(f"✓ {step.name}")
        else:
            _say(f"… {step.name}")
            step.work()


def capabilities() -> list[Capability]:
    venv = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    tesseract = ("tesseract-ocr", "tesseract-ocr-kor", "tesseract-ocr-script-hang")
    # Without the last one, a PDF file holds the time at which its fonts were cut down to what it needs.
    pango = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")
    return [
        Capability(
            translate("PostgreSQL %(oldest)d or newer, with its extensions") % {"oldest": OLDEST_MAJOR},
            has_postgresql,
            ("postgresql",),
            extras=("postgresql-contrib",),
        ),
        Capability(translate("Tesseract, reading Korean"), has_korean_ocr, tesseract),
        Capability(translate("The Korean font of the printed forms"), has_korean_font, ("fonts-nanum",)),
        Capability(translate("Pango, for PDF files"), has_pango, pango),
        Capability(translate("Python's venv and pip"), has_venv, (venv,)),
    ]


def has_postgresql() -> bool:
    try:
        programs = find_programs()
    except MissingPrograms:
        return False
    extensions = Path(_answer(programs.folder / "pg_config", "--sharedir").strip()) / "extension"
    return all((extensions / f"{name}.control").exists() for name in EXTENSIONS)


def has_korean_ocr() -> bool:
    # Debian puts the data of a script beside those of the languages, others into a folder of its own.
    models = {name.removeprefix("script/") for name in _answer("tesseract", "--list-langs").split()}
    return {"kor", "Hangul"} <= models


def has_korean_font() -> bool:
    if _answer("fc-list", FONT):
        return True
    return any(next(folder.rglob(f"{FONT}*"), None) for folder in FONT_FOLDERS)


def has_pango() -> bool:
    return all(ctypes.util.find_library(name) for name in ("pango-1.0", "pangoft2-1.0", "harfbuzz-subset"))


def has_venv() -> bool:
    return all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))


def install(*, capabilities: Sequence[Capability], show: bool) -> None:
    """Install Debian packages as root, or through sudo; UnableToPrepare names the command otherwise."""
    packages = [package for capability in capabilities for package in capability.packages]
    administrator = _administrator(packages)
    _say("… apt-get update")
    _run(*administrator, *APT, "update", show=show)
    _refuse_old_postgresql(packages)
    extras = [package for capability in capabilities for package in capability.extras]
    packages += [package for package in extras if _candidate(package)]
    if "postgresql" in packages and not SYSTEM_CLUSTER.exists():
        _run(*administrator, "mkdir", "--parents", str(SYSTEM_CLUSTER.parent), show=show)
        _run(*administrator, "tee", str(SYSTEM_CLUSTER), show=show, text=NO_SYSTEM_CLUSTER)
    _say(f"… apt-get install {' '.join(packages)}")
    _run(*administrator, *APT, "install", "--yes", "--no-install-recommends", *packages, show=show)
    importlib.invalidate_caches()
    for capability in capabilities:
        if not capability.is_there():
            sentence = translate("Still missing after the installation: %(name)s\n→ Type: %(command)s")
            command = shlex.join(["apt-get", "install", "--reinstall", *capability.packages])
            raise UnableToPrepare(sentence % {"name": capability.name, "command": command})


def _administrator(packages: Sequence[str]) -> tuple[str, ...]:
    """Return what to put before a command that only root may run."""
    if shutil.which("apt-get") is None:
        sentence = translate("There is no apt-get.\n→ Install what these Debian packages hold: %(packages)s")
        raise UnableToPrepare(sentence % {"packages": " ".join(packages)})
    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo") is not None:
        if _answer("sudo", "-n", "id"):
            return ("sudo", "-n")
        if sys.stdin.isatty():
            return ("sudo",)
    sentence = translate("Only root can install packages.\n→ Type as root: %(command)s")
    command = f"apt-get update && apt-get install {shlex.join(packages)}"
    raise UnableToPrepare(sentence % {"command": command})


def _refuse_old_postgresql(packages: Sequence[str]) -> None:
    major = re.match(r"(?:\d+:)?(\d+)", _candidate("postgresql"))
    if "postgresql" in packages and major and int(major[1]) < OLDEST_MAJOR:
        sentence = translate(
            "This distribution has PostgreSQL %(found)s, but %(oldest)d or newer is needed.\n"
            "→ Add the PostgreSQL project's packages, then try again. Type as root: %(command)s"
        )
        script = "/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh"
        facts = {"found": major[1], "oldest": OLDEST_MAJOR}
        raise UnableToPrepare(
            sentence % {**facts, "command": f"apt-get install postgresql-common && {script} -y"}
        )


def _candidate(package: str) -> str:
    """Return the version apt would install, or "" when it knows no such package."""
    candidate = re.search(r"Candidate: (\S+)", _answer("apt-cache", "policy", package))
    return candidate[1] if candidate and candidate[1] != "(none)" else ""


def steps(*, show: bool) -> list[Step]:
    return [
        Step(
            translate("The virtual environment, %(folder)s") % {"folder": VENV.name},
            has_environment,
            lambda: _run(sys.executable, "-m", "venv", "--clear", str(VENV), show=show),
        ),
        Step(translate("The Python packages of the lock file"), has_packages, lambda: _install_lock(show)),
        Step(translate("The translations"), has_translations, lambda: _compile_translations(show)),
    ]


def has_environment() -> bool:
    test = f"import pip, sys; print(sys.version_info >= {OLDEST_PYTHON})"
    return _answer(_python(), "-c", test).strip() == "True"


def has_packages() -> bool:
    return STAMP.exists() and STAMP.read_text(encoding="utf-8") == _digest(LOCK)


def has_translations() -> bool:
    for source in LOCALE.glob("*/LC_MESSAGES/django.po"):
        compiled = source.with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
            return False
    return True


def _install_lock(show: bool) -> None:
    pip = (str(_python()), "-m", "pip", "install", "--disable-pip-version-check")
    _run(*pip, "--require-hashes", "--requirement", str(LOCK), show=show)
    STAMP.write_text(_digest(LOCK), encoding="utf-8")


def _compile_translations(show: bool) -> None:
    babel = (str(_python()), "-m", "babel.messages.frontend", "compile")
    _run(*babel, "--directory", str(LOCALE), "--domain", "django", show=show)


def _python() -> Path:
    return VENV / "bin" / "python"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _answer(*command: str | Path) -> str:
    """Return what a program prints, "" when it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _run(*command: str, show: bool, text: str = "") -> None:
    """Run a program, and show what it printed only when it failed, or when `show` asks for it."""
    output = None if show else subprocess.PIPE
    done = subprocess.run(
        command, cwd=BASE_DIR, input=text, text=True, check=False, stdout=output, stderr=subprocess.STDOUT
    )
    if done.returncode != 0:
        sentence = translate("%(output)s\nThis failed; mend the cause above, then try again:\n→ %(command)s")
        raise UnableToPrepare(sentence % {"output": done.stdout or "", "command": shlex.join(command)})


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
