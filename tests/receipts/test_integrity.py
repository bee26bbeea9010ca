import hashlib

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from receipts.integrity import check_integrity
from receipts.models import ReceiptScan
from tests.factories import (
    OrganizationFactory,
    ReceiptScanFactory,
    ReceiptValidationFactory,
    SettlementItemFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def upload(content=b"a receipt", **fields):
    scan = ReceiptScanFactory(sha256=hashlib.sha256(content).hexdigest(), **fields)
    default_storage.save(scan.file.name, ContentFile(content))
    return scan


def find():
    return list(check_integrity(using="default"))


class TestFiles:
    def test_that_are_there_and_unaltered_are_fine(self):
        upload()

        assert find() == []

    def test_that_are_missing_are_found(self):
        scan = upload()
        default_storage.delete(scan.file.name)

        [problem] = find()

        assert problem.id == "receipts.E101"
        assert problem.obj == scan

    def test_that_were_altered_are_found(self):
        scan = upload()
        with default_storage.open(scan.file.name, "wb") as file:
            file.write(b"a Receipt")

        [problem] = find()

        assert problem.id == "receipts.E102"
        assert problem.obj == scan

    def test_that_cannot_be_read_are_found(self):
        scan = upload()
        default_storage.delete(scan.file.name)
        (default_storage.base_location / scan.file.name).mkdir()

        [problem] = find()

        assert problem.id == "receipts.E108"
        assert problem.obj == scan

    def test_without_a_row_are_found(self):
        upload()
        default_storage.save("receipts/00/stray", ContentFile(b"stray"))
        default_storage.save("thumbnails/00/stray.jpg", ContentFile(b"stray"))

        assert [(problem.id, problem.obj) for problem in find()] == [
            ("receipts.W104", "receipts/00/stray"),
            ("receipts.W104", "thumbnails/00/stray.jpg"),
        ]

    def test_of_others_in_the_storage_are_none_of_our_business(self):
        default_storage.save("exports/form.pdf", ContentFile(b"form"))

        assert find() == []


class TestThumbnails:
    def test_that_are_missing_are_found(self):
        scan = upload(thumbnail="thumbnails/00/lost.jpg")

        [problem] = find()

        assert problem.id == "receipts.W103"
        assert problem.obj == scan

    def test_that_are_there_are_fine(self):
        name = default_storage.save("thumbnails/00/here.jpg", ContentFile(b"small"))
        upload(thumbnail=name)

        assert find() == []


class TestScans:
    def test_filed_under_another_organization_are_found(self):
        scan = upload()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE receipt_scans DISABLE TRIGGER set_organization")
        ReceiptScan.objects.update(organization=OrganizationFactory(name="남의 단체"))

        [problem] = find()

        assert problem.id == "receipts.E105"
        assert problem.obj == scan
        assert "남의 단체" in problem.msg

    def test_that_prove_a_line_of_another_settlement_are_found(self):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE receipt_scans DROP CONSTRAINT receipt_scan_item_of_settlement")
        scan = upload(settlement_item=SettlementItemFactory())

        [problem] = find()

        assert problem.id == "receipts.E106"
        assert problem.obj == scan

    def test_that_prove_a_line_of_their_own_settlement_are_fine(self):
        item = SettlementItemFactory()
        upload(settlement=item.settlement, settlement_item=item)

        assert find() == []


class TestBusinessNumbers:
    def validate(self, **fields):
        return ReceiptValidationFactory(ocr_result__scan=upload(), **fields)

    @pytest.mark.parametrize("status", ["CONFIRMED", "CORRECTED"])
    def test_with_a_wrong_check_digit_are_found(self, status):
        validation = self.validate(status=status, business_number="616-20-67858")

        [problem] = find()

        assert problem.id == "receipts.W107"
        assert problem.obj == validation
        assert "616-20-67858" in problem.msg

    @pytest.mark.parametrize("number", ["616-20-67857", "324-92-57893", "297-12-63863", "178-13-04139", ""])
    def test_that_are_right_or_absent_are_fine(self, number):
        self.validate(status="CONFIRMED", business_number=number)

        assert find() == []

    def test_that_nobody_has_checked_may_be_misread(self):
        self.validate(status="PENDING", business_number="616-20-67858")

        assert find() == []
