"""Every CHECK of ours is explained by full_clean and enforced by the database, by the ORM and past it."""

import contextlib
import datetime
import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, connection, models, transaction
from django.utils import translation
from uuid_utils.compat import uuid7

from budget.money import LARGEST_AMOUNT
from receipts.models.scans import LARGEST_FILE
from tests import factories

# constraint → the columns that break it, in an otherwise valid row
VIOLATIONS = {
    "event_dates_range": {"end_date": datetime.date(9999, 1, 1)},
    "user_birth_date_range": {"birth_date": datetime.date(1025, 1, 1)},
    "settlement_balances_range": {"cash_balance": LARGEST_AMOUNT + 1},
    "settlement_item_date_range": {"transacted_on": datetime.date(20, 8, 5)},
    "settlement_item_reimbursement_date_range": {"reimbursed_on": datetime.date(20, 8, 5)},
    "ocr_result_date_range": {"paid_on": datetime.date(1925, 8, 5)},
    "ocr_result_items_are_list": {"items": {"name": "김밥"}},
    "ocr_result_words_are_list": {"words": "김밥"},
    "ocr_result_confidences_by_field": {"confidences": [0.9]},
    "receipt_validation_date_range": {"paid_on": datetime.date(2925, 8, 5)},
    "receipt_validation_items_are_list": {"items": 5},
    "receipt_validation_corrections_by_field": {"corrections": ["merchant"]},
    "annual_allocation_amount_range": {"amount": -1},
    "annual_allocation_year_range": {"year": 1999},
    "audit_trail_action_valid": {"action": "GUESS"},
    "audit_trail_change_names_table": {"action": "UPDATE", "table_name": ""},
    "audit_trail_severity_valid": {"severity": "LOUD"},
    "budget_decision_known": {"status": "APPROVED", "decided_by": None},
    "budget_expense_amount_range": {"unit_price": LARGEST_AMOUNT, "quantity": Decimal(2)},
    "budget_expense_category_present": {"category": " "},
    "budget_expense_quantity_positive": {"quantity": Decimal(0)},
    "budget_expense_times_positive": {"times": Decimal("-0.5")},
    "budget_expense_unit_price_range": {"unit_price": -1},
    "budget_income_amount_range": {"amount": 0},
    "budget_income_title_present": {"title": "  "},
    "budget_not_decided_by_author": {"status": "APPROVED", "decided_by": "created_by"},
    "budget_rejection_has_reason": {"status": "REJECTED", "rejection_reason": " "},
    "budget_status_valid": {"status": "LOST"},
    "budget_submitted_at_known": {"status": "SUBMITTED", "submitted_at": None},
    "budget_version_positive": {"version": 0},
    "event_allocated_amount_range": {"allocated_amount": -1},
    "event_dates_in_order": {"start_date": datetime.date(2025, 8, 4)},
    "event_name_length": {"name": "A\u3000"},
    "event_status_valid": {"status": "LOST"},
    "membership_role_valid": {"role": "GUEST"},
    "ocr_result_business_number_format": {"business_number": "1234567890"},
    "ocr_result_confidence_range": {"confidence": Decimal("1.1")},
    "ocr_result_confidences_range": {"confidences": {"paid_on": 0.9, "merchant": 1.5}},
    "ocr_result_duration_not_negative": {"duration_ms": -1},
    "ocr_result_failure_has_error": {"status": "FAILED", "error": ""},
    "ocr_result_payment_method_valid": {"payment_method": "BARTER"},
    "ocr_result_status_valid": {"status": "LOST"},
    "ocr_result_total_amount_range": {"total_amount": -1},
    "ocr_result_vat_amount_range": {"vat_amount": LARGEST_AMOUNT + 1},
    "organization_code_format": {"code": "youth"},
    "organization_name_length": {"name": "A"},
    "receipt_scan_byte_size_range": {"byte_size": LARGEST_FILE + 1},
    "receipt_scan_dimensions_positive": {"width": 600, "height": None},
    "receipt_scan_failure_has_error": {"status": "FAILED", "error": ""},
    "receipt_scan_media_type_valid": {"media_type": "image/svg+xml"},
    "receipt_scan_page_count_positive": {"page_count": 0},
    "receipt_scan_perceptual_hash_format": {"perceptual_hash": "xyz"},
    "receipt_scan_sha256_format": {"sha256": "A" * 64},
    "receipt_scan_status_valid": {"status": "LOST"},
    "receipt_validation_business_number_format": {"business_number": "123-456-7890"},
    "receipt_validation_checker_known": {"status": "CONFIRMED", "validated_by": None},
    "receipt_validation_fields_present": {"status": "CONFIRMED", "merchant": ""},
    "receipt_validation_payment_method_valid": {"payment_method": "BARTER"},
    "receipt_validation_rejection_has_reason": {"status": "REJECTED", "rejection_reason": ""},
    "receipt_validation_status_valid": {"status": "LOST"},
    "receipt_validation_total_amount_range": {"total_amount": 0},
    "settlement_item_amount_range": {"amount": 0},
    "settlement_item_category_present": {"category": " "},
    "settlement_item_payment_method_valid": {"payment_method": "BARTER"},
    "settlement_item_personal_card_has_payer": {"payment_method": "PERSONAL_CARD"},
    "settlement_item_reimbursement_has_payer": {"reimbursed_on": datetime.date(2025, 8, 9)},
    "settlement_item_type_valid": {"item_type": "GIFT"},
    "settlement_not_reviewed_by_author": {"status": "COMPLETED", "reviewed_by": "created_by"},
    "settlement_return_amount_range": {"return_amount": -1},
    "settlement_review_known": {"status": "COMPLETED", "completed_at": None},
    "settlement_status_valid": {"status": "LOST"},
    "user_email_format": {"email": "nobody"},
    "user_name_length": {"name": "\t\t"},
    "user_phone_format": {"phone": "(02)123"},
    "user_status_valid": {"status": "LOST"},
}

# A state that only the violated constraint is broken from, where the first one breaks another as well.
STARTING_STATES = {"budget_status_valid": "APPROVED", "receipt_validation_status_valid": "CONFIRMED"}


def check_constraints() -> dict[str, tuple[type[models.Model], models.CheckConstraint]]:
    return {
        constraint.name: (model, constraint)
        for label in ("budget", "audit", "receipts")
        for model in apps.get_app_config(label).get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, models.CheckConstraint)
    }


def valid_row(name: str) -> models.Model:
    """Return a saved row in the state that the violation of `name` starts from."""
    model, _constraint = check_constraints()[name]
    status = STARTING_STATES.get(name) or VIOLATIONS[name].get("status")
    starts_in = {} if status in {None, "LOST"} else {"status": status}
    return getattr(factories, f"{model.__name__}Factory")(**starts_in)


def break_row(row: models.Model, name: str) -> None:
    for field, value in VIOLATIONS[name].items():
        setattr(row, field, row.created_by if value == "created_by" else value)


@contextlib.contextmanager
def refused_by(name: str) -> Iterator[None]:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        yield
    assert refusal.value.__cause__.diag.constraint_name == name


def test_every_check_constraint_has_a_violation_to_try():
    assert VIOLATIONS.keys() == check_constraints().keys()


@pytest.mark.django_db
@pytest.mark.parametrize("name", VIOLATIONS)
class TestCheckConstraint:
    @pytest.mark.parametrize("language", ["ko", "en"])
    def test_is_explained_by_full_clean_in_a_sentence(self, name, language):
        row = valid_row(name)
        break_row(row, name)

        with translation.override(language), pytest.raises(ValidationError) as refusal:
            row.full_clean()

        with translation.override(language):
            sentence = str(check_constraints()[name][1].violation_error_message)
        # Django's own check of the column (a choice, the form of an address) may speak first.
        assert sentence in refusal.value.messages or VIOLATIONS[name].keys() & refusal.value.error_dict.keys()

    def test_has_a_sentence_in_both_languages(self, name):
        message = check_constraints()[name][1].violation_error_message

        with translation.override("ko"):
            korean = str(message)
        with translation.override("en"):
            english = str(message)

        assert english.endswith(".")
        assert korean.endswith(".")
        assert korean != english

    def test_refuses_create(self, name):
        row = valid_row(name)
        break_row(row, name)
        row.pk = uuid7()
        row._state.adding = True

        with refused_by(name):
            row.save(force_insert=True)

    def test_refuses_raw_sql(self, name):
        row = valid_row(name)
        break_row(row, name)
        changed = {
            row._meta.get_field(field).attname: getattr(row, row._meta.get_field(field).attname)
            for field in VIOLATIONS[name]
        }

        with refused_by(name):
            insert_changed_copy(row, changed)


def insert_changed_copy(row: models.Model, changed: dict[str, object]) -> None:
    table = row._meta.db_table
    columns = ", ".join(field.column for field in row._meta.local_concrete_fields if not field.generated)
    values = json.dumps({**changed, "id": uuid7()}, cls=DjangoJSONEncoder)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM ("
            f"SELECT (jsonb_populate_record({table}, %s::jsonb)).* FROM {table} WHERE id = %s) AS changed",
            [values, row.pk],
        )
