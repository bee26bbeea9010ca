"""The pages of receipts."""

import pytest
from django.urls import reverse
from django.utils.translation import gettext, override

from receipts.models import OcrResult, ReceiptScan, ReceiptValidation
from tests.factories import (
    OcrResultFactory,
    ReceiptScanFactory,
    ReceiptValidationFactory,
    SettlementItemFactory,
)


@pytest.fixture
def client(client, superuser):
    client.force_login(superuser)
    return client


class TestScanPage:
    def test_matches_a_scan_to_a_line_and_changes_nothing_of_the_file(self, client):
        scan = ReceiptScanFactory()
        line = SettlementItemFactory(settlement=scan.settlement)

        client.post(
            reverse("admin:receipts_receiptscan_change", args=(scan.pk,)),
            {"settlement_item": line.pk, "sha256": "0" * 64, "original_filename": "other.jpg"},
        )

        changed = ReceiptScan.objects.get()
        assert changed.settlement_item == line
        assert (changed.sha256, changed.original_filename) == (scan.sha256, scan.original_filename)

    def test_refuses_a_line_of_another_settlement_with_a_sentence(self, client):
        scan, line = ReceiptScanFactory(), SettlementItemFactory()

        response = client.post(
            reverse("admin:receipts_receiptscan_change", args=(scan.pk,)), {"settlement_item": line.pk}
        )

        with override("ko"):
            refusal = gettext("Choose a line of the settlement that the receipt belongs to.")
        assert refusal in response.text
        assert ReceiptScan.objects.get().settlement_item is None

    def test_adds_no_scan_because_uploads_come_from_elsewhere(self, client):
        assert client.get(reverse("admin:receipts_receiptscan_add")).status_code == 403

    def test_does_not_link_to_the_file(self, client):
        scan = ReceiptScanFactory()

        page = client.get(reverse("admin:receipts_receiptscan_change", args=(scan.pk,))).text

        assert scan.file.name not in page


class TestReadingPage:
    @pytest.mark.parametrize("page", ["change", "delete"])
    def test_cannot_be_written(self, client, page):
        reading = OcrResultFactory(merchant="은총마트")

        response = client.post(reverse(f"admin:receipts_ocrresult_{page}", args=(reading.pk,)), {})

        assert response.status_code == 403
        assert OcrResult.objects.get().merchant == "은총마트"

    def test_shows_its_items_indented_and_in_hangul(self, client):
        reading = OcrResultFactory(items=[{"name": "식재료"}])

        page = client.get(reverse("admin:receipts_ocrresult_change", args=(reading.pk,))).text

        assert "&quot;name&quot;: &quot;식재료&quot;" in page


class TestValidationPage:
    def test_corrects_values_and_leaves_the_state_alone(self, client):
        validation = ReceiptValidationFactory()

        client.post(
            reverse("admin:receipts_receiptvalidation_change", args=(validation.pk,)),
            {
                "ocr_result": validation.ocr_result_id,
                "total_amount": "35,000",
                "merchant": "은총마트",
                "status": "CONFIRMED",
            },
        )

        changed = ReceiptValidation.objects.get()
        assert (changed.total_amount, changed.status) == (35_000, "PENDING")
