"""Scans: the photographed or scanned receipts, as files."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.declaration import Audited
from budget.models import Organization, Settlement, SettlementItem, User
from budget.models.records import Record

LARGEST_FILE = 10 * 1024 * 1024  # bytes
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/tiff", "image/heic", "application/pdf")


def scan_path(scan: "ReceiptScan", filename: str) -> str:
    """Name the file by its content, so that no name from outside reaches the storage."""
    return f"receipts/{scan.sha256[:2]}/{scan.sha256}"


def thumbnail_path(scan: "ReceiptScan", filename: str) -> str:
    return f"thumbnails/{scan.sha256[:2]}/{scan.sha256}.jpg"


class ReceiptScan(Record):
    class Status(models.TextChoices):
        UPLOADED = "UPLOADED", _("Uploaded")
        PROCESSING = "PROCESSING", _("Being read")
        PROCESSED = "PROCESSED", _("Read")
        FAILED = "FAILED", _("Failed")

    settlement = models.ForeignKey(
        Settlement,
        on_delete=models.PROTECT,
        related_name="scans",
        db_index=False,
        verbose_name=_("settlement"),
        db_comment="The settlement it is evidence for",
    )
    # Removing a line returns its receipts to the inbox: evidence outlives what it was matched to.
    settlement_item = models.ForeignKey(
        SettlementItem,
        on_delete=models.SET_NULL,
        related_name="scans",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("settlement item"),
        db_comment="The line it proves; empty until matched",
    )
    # A trigger copies it from the settlement's event: a unique constraint cannot look through a join.
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="scans",
        blank=True,
        editable=False,
        db_index=False,
        verbose_name=_("organization"),
        db_comment="Organization of the event, kept by a trigger",
    )
    uploaded_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="uploaded_scans",
        db_index=False,
        verbose_name=_("uploaded by"),
        db_comment="Who uploaded it",
    )
    file = models.FileField(
        _("file"), max_length=200, upload_to=scan_path, db_comment="Name in the storage, from sha256"
    )
    original_filename = models.CharField(
        _("file name"), max_length=255, db_comment="Name on the device it came from"
    )
    sha256 = models.CharField(_("SHA-256"), max_length=64, db_comment="SHA-256 of the file, hexadecimal")
    perceptual_hash = models.CharField(
        _("perceptual hash"),
        max_length=16,
        blank=True,
        default="",
        db_default="",
        db_comment="Finds photos that look alike; 64 bits, hexadecimal",
    )
    byte_size = models.IntegerField(_("size"), db_comment="Bytes")
    media_type = models.CharField(_("media type"), max_length=50, db_comment="By content, not by name")
    width = models.IntegerField(_("width"), null=True, blank=True, db_comment="Pixels")
    height = models.IntegerField(_("height"), null=True, blank=True, db_comment="Pixels")
    page_count = models.IntegerField(_("pages"), default=1, db_default=1, db_comment="Pages; 1 for a photo")
    thumbnail = models.FileField(
        _("thumbnail"),
        max_length=200,
        upload_to=thumbnail_path,
        blank=True,
        default="",
        db_default="",
        db_comment="Name of the small picture in the storage",
    )
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=Status,
        default=Status.UPLOADED,
        db_default=Status.UPLOADED,
        db_comment="UPLOADED, PROCESSING, PROCESSED or FAILED",
    )
    error = models.TextField(_("error"), blank=True, default="", db_default="", db_comment="Why it FAILED")

    audited = Audited(organization="organization_id")

    class Meta:
        db_table = "receipt_scans"
        db_table_comment = "Photographed or scanned receipts (영수증)"
        verbose_name = _("receipt scan")
        verbose_name_plural = _("receipt scans")
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "sha256"],
                name="receipt_scan_file_unique",
                violation_error_message=_("This organization has uploaded this very file already."),
            ),
            models.CheckConstraint(
                condition=models.Q(sha256__regex=r"^[0-9a-f]{64}$"),
                name="receipt_scan_sha256_format",
                violation_error_message=_("The SHA-256 of a file has 64 hexadecimal digits."),
            ),
            models.CheckConstraint(
                condition=models.Q(perceptual_hash="") | models.Q(perceptual_hash__regex=r"^[0-9a-f]{16}$"),
                name="receipt_scan_perceptual_hash_format",
                violation_error_message=_("The perceptual hash of a picture has 16 hexadecimal digits."),
            ),
            models.CheckConstraint(
                condition=models.Q(byte_size__range=(1, LARGEST_FILE)),
                name="receipt_scan_byte_size_range",
                violation_error_message=_("A file has at most 10 MB and is not empty."),
            ),
            models.CheckConstraint(
                condition=models.Q(media_type__in=MEDIA_TYPES),
                name="receipt_scan_media_type_valid",
                violation_error_message=_("Upload a JPEG, PNG, WEBP, TIFF, HEIC or PDF file."),
            ),
            models.CheckConstraint(
                condition=models.Q(width__isnull=True, height__isnull=True)
                | models.Q(width__gt=0, width__isnull=False, height__gt=0, height__isnull=False),
                name="receipt_scan_dimensions_positive",
                violation_error_message=_("A picture has a width and a height."),
            ),
            models.CheckConstraint(
                condition=models.Q(page_count__gte=1),
                name="receipt_scan_page_count_positive",
                violation_error_message=_("A file has at least one page."),
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["UPLOADED", "PROCESSING", "PROCESSED", "FAILED"]),
                name="receipt_scan_status_valid",
                violation_error_message=_("Choose one of the listed states for this scan."),
            ),
            models.CheckConstraint(
                condition=~models.Q(status="FAILED") | ~models.Q(error=""),
                name="receipt_scan_failure_has_error",
                violation_error_message=_("Say why the scan failed."),
            ),
        )
        indexes = (
            # The receipts of a settlement in the order of upload: the inbox, and form 4's pictures.
            models.Index(fields=["settlement", "created_at"], name="receipt_scans_by_settlement"),
            # The receipts of a line: its evidence on form 4.
            models.Index(fields=["settlement_item"], name="receipt_scans_by_item"),
            # Whether a person may be deleted; a person's uploads.
            models.Index(fields=["uploaded_by"], name="receipt_scans_by_uploader"),
        )

    def __str__(self) -> str:
        return self.original_filename

    def clean(self) -> None:
        # The trigger's twin, so that full_clean() can see a file that the organization has already.
        self.organization_id = self.settlement.event.organization_id
        if self.settlement_item and self.settlement_item.settlement_id != self.settlement_id:
            sentence = _("Choose a line of the settlement that the receipt belongs to.")
            raise ValidationError({"settlement_item": sentence})
