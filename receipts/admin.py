"""The pages of receipts: scans, what was read from them, and what a person confirmed."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from budget.admin.columns import Column, status_badge, won_column
from budget.admin.records import ReadOnlyAdmin, RecordAdmin
from receipts.models import OcrResult, ReceiptScan, ReceiptValidation


def json_field(attribute: str, label: Any) -> Column:
    """Return a read-only field that shows JSON indented, with Hangul as Hangul."""

    @admin.display(description=label)
    def field(record: Any) -> SafeString:
        text = json.dumps(getattr(record, attribute), ensure_ascii=False, indent=2)
        return format_html('<pre class="json">{}</pre>', text)

    field.__name__ = f"json_{attribute}"
    return field


@admin.register(ReceiptScan)
class ReceiptScanAdmin(RecordAdmin):
    """A scan is matched to a line here; its file was uploaded elsewhere and stays as it is."""

    list_display = ("original_filename", "settlement", "settlement_item", status_badge, "size", "uploaded_by")
    list_filter = ("status", "organization")
    list_select_related = ("settlement__event", "settlement_item", "organization", "uploaded_by")
    search_fields = ("settlement__event__search_text",)
    search_help_text = _("Name or place of an event")
    ordering = ("-id",)
    fields = ("settlement_item",)
    autocomplete_fields = ("settlement_item",)
    state = (
        "original_filename",
        "settlement",
        "organization",
        status_badge,
        "error",
        "media_type",
        "size",
        "page_count",
        "width",
        "height",
        "sha256",
    )
    origin = ("uploaded_by", "created_at", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description=_("size"), ordering="byte_size")
    def size(self, scan: ReceiptScan) -> str:
        return filesizeformat(scan.byte_size)


@admin.register(OcrResult)
class OcrResultAdmin(ReadOnlyAdmin):
    list_display = (
        "scan",
        "engine",
        status_badge,
        "paid_on",
        "merchant",
        won_column("total_amount", _("total"), ordering="total_amount"),
        "confidence",
        "created_at",
    )
    list_filter = ("status",)
    list_select_related = ("scan",)
    search_fields = ("scan__settlement__event__search_text",)
    search_help_text = _("Name or place of an event")
    ordering = ("-id",)
    fields = ("scan", "engine", "engine_version")
    totals_title = _("Reading")
    totals = (
        "paid_on",
        "merchant",
        won_column("total_amount", _("total")),
        won_column("vat_amount", _("VAT")),
        "business_number",
        "payment_method",
        json_field("items", _("items")),
    )
    state = (
        status_badge,
        "error",
        "confidence",
        json_field("confidences", _("confidence of each field")),
        "duration_ms",
        "raw_text",
    )


@admin.register(ReceiptValidation)
class ReceiptValidationAdmin(RecordAdmin):
    list_display = (
        "ocr_result",
        status_badge,
        "paid_on",
        "merchant",
        won_column("total_amount", _("total"), ordering="total_amount"),
        "validated_by",
        "validated_at",
    )
    list_filter = ("status", "payment_method")
    list_select_related = ("ocr_result__scan", "validated_by")
    search_fields = ("ocr_result__scan__settlement__event__search_text",)
    search_help_text = _("Name or place of an event")
    ordering = ("-id",)
    fields = ("ocr_result", "paid_on", "merchant", "total_amount", "business_number", "payment_method")
    autocomplete_fields = ("ocr_result",)
    state = (
        status_badge,
        "validated_by",
        "validated_at",
        "rejection_reason",
        json_field("items", _("items")),
        json_field("corrections", _("corrections")),
    )
