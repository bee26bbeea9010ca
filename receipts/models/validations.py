"""Validations: what a person confirmed or corrected of a reading."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.declaration import Audited
from budget.models import User
from budget.money import LARGEST_AMOUNT
from receipts.models.contents import ReceiptContent, content_constraints, has_json_type
from receipts.models.ocr_results import OcrResult


class ReceiptValidation(ReceiptContent):
    class Status(models.TextChoices):
        PENDING = "PENDING", _("To be checked")
        CONFIRMED = "CONFIRMED", _("Confirmed")
        CORRECTED = "CORRECTED", _("Corrected")
        REJECTED = "REJECTED", _("Rejected")

    ocr_result = models.OneToOneField(
        OcrResult,
        on_delete=models.CASCADE,
        related_name="validation",
        verbose_name=_("OCR result"),
        db_comment="The reading that a person checked",
        error_messages={"unique": _("This reading has been checked already.")},
    )
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=Status,
        default=Status.PENDING,
        db_default=Status.PENDING,
        db_comment="PENDING, CONFIRMED, CORRECTED or REJECTED",
    )
    corrections = models.JSONField(
        _("corrections"),
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        db_comment="Field → [read, validated]",
    )
    validated_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="validations",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("checked by"),
        db_comment="Who checked it",
    )
    validated_at = models.DateTimeField(
        _("checked at"), null=True, blank=True, db_comment="When it was checked"
    )
    rejection_reason = models.TextField(
        _("reason for rejection"), blank=True, default="", db_default="", db_comment="Required when REJECTED"
    )

    audited = Audited(organization="ocr_result_id", through="ocr_results")

    class Meta:
        db_table = "receipt_validations"
        db_table_comment = "What a person confirmed of a reading (영수증 확인)"
        verbose_name = _("receipt validation")
        verbose_name_plural = _("receipt validations")
        constraints = (
            *content_constraints("receipt_validation"),
            models.CheckConstraint(
                condition=models.Q(status__in=["PENDING", "CONFIRMED", "CORRECTED", "REJECTED"]),
                name="receipt_validation_status_valid",
                violation_error_message=_("Choose one of the listed states for this check."),
            ),
            models.CheckConstraint(
                condition=models.Q(status="PENDING")
                | models.Q(validated_by__isnull=False, validated_at__isnull=False),
                name="receipt_validation_checker_known",
                violation_error_message=_("A checked reading needs who checked it, and when."),
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["PENDING", "REJECTED"])
                | models.Q(paid_on__isnull=False, total_amount__isnull=False, merchant__regex=r"\S"),
                name="receipt_validation_fields_present",
                violation_error_message=_("Fill in date, merchant and total before you confirm."),
            ),
            models.CheckConstraint(
                condition=models.Q(total_amount__range=(1, LARGEST_AMOUNT)),
                name="receipt_validation_total_amount_range",
                violation_error_message=_("The total is between 1 and 1 trillion won."),
            ),
            models.CheckConstraint(
                condition=has_json_type("corrections", "object"),
                name="receipt_validation_corrections_by_field",
                violation_error_message=_("The corrections of a reading are given for each field."),
            ),
            models.CheckConstraint(
                condition=~models.Q(status="REJECTED") | models.Q(rejection_reason__regex=r"\S"),
                name="receipt_validation_rejection_has_reason",
                violation_error_message=_("Say why the receipt is rejected."),
            ),
        )
        indexes = (
            # What waits to be checked, oldest first.
            models.Index(fields=["status", "created_at"], name="receipt_validations_by_status"),
            # Whether a person may be deleted; a person's checks.
            models.Index(fields=["validated_by"], name="receipt_validations_by_checker"),
        )

    def __str__(self) -> str:
        return f"{self.ocr_result} ({self.get_status_display()})"
