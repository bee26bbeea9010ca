import datetime

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import django.db.models.lookups
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("receipts", "0001_receipt_scans"),
    ]

    operations = [
        migrations.CreateModel(
            name="OcrResult",
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
                    "scan",
                    models.ForeignKey(
                        db_comment="The scan that was read; the newest result counts",
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="ocr_results",
                        to="receipts.receiptscan",
                        verbose_name="receipt scan",
                    ),
                ),
                (
                    "engine",
                    models.CharField(db_comment="Program that read it", max_length=50, verbose_name="engine"),
                ),
                (
                    "engine_version",
                    models.CharField(
                        blank=True,
                        db_comment="Its version",
                        db_default="",
                        default="",
                        max_length=50,
                        verbose_name="engine version",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("SUCCEEDED", "Succeeded"), ("FAILED", "Failed")],
                        db_comment="SUCCEEDED or FAILED",
                        db_default="SUCCEEDED",
                        default="SUCCEEDED",
                        max_length=20,
                        verbose_name="status",
                    ),
                ),
                (
                    "raw_text",
                    models.TextField(
                        blank=True,
                        db_comment="All that was read",
                        db_default="",
                        default="",
                        verbose_name="text",
                    ),
                ),
                (
                    "words",
                    models.JSONField(
                        blank=True,
                        db_comment="[{text, box: [left, top, right, bottom] in pixels, confidence: 0–1}]",
                        db_default=models.Value([], models.JSONField()),
                        default=list,
                        verbose_name="words",
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
                    "vat_amount",
                    models.BigIntegerField(
                        blank=True, db_comment="부가세, won", null=True, verbose_name="VAT"
                    ),
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
                    "confidence",
                    models.DecimalField(
                        blank=True,
                        db_comment="Overall, 0–1",
                        decimal_places=3,
                        max_digits=4,
                        null=True,
                        verbose_name="confidence",
                    ),
                ),
                (
                    "confidences",
                    models.JSONField(
                        blank=True,
                        db_comment="Field → 0–1",
                        db_default=models.Value({}, models.JSONField()),
                        default=dict,
                        verbose_name="confidence of each field",
                    ),
                ),
                (
                    "duration_ms",
                    models.IntegerField(
                        blank=True, db_comment="Milliseconds", null=True, verbose_name="duration"
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
                "verbose_name": "OCR result",
                "verbose_name_plural": "OCR results",
                "db_table": "ocr_results",
                "db_table_comment": "What a program read from a scan (문자 인식 결과)",
                "indexes": [models.Index(fields=["scan", "-created_at"], name="ocr_results_by_scan")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("paid_on__range", (datetime.date(2000, 1, 1), datetime.date(2100, 12, 31)))
                        ),
                        name="ocr_result_date_range",
                        violation_error_message="The date of a receipt is in the years 2000 to 2100.",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func("items", function="jsonb_typeof", output_field=models.TextField()),
                            "array",
                        ),
                        name="ocr_result_items_are_list",
                        violation_error_message="The items of a receipt are a list.",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func("words", function="jsonb_typeof", output_field=models.TextField()),
                            "array",
                        ),
                        name="ocr_result_words_are_list",
                        violation_error_message="The words of a reading are a list.",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func(
                                "confidences", function="jsonb_typeof", output_field=models.TextField()
                            ),
                            "object",
                        ),
                        name="ocr_result_confidences_by_field",
                        violation_error_message="The confidences of a reading are given for each field.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["SUCCEEDED", "FAILED"])),
                        name="ocr_result_status_valid",
                        violation_error_message="Choose one of the listed states for this reading.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "FAILED"), _negated=True),
                            models.Q(("error", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="ocr_result_failure_has_error",
                        violation_error_message="Say why the reading failed.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("total_amount__range", (0, 1000000000000))),
                        name="ocr_result_total_amount_range",
                        violation_error_message="The total is between 0 and 1 trillion won.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("vat_amount__range", (0, 1000000000000))),
                        name="ocr_result_vat_amount_range",
                        violation_error_message="The VAT is between 0 and 1 trillion won.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("business_number", ""),
                            ("business_number__regex", "^[0-9]{3}-[0-9]{2}-[0-9]{5}$"),
                            _connector="OR",
                        ),
                        name="ocr_result_business_number_format",
                        violation_error_message="Write the business number like 123-45-67890.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("payment_method__in", ["", "DEBIT_CARD", "TRANSFER", "CASH", "PERSONAL_CARD"])
                        ),
                        name="ocr_result_payment_method_valid",
                        violation_error_message="Choose one of the listed payment methods.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("confidence__range", (0, 1))),
                        name="ocr_result_confidence_range",
                        violation_error_message="A confidence is between 0 and 1.",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.expressions.NegatedExpression(
                            models.Func(
                                models.F("confidences"),
                                models.Value('$.* ? (@ < 0 || @ > 1 || @.type() != "number")'),
                                function="jsonb_path_exists",
                                output_field=models.BooleanField(),
                                template="%(function)s(%(expressions)s::jsonpath)",
                            )
                        ),
                        name="ocr_result_confidences_range",
                        violation_error_message="The confidence of each field is between 0 and 1.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("duration_ms__gte", 0)),
                        name="ocr_result_duration_not_negative",
                        violation_error_message="A duration is not negative.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON ocr_results
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON ocr_results",
        ),
    ]
