"""Whether the process is the one that is meant: its variables, its packages, Django's own checks."""

import importlib.metadata
import os
import re
import stat
import tomllib
from collections.abc import Iterator

from django.conf import settings
from django.core import checks
from django.core.checks.registry import registry
from django.utils.translation import gettext as _

from config.env import BASE_DIR, Environment
from config.operations.schema_change.preflight.deployment_checks import TAG
from config.operations.schema_change.preflight.remarks import (
    Circumstances,
    Outcome,
    Remark,
    Remarks,
    failed,
    failed_where_strict,
    fine,
    warning,
)

_PROJECT = BASE_DIR / "pyproject.toml"
_LOCK = BASE_DIR / ".requirements" / "production.txt"
_LOCKED = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", re.MULTILINE)
_INSTALL = ".venv/bin/python -m pip install --require-hashes --requirement .requirements/production.txt"


def check_environment(circumstances: Circumstances) -> Remarks:
    environment = Environment(settings.ENVIRONMENT)
    facts = {
        "environment": environment.name,
        "file": environment.file.name,
        "module": os.environ.get("DJANGO_SETTINGS_MODULE", ""),
    }
    if environment.file.exists():
        yield fine(_("%(environment)s (%(module)s), with %(file)s") % facts)
        yield from _file_is_closed(circumstances, environment)
        if names := environment.overruled():
            sentence = _("The process has other values than %(file)s, and they win: %(names)s")
            yield warning(
                sentence % {**facts, "names": ", ".join(names)},
                _("If the file is meant, remove them: unset %(names)s") % {"names": " ".join(names)},
            )
    else:
        sentence = _("%(environment)s (%(module)s), without %(file)s: the variables of the process count")
        yield fine(sentence % facts)


def _file_is_closed(circumstances: Circumstances, environment: Environment) -> Remarks:
    if circumstances.is_strict and environment.file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        facts = {"file": environment.file.name}
        yield warning(
            _("Others on this machine may read %(file)s.") % facts,
            _("Close it: chmod 600 %(file)s") % facts,
        )


def check_packages(circumstances: Circumstances) -> Remarks:
    """Compare what pyproject.toml names with the lock file and with what is installed."""
    if not _LOCK.exists():
        yield fine(_("no lock file here to compare with"))
        return
    wrong = list(_wrong_packages())
    if wrong:
        sentence = _("Packages are not the ones of the lock file: %(packages)s")
        yield failed_where_strict(
            circumstances,
            sentence % {"packages": ", ".join(wrong)},
            _("Install them: %(command)s") % {"command": _INSTALL},
        )
    else:
        yield fine(_("those of the lock file"))


def _wrong_packages() -> Iterator[str]:
    locked = {_canonical(name): version for name, version in _LOCKED.findall(_LOCK.read_text("utf-8"))}
    project = tomllib.loads(_PROJECT.read_text("utf-8"))["project"]
    for dependency in project["dependencies"]:
        name = _canonical(re.split(r"[^\w.-]", dependency)[0])
        wanted = locked.get(name, "")
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = _("missing")
        if installed != wanted:
            yield f"{name} {installed} ≠ {wanted or '?'}"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def check_django(circumstances: Circumstances) -> Remarks:
    """Ask Django's system checks; those for a deploy only where there is one."""
    judges = {checks.ERROR: failed, checks.WARNING: warning}
    found, databases = 0, [circumstances.alias] if circumstances.is_reachable else None
    for check in registry.get_checks(include_deployment_checks=circumstances.is_strict):
        if TAG in getattr(check, "tags", ()):
            continue
        for message in check(app_configs=None, databases=databases):
            level = max((each for each in judges if each <= message.level), default=None)
            if level is not None and not message.is_silenced():
                found += 1
                subject = f" ({message.obj})" if message.obj else ""
                remedy = message.hint or _("To see all of them: manage.py check --deploy")
                yield judges[level](f"{message.id}{subject}: {message.msg}", remedy)
    if not found:
        yield Remark(outcome=Outcome.OK, sentence=_("nothing to say"))
