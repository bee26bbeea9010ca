"""`manage.py verify_backup`: is this backup one?"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations.backups import LATEST, NoSuchBackup
from config.operations.encryption import UnusableIdentities
from config.operations.identity_option import add_identity_option, chosen_identities
from config.operations.long_work import long_work
from config.operations.maintenance import MaintenanceRunning
from config.operations.manifest import Level
from config.operations.verification import UnableToVerify, VerifiedBackup, verify_backup


class Command(BaseCommand):
    help = _("Verify a backup; by default it is restored into a throw-away server and compared.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name",
            nargs="?",
            default=LATEST,
            help=_("A name from list_backups, or latest (default)."),
        )
        parser.add_argument(
            "--level",
            choices=[level.value for level in Level],
            default=Level.RESTORED.value,
            help=_("L0 compares hashes, L1 reads the dump, L2 (default) restores it and compares."),
        )
        add_identity_option(parser)
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, name: str, level: str, as_json: bool, **options: Any) -> None:
        try:
            with long_work(verbosity=options["verbosity"]) as progress:
                verified = verify_backup(
                    folder=Path(settings.BACKUP_DIR),
                    name=name,
                    level=Level(level),
                    now=timezone.now(),
                    progress=progress,
                    identities=chosen_identities(options["identity"]),
                )
        except (NoSuchBackup, MaintenanceRunning, UnableToVerify, UnusableIdentities, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
        if as_json:
            self.stdout.write(_as_json(verified))
        elif options["verbosity"] and verified.verification.passed:
            self.stdout.write(self.style.SUCCESS(_sentence(verified)))
        if not verified.verification.passed:
            raise CommandError(_complaint(verified), returncode=1)


def _sentence(verified: VerifiedBackup) -> str:
    sentence = _("%(name)s is verified at level %(level)s (%(seconds).1f s).")
    return sentence % {"name": verified.name, **asdict(verified.verification)}


def _complaint(verified: VerifiedBackup) -> str:
    sentence = _(
        "%(name)s is not to be relied on:\n%(problems)s\n"
        "→ Make another one: manage.py backup; or look for an older one: manage.py list_backups"
    )
    return sentence % {"name": verified.name, "problems": "\n".join(verified.verification.problems)}


def _as_json(verified: VerifiedBackup) -> str:
    verification = verified.verification
    answer = {"name": verified.name, **asdict(verification), "at": verification.at.isoformat()}
    return json.dumps(answer, ensure_ascii=False)
