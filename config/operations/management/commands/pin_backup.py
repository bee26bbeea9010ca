"""`manage.py pin_backup`: never let prune_backups delete this one."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations.backups import NoSuchBackup
from config.operations.maintenance import MaintenanceRunning
from config.operations.manifest import UnreadableManifest
from config.operations.pins import pin_backup


class Command(BaseCommand):
    help = _("Pin a backup, so that prune_backups never deletes it.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help=_("A name from list_backups, or latest."))
        parser.add_argument(
            "--unpin", action="store_false", dest="pinned", help=_("Let it be deleted again in its time.")
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, name: str, pinned: bool, as_json: bool, **options: Any) -> None:
        try:
            name = pin_backup(folder=Path(settings.BACKUP_DIR), name=name, pinned=pinned, now=timezone.now())
        except (NoSuchBackup, MaintenanceRunning, UnreadableManifest, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
        sentence = _("%(name)s is pinned.") if pinned else _("%(name)s is no longer pinned.")
        if as_json:
            self.stdout.write(json.dumps({"name": name, "pinned": pinned}))
        elif options["verbosity"]:
            self.stdout.write(self.style.SUCCESS(sentence % {"name": name}))
