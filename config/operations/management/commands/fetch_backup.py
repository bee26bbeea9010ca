"""`manage.py fetch_backup`: bring a backup back from the off-site storage."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations.backups import LATEST, NoSuchBackup
from config.operations.durable_files import NotEnoughSpace
from config.operations.long_work import long_work
from config.operations.maintenance import MaintenanceRunning
from config.operations.offsite import NotCopied, fetch_backup
from config.operations.offsite_storage import ArrivedDamaged, OffsiteFailed, configured_offsite


class Command(BaseCommand):
    help = _("Copy a backup from the off-site storage into BACKUP_DIR, and compare what arrived.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name",
            nargs="?",
            default=LATEST,
            help=_("A name from list_backups --offsite, or latest (default)."),
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, name: str, as_json: bool, **options: Any) -> None:
        try:
            with long_work(verbosity=options["verbosity"]) as progress:
                path = fetch_backup(
                    offsite=configured_offsite(),
                    folder=Path(settings.BACKUP_DIR),
                    name=name,
                    now=timezone.now(),
                    progress=progress,
                )
        except ArrivedDamaged as error:
            sentence = _("%(reason)s\n→ Take another one: manage.py list_backups --offsite")
            raise CommandError(sentence % {"reason": error}, returncode=1) from error
        except (OffsiteFailed, NotCopied, NoSuchBackup, MaintenanceRunning, NotEnoughSpace, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
        if as_json:
            self.stdout.write(json.dumps({"name": path.name, "path": str(path)}))
        elif options["verbosity"]:
            sentence = _("%(path)s is here, every file of it compared. → manage.py verify_backup %(name)s")
            self.stdout.write(self.style.SUCCESS(sentence % {"path": path, "name": path.name}))
