import datetime

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.lookups
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("receipts", "0002_ocr_results"),
    ]

    # The thirteen tables come before everything else.
    run_before = [("budget", "0011_annual_allocations"), ("audit", "0002_order_and_role")]

    operations = [
        migrations.CreateModel(
            name="ReceiptValidation",
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
                    "ocr_result",
                    models.OneToOneField(
                        db_comment="The reading that a person checked",
                        error_messages={"unique": "This reading has been checked already."},
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="validation",
                        to="receipts.ocrresult",
                        verbose_name="OCR result",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING", "To be checked"),
                            ("CONFIRMED", "Confirmed"),
                            ("CORRECTED", "Corrected"),
                            ("REJECTED", "Rejected"),
                        ],
                        db_comment="PENDING, CONFIRMED, CORRECTED or REJECTED",
                        db_default="PENDING",
                        default="PENDING",
                        max_length=20,
                        verbose_name="status",
                    ),
                ),
                (
                    "paid_on",
                    models.DateField(
                        blank=True, db_comment="Date on the receipt", null=True, verbose_name="date"
                    ),
                ),
                (
                    "merchant",
                    models.CharField(
                        blank=True,
                        db_comment="Name of the shop",
                        db_default="",
                        default="",
                        max_length=200,
                        verbose_name="merchant",
                    ),
                ),
                (
                    "total_amount",
                    models.BigIntegerField(blank=True, db_comment="Won", null=True, verbose_name="total"),
                ),
                (
                    "business_number",
                    models.CharField(
                        blank=True,
                        db_comment="사업자등록번호",
                        db_default="",
                        default="",
                        max_length=12,
                        verbose_name="business number",
                    ),
                ),
                (
                    "payment_method",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("DEBIT_CARD", "Debit card"),
                            ("TRANSFER", "Bank transfer"),
                            ("CASH", "Cash"),
                            ("PERSONAL_CARD", "Personal card"),
                        ],
                        db_comment="결제방식, if the receipt tells",
                        db_default="",
                        default="",
                        max_length=20,
                        verbose_name="payment method",
                    ),
                ),
                (
                    "items",
                    models.JSONField(
                        blank=True,
                        db_comment="[{name, quantity, unit_price, amount}], won",
                        db_default=models.Value([], models.JSONField()),
                        default=list,
                        verbose_name="items",
                    ),
                ),
                (
                    "corrections",
                    models.JSONField(
                        blank=True,
                        db_comment="Field → [read, validated]",
                        db_default=models.Value({}, models.JSONField()),
                        default=dict,
                        verbose_name="corrections",
                    ),
                ),
                (
                    "validated_by",
                    models.ForeignKey(
                        blank=True,
                        db_comment="Who checked it",
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="validations",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="checked by",
                    ),
                ),
                (
                    "validated_at",
                    models.DateTimeField(
                        blank=True, db_comment="When it was checked", null=True, verbose_name="checked at"
                    ),
                ),
                (
                    "rejection_reason",
                    models.TextField(
                        blank=True,
                        db_comment="Required when REJECTED",
                        db_default="",
                        default="",
                        verbose_name="reason for rejection",
                    ),
                ),
            ],
            options={
                "verbose_name": "receipt validation",
                "verbose_name_plural": "receipt validations",
                "db_table": "receipt_validations",
                "db_table_comment": "What a person confirmed of a reading (영수증 확인)",
                "indexes": [
                    models.Index(fields=["status", "created_at"], name="receipt_validations_by_status"),
                    models.Index(fields=["validated_by"], name="receipt_validations_by_checker"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("paid_on__range", (datetime.date(2000, 1, 1), datetime.date(2100, 12, 31)))
                        ),
                        name="receipt_validation_date_range",
                        violation_error_message="The date of a receipt is in the years 2000 to 2100.",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func("items", function="jsonb_typeof", output_field=models.TextField()),
                            "array",
                        ),
                        name="receipt_validation_items_are_list",
                        violation_error_message="The items of a receipt are a list.",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func(
                                "corrections", function="jsonb_typeof", output_field=models.TextField()
                            ),
                            "object",
                        ),
                        name="receipt_validation_corrections_by_field",
                        violation_error_message="The corrections of a reading are given for each field.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["PENDING", "CONFIRMED", "CORRECTED", "REJECTED"])),
                        name="receipt_validation_status_valid",
                        violation_error_message="Choose one of the listed states for this check.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status", "PENDING"),
                            models.Q(("validated_at__isnull", False), ("validated_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="receipt_validation_checker_known",
                        violation_error_message="A checked reading needs who checked it, and when.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["PENDING", "REJECTED"]),
                            models.Q(
                                ("merchant__regex", "\\S"),
                                ("paid_on__isnull", False),
                                ("total_amount__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="receipt_validation_fields_present",
                        violation_error_message="Fill in date, merchant and total before you confirm.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("total_amount__range", (1, 1000000000000))),
                        name="receipt_validation_total_amount_range",
                        violation_error_message="The total is between 1 and 1 trillion won.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("business_number", ""),
                            ("business_number__regex", "^[0-9]{3}-[0-9]{2}-[0-9]{5}$"),
                            _connector="OR",
                        ),
                        name="receipt_validation_business_number_format",
                        violation_error_message="Write the business number like 123-45-67890.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("payment_method__in", ["", "DEBIT_CARD", "TRANSFER", "CASH", "PERSONAL_CARD"])
                        ),
                        name="receipt_validation_payment_method_valid",
                        violation_error_message="Choose one of the listed payment methods.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "REJECTED"), _negated=True),
                            ("rejection_reason__regex", "\\S"),
                            _connector="OR",
                        ),
                        name="receipt_validation_rejection_has_reason",
                        violation_error_message="Say why the receipt is rejected.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON receipt_validations
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON receipt_validations",
        ),
    ]
