"""OCR results: what a program read from a scan."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.declaration import Audited
from budget.money import LARGEST_AMOUNT, MoneyField
from receipts.models.contents import ReceiptContent, content_constraints, has_json_type
from receipts.models.scans import ReceiptScan


class OcrResult(ReceiptContent):
    class Status(models.TextChoices):
        SUCCEEDED = "SUCCEEDED", _("Succeeded")
        FAILED = "FAILED", _("Failed")

    scan = models.ForeignKey(
        ReceiptScan,
        on_delete=models.CASCADE,
        related_name="ocr_results",
        db_index=False,
        verbose_name=_("receipt scan"),
        db_comment="The scan that was read; the newest result counts",
    )
    engine = models.CharField(_("engine"), max_length=50, db_comment="Program that read it")
    engine_version = models.CharField(
        _("engine version"), max_length=50, blank=True, default="", db_default="", db_comment="Its version"
    )
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=Status,
        default=Status.SUCCEEDED,
        db_default=Status.SUCCEEDED,
        db_comment="SUCCEEDED or FAILED",
    )
    raw_text = models.TextField(
        _("text"), blank=True, default="", db_default="", db_comment="All that was read"
    )
    words = models.JSONField(
        _("words"),
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        db_comment="[{text, box: [left, top, right, bottom] in pixels, confidence: 0–1}]",
    )
    vat_amount = MoneyField(_("VAT"), null=True, blank=True, db_comment="부가세, won")
    confidence = models.DecimalField(
        _("confidence"), max_digits=4, decimal_places=3, null=True, blank=True, db_comment="Overall, 0–1"
    )
    confidences = models.JSONField(
        _("confidence of each field"),
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        db_comment="Field → 0–1",
    )
    duration_ms = models.IntegerField(_("duration"), null=True, blank=True, db_comment="Milliseconds")
    error = models.TextField(_("error"), blank=True, default="", db_default="", db_comment="Why it FAILED")

    audited = Audited(masked=("raw_text", "words"), organization="scan_id", through="receipt_scans")

    class Meta:
        db_table = "ocr_results"
        db_table_comment = "What a program read from a scan (문자 인식 결과)"
        verbose_name = _("OCR result")
        verbose_name_plural = _("OCR results")
        constraints = (
            *content_constraints("ocr_result"),
            models.CheckConstraint(
                condition=models.Q(status__in=["SUCCEEDED", "FAILED"]),
                name="ocr_result_status_valid",
                violation_error_message=_("Choose one of the listed states for this reading."),
            ),
            models.CheckConstraint(
                condition=~models.Q(status="FAILED") | ~models.Q(error=""),
                name="ocr_result_failure_has_error",
                violation_error_message=_("Say why the reading failed."),
            ),
            models.CheckConstraint(
                condition=models.Q(total_amount__range=(0, LARGEST_AMOUNT)),
                name="ocr_result_total_amount_range",
                violation_error_message=_("The total is between 0 and 1 trillion won."),
            ),
            models.CheckConstraint(
                condition=models.Q(vat_amount__range=(0, LARGEST_AMOUNT)),
                name="ocr_result_vat_amount_range",
                violation_error_message=_("The VAT is between 0 and 1 trillion won."),
            ),
            models.CheckConstraint(
                condition=models.Q(confidence__range=(0, 1)),
                name="ocr_result_confidence_range",
                violation_error_message=_("A confidence is between 0 and 1."),
            ),
            models.CheckConstraint(
                condition=has_json_type("words", "array"),
                name="ocr_result_words_are_list",
                violation_error_message=_("The words of a reading are a list."),
            ),
            models.CheckConstraint(
                condition=has_json_type("confidences", "object"),
                name="ocr_result_confidences_by_field",
                violation_error_message=_("The confidences of a reading are given for each field."),
            ),
            models.CheckConstraint(
                condition=~models.Func(
                    models.F("confidences"),
                    models.Value('$.* ? (@ < 0 || @ > 1 || @.type() != "number")'),
                    function="jsonb_path_exists",
                    template="%(function)s(%(expressions)s::jsonpath)",
                    output_field=models.BooleanField(),
                ),
                name="ocr_result_confidences_range",
                violation_error_message=_("The confidence of each field is between 0 and 1."),
            ),
            models.CheckConstraint(
                condition=models.Q(duration_ms__gte=0),
                name="ocr_result_duration_not_negative",
                violation_error_message=_("A duration is not negative."),
            ),
        )
        indexes = (
            # The newest reading of a scan: the page where it is checked.
            models.Index(fields=["scan", "-created_at"], name="ocr_results_by_scan"),
        )

    def __str__(self) -> str:
        return f"{self.scan} · {self.engine} {self.engine_version}".rstrip()
