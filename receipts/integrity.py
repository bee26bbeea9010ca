"""What may be wrong with receipts: their files, and how they hang together with settlements."""

import hashlib
from collections.abc import Iterator

from django.core import checks
from django.core.files.storage import default_storage
from django.db.models import F
from django.utils.translation import gettext as _

from config.repairs import Repair, RepairableError
from receipts.models import ReceiptScan, ReceiptValidation

# A copy of what the event says, which the trigger makes anew.
_REFRESH = "UPDATE receipt_scans SET organization_id = organization_id WHERE id = '%s'"
FOLDERS = ("receipts", "thumbnails")
# Weights of the first nine digits, of which the ninth counts once more, by its tens: the tax office's
# check of a business number (사업자등록번호 검증).
_WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3, 5)


def check_integrity(*, using: str) -> Iterator[checks.CheckMessage]:
    yield from _faulty_files(using)
    yield from _missing_thumbnails(using)
    yield from _files_without_a_row(using)
    yield from _scans_of_another_organization(using)
    yield from _scans_of_another_settlement(using)
    yield from _impossible_business_numbers(using)


def _faulty_files(using: str) -> Iterator[checks.CheckMessage]:
    for scan in ReceiptScan.objects.using(using).order_by("pk").iterator():
        try:
            altered = _sha256(str(scan.file)) != scan.sha256
        except FileNotFoundError:
            yield checks.Error(
                _("The file of this receipt is missing: %(name)s") % {"name": scan.file},
                hint=_("Copy it back from a backup; receipt files are part of it."),
                obj=scan,
                id="receipts.E101",
            )
        except OSError as error:
            yield checks.Error(
                _("The file of this receipt cannot be read: %(reason)s") % {"reason": error},
                hint=_("Give the user who runs this command access to MEDIA_ROOT, then check again."),
                obj=scan,
                id="receipts.E108",
            )
        else:
            yield from _altered_file(scan) if altered else ()


def _altered_file(scan: ReceiptScan) -> Iterator[checks.CheckMessage]:
    yield checks.Error(
        _("The file of this receipt has been altered: %(name)s") % {"name": scan.file},
        hint=_("Replace it with the one from a backup, and find out who could write to the storage."),
        obj=scan,
        id="receipts.E102",
    )


def _sha256(name: str) -> str:
    with default_storage.open(name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _missing_thumbnails(using: str) -> Iterator[checks.CheckMessage]:
    for scan in ReceiptScan.objects.using(using).exclude(thumbnail="").order_by("pk").iterator():
        if not default_storage.exists(str(scan.thumbnail)):
            yield checks.Warning(
                _("The small picture of this receipt is missing: %(name)s") % {"name": scan.thumbnail},
                hint=_("Read the receipt again; that makes a new one."),
                obj=scan,
                id="receipts.W103",
            )


def _files_without_a_row(using: str) -> Iterator[checks.CheckMessage]:
    scans = ReceiptScan.objects.using(using)
    known = {name for names in scans.values_list("file", "thumbnail") for name in names}
    for name in sorted(_names_in_storage() - known):
        yield checks.Warning(
            _("No receipt belongs to this file in the storage."),
            hint=_(
                "It is left over from an upload that failed or from a receipt that was deleted. "
                "Look at it, then delete it."
            ),
            obj=name,
            id="receipts.W104",
        )


def _names_in_storage() -> set[str]:
    return {name for folder in FOLDERS for name in _walk(folder)}


def _walk(folder: str) -> Iterator[str]:
    if not default_storage.exists(folder):
        return
    folders, files = default_storage.listdir(folder)
    yield from (f"{folder}/{file}" for file in files)
    for name in folders:
        yield from _walk(f"{folder}/{name}")


def _scans_of_another_organization(using: str) -> Iterator[checks.CheckMessage]:
    scans = ReceiptScan.objects.using(using).exclude(organization=F("settlement__event__organization"))
    for scan in scans.select_related("organization", "settlement__event__organization").order_by("pk"):
        event = scan.settlement.event
        yield RepairableError(
            _("This receipt is filed under %(filed)s, but “%(event)s” is an event of %(actual)s.")
            % {"filed": scan.organization, "event": event, "actual": event.organization},
            hint=_("Writing its organization again lets the trigger set_organization correct it."),
            obj=scan,
            id="receipts.E105",
            repair=Repair(statements=(_REFRESH % scan.pk,)),
        )


def _scans_of_another_settlement(using: str) -> Iterator[checks.CheckMessage]:
    matched = ReceiptScan.objects.using(using).exclude(settlement_item=None)
    strangers = matched.exclude(settlement_item__settlement=F("settlement"))
    for scan in strangers.select_related("settlement__event", "settlement_item").order_by("pk"):
        yield checks.Error(
            _("This receipt of “%(settlement)s” proves a line of another settlement: %(line)s")
            % {"settlement": scan.settlement, "line": scan.settlement_item},
            hint=_("Match it to a line of its own settlement."),
            obj=scan,
            id="receipts.E106",
        )


def _impossible_business_numbers(using: str) -> Iterator[checks.CheckMessage]:
    # What OCR read may be wrong; what a person has checked should not be.
    accepted = [ReceiptValidation.Status.CONFIRMED, ReceiptValidation.Status.CORRECTED]
    checked = ReceiptValidation.objects.using(using).filter(status__in=accepted).exclude(business_number="")
    for validation in checked.select_related("ocr_result__scan").order_by("pk").iterator():
        if not _has_valid_checksum(validation.business_number):
            yield checks.Warning(
                _("The check digit of the business number %(number)s is wrong.")
                % {"number": validation.business_number},
                hint=_("Compare it with the receipt; one digit was probably misread."),
                obj=validation,
                id="receipts.W107",
            )


def _has_valid_checksum(business_number: str) -> bool:
    digits = [int(digit) for digit in business_number.replace("-", "")]
    total = sum(digit * weight for digit, weight in zip(digits, _WEIGHTS, strict=False)) + digits[8] * 5 // 10
    return (10 - total % 10) % 10 == digits[9]
