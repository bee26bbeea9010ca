"""The option of every command that opens encrypted backups: the file of private keys, never a key itself."""

from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from config.operations.encryption import NO_IDENTITIES, Identities, read_identities


def add_identity_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--identity",
        type=Path,
        metavar="FILE",
        help=_(
            "The file of private keys that opens encrypted backups (otherwise that of BACKUP_IDENTITY_FILE)."
        ),
    )


def chosen_identities(file: Path | None) -> Identities:
    """Return the keys of `file` or of the configured one; UnusableIdentities says what is wrong with it."""
    chosen = file or settings.BACKUP_IDENTITY_FILE
    return read_identities(file=Path(chosen)) if chosen else NO_IDENTITIES
