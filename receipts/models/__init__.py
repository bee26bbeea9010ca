"""Receipts: the scan (the file), its readings (what OCR saw) and their validation (who agreed)."""

from receipts.models.ocr_results import OcrResult
from receipts.models.scans import ReceiptScan
from receipts.models.validations import ReceiptValidation

__all__ = ["OcrResult", "ReceiptScan", "ReceiptValidation"]
