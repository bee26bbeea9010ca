from django.db import migrations

from audit.declaration import Audited
from audit.migration_operations import AuditTable, HiddenSQL


class Migration(migrations.Migration):
    """Every change of receipts is recorded, with the organization whose it is."""

    dependencies = [("receipts", "0003_receipt_validations"), ("budget", "0017_audit")]

    # lint: accept squawk-ban-disable-trigger because the triggers are enabled, and for every session
    operations = [
        HiddenSQL(
            """
            CREATE VIEW {hidden}.scope_of_receipt_scans AS
                SELECT id, organization_id FROM {tables}.receipt_scans
            """,
            "DROP VIEW {hidden}.scope_of_receipt_scans",
        ),
        HiddenSQL(
            """
            CREATE VIEW {hidden}.scope_of_ocr_results AS
                SELECT ocr_results.id, receipt_scans.organization_id
                  FROM {tables}.ocr_results JOIN {tables}.receipt_scans ON receipt_scans.id = scan_id
            """,
            "DROP VIEW {hidden}.scope_of_ocr_results",
        ),
        AuditTable("receipt_scans", Audited(organization="organization_id")),
        AuditTable(
            "ocr_results",
            Audited(masked=("raw_text", "words"), organization="scan_id", through="receipt_scans"),
        ),
        AuditTable("receipt_validations", Audited(organization="ocr_result_id", through="ocr_results")),
    ]
