import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

import receipts.models.scans


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("audit", "0001_audit_trails"),
        ("budget", "0010_settlement_items"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReceiptScan",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_comment="UUIDv7 from the application, random from psql",
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_comment="When the row was inserted",
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="created at",
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        db_comment="Last change, kept by a trigger",
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="updated at",
                    ),
                ),
                (
                    "settlement",
                    models.ForeignKey(
                        db_comment="The settlement it is evidence for",
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="scans",
                        to="budget.settlement",
                        verbose_name="settlement",
                    ),
                ),
                (
                    "settlement_item",
                    models.ForeignKey(
                        blank=True,
                        db_comment="The line it proves; empty until matched",
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="scans",
                        to="budget.settlementitem",
                        verbose_name="settlement item",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        blank=True,
                        db_comment="Organization of the event, kept by a trigger",
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="scans",
                        to="budget.organization",
                        verbose_name="organization",
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        db_comment="Who uploaded it",
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uploaded_scans",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="uploaded by",
                    ),
                ),
                (
                    "file",
                    models.FileField(
                        db_comment="Name in the storage, from sha256",
                        max_length=200,
                        upload_to=receipts.models.scans.scan_path,
                        verbose_name="file",
                    ),
                ),
                (
                    "original_filename",
                    models.CharField(
                        db_comment="Name on the device it came from", max_length=255, verbose_name="file name"
                    ),
                ),
                (
                    "sha256",
                    models.CharField(
                        db_comment="SHA-256 of the file, hexadecimal", max_length=64, verbose_name="SHA-256"
                    ),
                ),
                (
                    "perceptual_hash",
                    models.CharField(
                        blank=True,
                        db_comment="Finds photos that look alike; 64 bits, hexadecimal",
                        db_default="",
                        default="",
                        max_length=16,
                        verbose_name="perceptual hash",
                    ),
                ),
                ("byte_size", models.IntegerField(db_comment="Bytes", verbose_name="size")),
                (
                    "media_type",
                    models.CharField(
                        db_comment="By content, not by name", max_length=50, verbose_name="media type"
                    ),
                ),
                (
                    "width",
                    models.IntegerField(blank=True, db_comment="Pixels", null=True, verbose_name="width"),
                ),
                (
                    "height",
                    models.IntegerField(blank=True, db_comment="Pixels", null=True, verbose_name="height"),
                ),
                (
                    "page_count",
                    models.IntegerField(
                        db_comment="Pages; 1 for a photo", db_default=1, default=1, verbose_name="pages"
                    ),
                ),
                (
                    "thumbnail",
                    models.FileField(
                        blank=True,
                        db_comment="Name of the small picture in the storage",
                        db_default="",
                        default="",
                        max_length=200,
                        upload_to=receipts.models.scans.thumbnail_path,
                        verbose_name="thumbnail",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("UPLOADED", "Uploaded"),
                            ("PROCESSING", "Being read"),
                            ("PROCESSED", "Read"),
                            ("FAILED", "Failed"),
                        ],
                        db_comment="UPLOADED, PROCESSING, PROCESSED or FAILED",
                        db_default="UPLOADED",
                        default="UPLOADED",
                        max_length=20,
                        verbose_name="status",
                    ),
                ),
                (
                    "error",
                    models.TextField(
                        blank=True,
                        db_comment="Why it FAILED",
                        db_default="",
                        default="",
                        verbose_name="error",
                    ),
                ),
            ],
            options={
                "verbose_name": "receipt scan",
                "verbose_name_plural": "receipt scans",
                "db_table": "receipt_scans",
                "db_table_comment": "Photographed or scanned receipts (영수증)",
                "indexes": [
                    models.Index(fields=["settlement", "created_at"], name="receipt_scans_by_settlement"),
                    models.Index(fields=["settlement_item"], name="receipt_scans_by_item"),
                    models.Index(fields=["uploaded_by"], name="receipt_scans_by_uploader"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "sha256"),
                        name="receipt_scan_file_unique",
                        violation_error_message="This organization has uploaded this very file already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sha256__regex", "^[0-9a-f]{64}$")),
                        name="receipt_scan_sha256_format",
                        violation_error_message="The SHA-256 of a file has 64 hexadecimal digits.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("perceptual_hash", ""),
                            ("perceptual_hash__regex", "^[0-9a-f]{16}$"),
                            _connector="OR",
                        ),
                        name="receipt_scan_perceptual_hash_format",
                        violation_error_message="The perceptual hash of a picture has 16 hexadecimal digits.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("byte_size__range", (1, 10485760))),
                        name="receipt_scan_byte_size_range",
                        violation_error_message="A file has at most 10 MB and is not empty.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "media_type__in",
                                (
                                    "image/jpeg",
                                    "image/png",
                                    "image/webp",
                                    "image/tiff",
                                    "image/heic",
                                    "application/pdf",
                                ),
                            )
                        ),
                        name="receipt_scan_media_type_valid",
                        violation_error_message="Upload a JPEG, PNG, WEBP, TIFF, HEIC or PDF file.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("height__isnull", True), ("width__isnull", True)),
                            models.Q(
                                ("height__gt", 0),
                                ("height__isnull", False),
                                ("width__gt", 0),
                                ("width__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="receipt_scan_dimensions_positive",
                        violation_error_message="A picture has a width and a height.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("page_count__gte", 1)),
                        name="receipt_scan_page_count_positive",
                        violation_error_message="A file has at least one page.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["UPLOADED", "PROCESSING", "PROCESSED", "FAILED"])),
                        name="receipt_scan_status_valid",
                        violation_error_message="Choose one of the listed states for this scan.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "FAILED"), _negated=True),
                            models.Q(("error", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="receipt_scan_failure_has_error",
                        violation_error_message="Say why the scan failed.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON receipt_scans
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON receipt_scans",
        ),
        migrations.RunSQL(
            """
            CREATE FUNCTION set_receipt_scan_organization() RETURNS trigger LANGUAGE plpgsql
            SET search_path FROM CURRENT AS $$
            BEGIN
                NEW.organization_id := (
                    SELECT event.organization_id
                    FROM settlements AS settlement JOIN events AS event ON event.id = settlement.event_id
                    WHERE settlement.id = NEW.settlement_id
                );
                RETURN NEW;
            END
            $$
            """,
            "DROP FUNCTION set_receipt_scan_organization()",
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_organization BEFORE INSERT OR UPDATE OF settlement_id, organization_id
                ON receipt_scans FOR EACH ROW EXECUTE FUNCTION set_receipt_scan_organization()
            """,
            "DROP TRIGGER set_organization ON receipt_scans",
        ),
        migrations.RunSQL(
            """
            CREATE FUNCTION refresh_receipt_scan_organizations() RETURNS trigger LANGUAGE plpgsql
            SET search_path FROM CURRENT AS $$
            BEGIN
                -- The trigger above finds the organization anew, and the unique constraint refuses a file twice.
                UPDATE receipt_scans SET organization_id = organization_id
                    FROM settlements
                    WHERE settlements.id = receipt_scans.settlement_id
                        AND NEW.id IN (settlements.id, settlements.event_id);
                RETURN NULL;
            END
            $$
            """,
            "DROP FUNCTION refresh_receipt_scan_organizations()",
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER refresh_receipt_scan_organizations AFTER UPDATE ON events
                FOR EACH ROW WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id)
                EXECUTE FUNCTION refresh_receipt_scan_organizations()
            """,
            "DROP TRIGGER refresh_receipt_scan_organizations ON events",
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER refresh_receipt_scan_organizations AFTER UPDATE ON settlements
                FOR EACH ROW WHEN (OLD.event_id IS DISTINCT FROM NEW.event_id)
                EXECUTE FUNCTION refresh_receipt_scan_organizations()
            """,
            "DROP TRIGGER refresh_receipt_scan_organizations ON settlements",
        ),
        # A receipt proves a line of its own settlement, whichever of the two is moved.
        # lint: accept blocking-constraint because the first release applies it, when no item has been settled
        migrations.RunSQL(
            """
            ALTER TABLE settlement_items
                ADD CONSTRAINT settlement_item_settlement_unique UNIQUE (id, settlement_id)
            """,
            "ALTER TABLE settlement_items DROP CONSTRAINT settlement_item_settlement_unique",
        ),
        migrations.RunSQL(
            """
            ALTER TABLE receipt_scans ADD CONSTRAINT receipt_scan_item_of_settlement
                FOREIGN KEY (settlement_item_id, settlement_id) REFERENCES settlement_items (id, settlement_id)
                DEFERRABLE INITIALLY DEFERRED
            """,
            "ALTER TABLE receipt_scans DROP CONSTRAINT receipt_scan_item_of_settlement",
        ),
    ]
