"""`manage.py list_backups`: which backups exist, how old they are, and what each is worth."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from config.operations.backups import ListedBackup, list_backups
from config.operations.manifest import Manifest, State
from config.operations.offsite import list_copies
from config.operations.offsite_storage import OffsiteFailed, configured_offsite


class Command(BaseCommand):
    help = _("List the backups, newest first: age, size, how far each is proved, whether it fits this code.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--offsite", action="store_true", help=_("Look at what lies in the off-site storage.")
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, as_json: bool, offsite: bool, **options: Any) -> None:
        folder, found = _copies() if offsite else _backups()
        if as_json:
            answer = {"folder": folder, "backups": [_facts(backup) for backup in found]}
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        if not options["verbosity"]:
            return
        for backup in found:
            style = self.style.SUCCESS if backup.state == State.VERIFIED else self.style.WARNING
            self.stdout.write(style(backup.name) + f"\n  {_describe(backup)}")
        if not any(backup.is_restorable for backup in found):
            sentence = _("There is no usable backup in %(folder)s. → Type: manage.py backup")
            self.stderr.write(self.style.WARNING(sentence % {"folder": folder}))


def _backups() -> tuple[str, tuple[ListedBackup, ...]]:
    folder = Path(settings.BACKUP_DIR)
    return str(folder), list_backups(folder=folder)


def _copies() -> tuple[str, tuple[ListedBackup, ...]]:
    try:
        offsite = configured_offsite()
        return offsite.place, list_copies(offsite=offsite)
    except OffsiteFailed as error:
        raise CommandError(str(error), returncode=2) from error


def _describe(backup: ListedBackup) -> str:
    manifest = backup.manifest
    if manifest is None or backup.problem:
        sentences = {
            "partial": _("partial, no backup: %(problem)s"),
            "deleting": _("half deleted, no backup: %(problem)s"),
        }
        sentence = sentences.get(backup.state, _("damaged: %(problem)s"))
        return sentence % {"problem": backup.problem}
    parts = [_("%(time)s ago") % {"time": timesince(manifest.started_at, timezone.now())}]
    parts += [filesizeformat(manifest.size), _worth(backup)]
    parts += _marks(manifest)
    if manifest.reason:
        parts.append(manifest.reason)
    if backup.unknown_migrations:
        sentence = _("not restorable by this code, which does not know %(migrations)s")
        parts.append(sentence % {"migrations": ", ".join(backup.unknown_migrations)})
    return " · ".join(parts)


def _marks(manifest: Manifest) -> list[str]:
    marks = {
        _("encrypted"): manifest.is_encrypted,
        _("pinned"): manifest.pinned,
        _("off-site"): bool(manifest.copies),
    }
    return [mark for mark, is_set in marks.items() if is_set]


def _worth(backup: ListedBackup) -> str:
    manifest = backup.manifest
    if manifest is None or manifest.state is State.FAILED:
        return _("failed its verification, do not rely on it")
    if manifest.proof is None:
        return _("complete, not verified")
    facts = {"level": manifest.proof.level, "time": timesince(manifest.proof.at, timezone.now())}
    if manifest.state is State.VERIFIED:
        return _("verified (%(level)s) %(time)s ago") % facts
    return _("complete, only %(level)s was verified, %(time)s ago") % facts


def _facts(backup: ListedBackup) -> dict[str, Any]:
    manifest = backup.manifest
    facts = {
        "name": backup.name,
        "state": backup.state,
        "restorable": backup.is_restorable,
        "problem": backup.problem,
        "unknown_migrations": backup.unknown_migrations,
    }
    if manifest is not None:
        facts |= {
            "started_at": manifest.started_at.isoformat(),
            "age_seconds": round((timezone.now() - manifest.started_at).total_seconds()),
            "database": manifest.database.name,
            "bytes": manifest.size,
            "reason": manifest.reason,
            "kind": manifest.kind,
            "encrypted": manifest.is_encrypted,
            "pinned": manifest.pinned,
            "copies": [{"at": copy.at.isoformat(), "place": copy.place} for copy in manifest.copies],
            "level": manifest.proof.level if manifest.proof else None,
            "verified_at": manifest.proof.at.isoformat() if manifest.proof else None,
        }
    return facts
