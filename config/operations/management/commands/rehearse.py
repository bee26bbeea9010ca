"""`manage.py rehearse`: try what is pending on a restored backup, forwards, back and forwards again."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations.backups import LATEST
from config.operations.encryption import UnusableIdentities
from config.operations.identity_option import add_identity_option, chosen_identities
from config.operations.long_work import long_work
from config.operations.result import write_result
from config.operations.schema_change.rehearsal import RehearsalOrder, UnableToRehearse, rehearse
from config.operations.schema_change.rehearsal_report import describe_rehearsal, rehearsal_facts


class Command(BaseCommand):
    help = _("Try what is pending on a restored backup, aside: forwards, back, and forwards again.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name",
            nargs="?",
            default=LATEST,
            help=_("A name from list_backups, or latest (default)."),
        )
        add_identity_option(parser)
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, name: str, as_json: bool, **options: Any) -> None:
        try:
            with long_work(verbosity=options["verbosity"]) as progress:
                rehearsed = rehearse(
                    order=RehearsalOrder(
                        folder=Path(settings.BACKUP_DIR),
                        now=timezone.now(),
                        name=name,
                        identities=chosen_identities(options["identity"]),
                        progress=progress,
                    )
                )
        except (UnableToRehearse, UnusableIdentities) as error:
            raise CommandError(str(error), returncode=2) from error
        write_result(
            command=self,
            facts=rehearsal_facts(rehearsed=rehearsed),
            lines=describe_rehearsal(rehearsed=rehearsed),
            as_json=as_json,
            verbosity=options["verbosity"],
        )
        if not rehearsed.passed:
            raise CommandError(
                _("The rehearsal failed, so this must not run.\n→ Mend the migrations, then rehearse again."),
                returncode=1,
            )
