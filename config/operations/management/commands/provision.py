"""`manage.py provision`: the roles, the database, the extensions and the privileges of this environment."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from config.operations.provision import (
    Provisioning,
    UnableToProvision,
    check_provision,
    named_site,
    provision,
)
from config.operations.provision_script import provision_script


class Command(BaseCommand):
    help = _("Create roles, database and extensions with the fewest privileges; repeat it at any time.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        way = parser.add_mutually_exclusive_group()
        way.add_argument(
            "--check", action="store_true", help=_("Compare, write nothing, and exit with 1 on a difference.")
        )
        way.add_argument(
            "--dry-run", action="store_true", help=_("Say what would be put right, and exit with 0.")
        )
        way.add_argument(
            "--sql",
            action="store_true",
            help=_("Print a script for psql, without passwords, for somebody who administers the server."),
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, check: bool, dry_run: bool, sql: bool, **options: Any) -> None:
        try:
            if sql:
                self._print_script(options["as_json"])
                return
            result = check_provision() if check or dry_run else provision()
        except UnableToProvision as error:
            raise CommandError(str(error), returncode=2) from error
        if options["as_json"]:
            answer = {**asdict(result.site), "done": result.done, "differences": result.differences}
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
        elif options["verbosity"]:
            self._print(result, dry_run=dry_run)
        if result.differences and not dry_run:
            sys.exit(1)

    def _print_script(self, as_json: bool) -> None:
        script = provision_script(site=named_site())
        self.stdout.write(json.dumps({"sql": script}, ensure_ascii=False) if as_json else script, ending="")

    def _print(self, result: Provisioning, *, dry_run: bool) -> None:
        for sentence in result.done:
            self.stdout.write(_("Put right: %(difference)s") % {"difference": sentence})
        for sentence in result.differences:
            line = _("Would put right: %(difference)s") % {"difference": sentence} if dry_run else sentence
            self.stdout.write(line if dry_run else self.style.ERROR(line))
        if not result.differences:
            sentence = _(
                "%(owner)s owns %(database)s, and %(application)s may use it: all is as it should be."
            )
            self.stdout.write(self.style.SUCCESS(sentence % asdict(result.site)))
