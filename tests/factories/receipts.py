"""Rows of the receipts app."""

import datetime
import hashlib

import factory
from django.utils import timezone

from receipts.models import OcrResult, ReceiptScan, ReceiptValidation
from tests.factories.budget import SettlementFactory, UserFactory


def why_failed(row: factory.builder.Resolver) -> str:
    return "읽을 수 없는 파일" if row.status == "FAILED" else ""


class ReceiptScanFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ReceiptScan

    settlement = factory.SubFactory(SettlementFactory)
    uploaded_by = factory.SubFactory(UserFactory)
    status = "UPLOADED"
    original_filename = "20250805 식재료(김은총).jpg"
    sha256 = factory.Sequence(lambda n: hashlib.sha256(str(n).encode()).hexdigest())
    file = factory.LazyAttribute(lambda row: f"receipts/{row.sha256[:2]}/{row.sha256}")
    byte_size = 34_895
    media_type = "image/jpeg"
    error = factory.LazyAttribute(why_failed)


class OcrResultFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = OcrResult

    scan = factory.SubFactory(ReceiptScanFactory)
    engine = "tesseract"
    status = "SUCCEEDED"
    error = factory.LazyAttribute(why_failed)


def checked(validation: factory.builder.Resolver) -> bool:
    return validation.status != "PENDING"


def accepted(validation: factory.builder.Resolver) -> bool:
    return validation.status in {"CONFIRMED", "CORRECTED"}


class ReceiptValidationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ReceiptValidation

    ocr_result = factory.SubFactory(OcrResultFactory)
    status = "PENDING"
    validated_by = factory.LazyAttribute(lambda row: UserFactory() if checked(row) else None)
    validated_at = factory.LazyAttribute(lambda row: timezone.now() if checked(row) else None)
    paid_on = factory.LazyAttribute(lambda row: datetime.date(2025, 8, 5) if accepted(row) else None)
    merchant = factory.LazyAttribute(lambda row: "은총마트" if accepted(row) else "")
    total_amount = factory.LazyAttribute(lambda row: 35_000 if accepted(row) else None)
    rejection_reason = factory.LazyAttribute(lambda row: "영수증이 아님" if row.status == "REJECTED" else "")
