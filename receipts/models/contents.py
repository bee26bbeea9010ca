"""What stands on a receipt: read by a program, then validated by a person."""

from django.db import models
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from budget.dates import FIRST_DAY, LAST_DAY
from budget.models import PaymentMethod
from budget.models.records import Record
from budget.money import MoneyField

BUSINESS_NUMBER = r"^[0-9]{3}-[0-9]{2}-[0-9]{5}$"


class ReceiptContent(Record):
    paid_on = models.DateField(_("date"), null=True, blank=True, db_comment="Date on the receipt")
    merchant = models.CharField(
        _("merchant"), max_length=200, blank=True, default="", db_default="", db_comment="Name of the shop"
    )
    total_amount = MoneyField(_("total"), null=True, blank=True, db_comment="Won")
    business_number = models.CharField(
        _("business number"),
        max_length=12,
        blank=True,
        default="",
        db_default="",
        db_comment="사업자등록번호",
    )
    payment_method = models.CharField(
        _("payment method"),
        max_length=20,
        choices=PaymentMethod,
        blank=True,
        default="",
        db_default="",
        db_comment="결제방식, if the receipt tells",
    )
    items = models.JSONField(
        _("items"),
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        db_comment="[{name, quantity, unit_price, amount}], won",
    )

    class Meta:
        abstract = True


def has_json_type(column: str, kind: str) -> Exact:
    """Return the condition that a JSON column holds an array or an object, as its comment says."""
    return Exact(models.Func(column, function="jsonb_typeof", output_field=models.TextField()), kind)


def content_constraints(prefix: str) -> tuple[models.CheckConstraint, ...]:
    """Return the constraints on the columns above, named for the table's rows."""
    return (
        models.CheckConstraint(
            condition=models.Q(paid_on__range=(FIRST_DAY, LAST_DAY)),
            name=f"{prefix}_date_range",
            violation_error_message=_("The date of a receipt is in the years 2000 to 2100."),
        ),
        models.CheckConstraint(
            condition=has_json_type("items", "array"),
            name=f"{prefix}_items_are_list",
            violation_error_message=_("The items of a receipt are a list."),
        ),
        models.CheckConstraint(
            condition=models.Q(business_number="") | models.Q(business_number__regex=BUSINESS_NUMBER),
            name=f"{prefix}_business_number_format",
            violation_error_message=_("Write the business number like 123-45-67890."),
        ),
        models.CheckConstraint(
            condition=models.Q(payment_method__in=["", "DEBIT_CARD", "TRANSFER", "CASH", "PERSONAL_CARD"]),
            name=f"{prefix}_payment_method_valid",
            violation_error_message=_("Choose one of the listed payment methods."),
        ),
    )
