"""`manage.py backup`: write a backup, and prove that it can be restored."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations import notifications
from config.operations.backup import (
    Backup,
    BackupNotProved,
    BackupPlan,
    UnableToBackUp,
    create_backup,
    plan_backup,
)
from config.operations.long_work import long_work
from config.operations.manifest import Kind, Level, State
from config.operations.offsite import CopyOfNew, copy_new_backup

_LEVELS = {State.VERIFIED: notifications.Level.INFO, State.FAILED: notifications.Level.ERROR}


class Command(BaseCommand):
    help = _("Write a backup of the database and the uploaded files, restore it aside and compare.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        verification = parser.add_mutually_exclusive_group()
        verification.add_argument(
            "--verify",
            choices=[level.value for level in Level],
            default=Level.RESTORED.value,
            help=_("L0 compares hashes, L1 reads the dump, L2 (default) restores it and compares."),
        )
        verification.add_argument(
            "--no-verify", action="store_true", help=_("Do not verify. The backup is then not proved.")
        )
        parser.add_argument("--reason", default="", help=_("Why this backup is made; kept in its manifest."))
        parser.add_argument(
            "--kind",
            choices=[kind.value for kind in Kind],
            default=Kind.MANUAL.value,
            help=_("What it is made for: prune_backups keeps those before a migration or restore longer."),
        )
        parser.add_argument("--pin", action="store_true", help=_("Never let prune_backups delete it."))
        parser.add_argument(
            "--dry-run", action="store_true", help=_("Say what would be backed up, and write nothing.")
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, as_json: bool, dry_run: bool, **options: Any) -> None:
        folder = Path(settings.BACKUP_DIR)
        try:
            if dry_run:
                plan = plan_backup(folder=folder)
            else:
                backup = self._create(folder, options)
        except UnableToBackUp as error:
            sentence = _("No backup was written. %(reason)s")
            raise _failure(sentence % {"reason": error}, tell=not dry_run) from error
        except BackupNotProved as error:
            raise _failure(str(error), tell=not dry_run) from error
        if dry_run:
            self._report(as_json, _plan_facts(plan), _plan_sentence(plan), options["verbosity"])
        else:
            self._conclude(backup, as_json, options["verbosity"])

    def _create(self, folder: Path, options: dict[str, Any]) -> Backup:
        with long_work(verbosity=options["verbosity"]) as progress:
            return create_backup(
                folder=folder,
                level=None if options["no_verify"] else Level(options["verify"]),
                now=timezone.now(),
                reason=options["reason"],
                kind=Kind(options["kind"]),
                pinned=options["pin"],
                progress=progress,
            )

    def _copy(self, backup: Backup, verbosity: int) -> CopyOfNew | None:
        if backup.manifest.state is not State.VERIFIED:
            return None
        with long_work(verbosity=verbosity) as progress:
            return copy_new_backup(
                folder=backup.path.parent,
                name=backup.manifest.id,
                now=timezone.now(),
                progress=progress,
            )

    def _conclude(self, backup: Backup, as_json: bool, verbosity: int) -> None:
        manifest, copy = backup.manifest, self._copy(backup, verbosity)
        summary = _summary(backup) + _copy_sentence(copy)
        level = _LEVELS.get(manifest.state, notifications.Level.WARNING)
        _tell(summary, level=notifications.Level.ERROR if copy and copy.problem else level)
        for name in manifest.files_vanished:
            sentence = _("The uploaded file %(name)s was deleted during the backup and is not in it.")
            self.stderr.write(self.style.WARNING(sentence % {"name": name}))
        self._report(as_json, _facts(backup, copy), self.style.SUCCESS(summary), verbosity)
        if manifest.state is State.FAILED:
            problems = "\n".join(manifest.verified[-1].problems)
            sentence = _("The backup %(name)s is not what was backed up:\n%(problems)s\n→ Make another one.")
            raise CommandError(sentence % {"name": manifest.id, "problems": problems}, returncode=1)
        if manifest.state is not State.VERIFIED:
            sentence = _("It has not been restored, so it is not proved. → manage.py verify_backup %(name)s")
            self.stderr.write(self.style.WARNING(sentence % {"name": manifest.id}))
        if copy is not None and copy.problem:
            raise CommandError(_copy_sentence(copy).strip(), returncode=1)

    def _report(self, as_json: bool, facts: dict[str, Any], sentence: str, verbosity: int) -> None:
        if as_json:
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
        elif verbosity:
            self.stdout.write(sentence)


def _failure(sentence: str, *, tell: bool) -> CommandError:
    if tell:
        _tell(sentence, level=notifications.Level.ERROR)
    return CommandError(sentence, returncode=2)


def _tell(sentence: str, *, level: notifications.Level) -> None:
    title = _("Backup of %(database)s") % {"database": connection.settings_dict["NAME"]}
    notifications.notify(title=title, text=sentence, level=level)


def _summary(backup: Backup) -> str:
    manifest = backup.manifest
    sentence = _(
        "%(path)s: %(tables)d tables, %(rows)d rows, %(size)s; %(files)d uploaded files, %(new)s of them new."
    )
    return sentence % {
        "path": backup.path,
        "tables": len(manifest.tables),
        "rows": manifest.rows,
        "size": filesizeformat(manifest.dump.stored.size),
        "files": len(manifest.files),
        "new": filesizeformat(backup.new_file_bytes),
    } + _proof_sentence(backup)


def _proof_sentence(backup: Backup) -> str:
    proof = backup.manifest.proof
    if proof is None:
        return ""
    return " " + _("Verified at level %(level)s in %(seconds).1f s.") % {
        "level": proof.level,
        "seconds": proof.seconds,
    }


def _copy_sentence(copy: CopyOfNew | None) -> str:
    if copy is None:
        return ""
    sentence = (
        _(
            "The backup is good here, but not off-site: %(problem)s\n"
            "→ Mend the cause, then type: manage.py copy_backups"
        )
        if copy.problem
        else _("Copied to %(place)s.")
    )
    return " " + sentence % {"place": copy.place, "problem": copy.problem}


def _facts(backup: Backup, copy: CopyOfNew | None) -> dict[str, Any]:
    manifest = backup.manifest
    return {
        "name": manifest.id,
        "path": str(backup.path),
        "state": manifest.state,
        "kind": manifest.kind,
        "pinned": manifest.pinned,
        "encrypted": manifest.is_encrypted,
        "offsite": _offsite_facts(copy) if copy else None,
        "level": manifest.proof.level if manifest.proof else None,
        "bytes": manifest.dump.stored.size,
        "sha256": manifest.dump.stored.sha256,
        "tables": len(manifest.tables),
        "rows": manifest.rows,
        "files": len(manifest.files),
        "new_file_bytes": backup.new_file_bytes,
        "seconds": {**manifest.seconds, "verification": sum(each.seconds for each in manifest.verified)},
    }


def _offsite_facts(copy: CopyOfNew) -> dict[str, Any]:
    copied_at = copy.copied_at.isoformat() if copy.copied_at else None
    return {"place": copy.place, "copied_at": copied_at, "problem": copy.problem}


def _plan_facts(plan: BackupPlan) -> dict[str, Any]:
    return {
        "folder": str(plan.folder),
        "database": plan.database.name,
        "database_bytes": plan.database.size,
        "tables": plan.tables,
        "files": plan.files,
        "free_bytes": plan.free,
    }


def _plan_sentence(plan: BackupPlan) -> str:
    sentence = _(
        "Would back up %(database)s (%(size)s, %(tables)d tables) and %(files)d uploaded files "
        "to %(folder)s, which has %(free)s free."
    )
    return sentence % {
        "database": plan.database.name,
        "size": filesizeformat(plan.database.size),
        "tables": plan.tables,
        "files": plan.files,
        "folder": plan.folder,
        "free": filesizeformat(plan.free),
    }
