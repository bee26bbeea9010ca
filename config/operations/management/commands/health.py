"""`manage.py health`: can the system serve? For a terminal, cron, or a load balancer's script."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from config.operations.health import GIGABYTE, Health, Probe, Status, check_health


class Command(BaseCommand):
    help = _("Ask whether the database answers, migrations are applied, files can be written, disk is free.")
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        health = check_health()
        if as_json:
            self.stdout.write(json.dumps({"status": health.status, **asdict(health)}, ensure_ascii=False))
        elif options["verbosity"]:
            self._print(health)
        if health.status is Status.FAIL:
            sys.exit(1)

    def _print(self, health: Health) -> None:
        styles = {
            Status.PASS: ("✓", self.style.SUCCESS),
            Status.WARN: ("!", self.style.WARNING),
            Status.FAIL: ("✗", self.style.ERROR),
        }
        for probe in health.probes:
            mark, style = styles[probe.status]
            self.stdout.write(style(f"{mark} {_describe(probe)}"))


def _describe(probe: Probe) -> str:
    names = {
        "database": _("database"),
        "migrations": _("migrations"),
        "storage": _("file storage"),
        "disk": _("disk"),
    }
    answer = _observe(probe) if probe.status is Status.PASS else f"{probe.output}\n  → {_remedy(probe)}"
    return f"{names[probe.name]}: {answer}"


def _observe(probe: Probe) -> str:
    if probe.name == "migrations":
        return _("all applied")
    if probe.name == "disk":
        return _("%(gigabytes)s GB free") % {"gigabytes": f"{(probe.observed_value or 0) / GIGABYTE:.1f}"}
    return _("answers in %(milliseconds)d ms") % {"milliseconds": probe.observed_value}


def _remedy(probe: Probe) -> str:
    if probe.name == "migrations" and probe.status is Status.WARN:
        return _("Apply them: manage.py migrate")
    remedies = {
        "database": _("For cause and remedy: manage.py showmigrations"),
        "migrations": _("For cause and remedy: manage.py showmigrations"),
        "storage": _("Check MEDIA_ROOT: the folder, its owner, free disk space."),
        "disk": _("Make room on that file system; to see all of them: df -h"),
    }
    return remedies[probe.name]
