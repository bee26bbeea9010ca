"""`manage.py copy_backups`: copy to the off-site storage what is not there yet."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations.long_work import long_work
from config.operations.maintenance import MaintenanceRunning
from config.operations.offsite import Copying, copy_backups
from config.operations.offsite_storage import OffsiteFailed, configured_offsite


class Command(BaseCommand):
    help = _("Copy the verified backups that are not off-site yet, and compare what arrived.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help=_("Say what would be copied."))
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, dry_run: bool, as_json: bool, **options: Any) -> None:
        try:
            with long_work(verbosity=options["verbosity"]) as progress:
                copying = copy_backups(
                    offsite=configured_offsite(),
                    folder=Path(settings.BACKUP_DIR),
                    now=timezone.now(),
                    dry_run=dry_run,
                    progress=progress,
                )
        except (OffsiteFailed, MaintenanceRunning, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
        if copying.is_on_same_disk:
            sentence = _("%(place)s is on the same disk as BACKUP_DIR: one broken disk takes both.")
            self.stderr.write(self.style.WARNING(sentence % {"place": copying.place}))
        if as_json:
            self.stdout.write(json.dumps(_facts(copying, dry_run=dry_run), ensure_ascii=False))
        elif options["verbosity"]:
            self.stdout.write(_sentence(copying, dry_run=dry_run))
        if copying.problems:
            raise CommandError(_complaint(copying), returncode=1)


def _sentence(copying: Copying, *, dry_run: bool) -> str:
    sentence = (
        _("%(place)s: would copy %(copied)d backups; %(present)d are there already.")
        if dry_run
        else _("%(place)s: copied %(copied)d backups; %(present)d were there already.")
    )
    facts = {"copied": len(copying.copied), "present": len(copying.present)}
    return sentence % {"place": copying.place, **facts}


def _complaint(copying: Copying) -> str:
    lines = "\n".join(f"{name}: {problem}" for name, problem in copying.problems.items())
    sentence = _("Not all was copied:\n%(problems)s\n→ Mend the cause, then type: manage.py copy_backups")
    return sentence % {"problems": lines}


def _facts(copying: Copying, *, dry_run: bool) -> dict[str, Any]:
    return {
        "place": copying.place,
        "dry_run": dry_run,
        "copied": copying.copied,
        "present": copying.present,
        "problems": copying.problems,
    }
