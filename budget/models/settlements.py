"""Settlements (결산서): what an event really brought in and cost."""

from typing import Self

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.declaration import Audited
from budget.dates import FIRST_DAY, LAST_DAY
from budget.models.budget_lines import sum_of_lines
from budget.models.events import Event
from budget.models.records import Record
from budget.models.users import User
from budget.money import LARGEST_AMOUNT, MoneyField
from budget.search import search_text


class PaymentMethod(models.TextChoices):
    DEBIT_CARD = "DEBIT_CARD", _("Debit card")
    TRANSFER = "TRANSFER", _("Bank transfer")
    CASH = "CASH", _("Cash")
    PERSONAL_CARD = "PERSONAL_CARD", _("Personal card")


class SettlementQuerySet(models.QuerySet["Settlement"]):
    def with_totals(self) -> Self:
        """Annotate, in won: total_income, total_expense, and balance (예산 잔액)."""
        items = SettlementItem.objects.all()
        totals = self.annotate(
            total_income=sum_of_lines(items.filter(item_type="INCOME"), "settlement"),
            total_expense=sum_of_lines(items.filter(item_type="EXPENSE"), "settlement"),
        )
        return totals.annotate(balance=models.F("total_income") - models.F("total_expense"))


class Settlement(Record):
    class Status(models.TextChoices):
        DRAFT = "DRAFT", _("Draft")
        IN_REVIEW = "IN_REVIEW", _("In review")
        COMPLETED = "COMPLETED", _("Completed")

    event = models.OneToOneField(
        Event,
        on_delete=models.PROTECT,
        related_name="settlement",
        verbose_name=_("event"),
        db_comment="The event it settles; one settlement for an event",
        error_messages={"unique": _("This event has a settlement already.")},
    )
    created_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="created_settlements",
        db_index=False,
        verbose_name=_("author"),
        db_comment="Who wrote it",
    )
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=Status,
        default=Status.DRAFT,
        db_default=Status.DRAFT,
        db_comment="DRAFT, IN_REVIEW or COMPLETED",
    )
    # Both are what the organization keeps, and negative when it overspent.
    account_balance = MoneyField(_("account balance"), default=0, db_default=0, db_comment="계좌잔액, won")
    cash_balance = MoneyField(_("cash balance"), default=0, db_default=0, db_comment="현금잔액, won")
    return_amount = MoneyField(
        _("amount to return"), default=0, db_default=0, db_comment="반환 예정 금액, won"
    )
    reviewed_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="reviewed_settlements",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("reviewed by"),
        db_comment="Who completed it; never the author",
    )
    completed_at = models.DateTimeField(
        _("completed at"), null=True, blank=True, db_comment="When it was completed and locked"
    )
    notes = models.TextField(_("notes"), blank=True, default="", db_default="", db_comment="Free text")

    objects = SettlementQuerySet.as_manager()

    audited = Audited(organization="event_id", through="events")

    class Meta:
        db_table = "settlements"
        db_table_comment = "Settlements (결산서), one for an event"
        verbose_name = _("settlement")
        verbose_name_plural = _("settlements")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=["DRAFT", "IN_REVIEW", "COMPLETED"]),
                name="settlement_status_valid",
                violation_error_message=_("Choose one of the listed states for this settlement."),
            ),
            models.CheckConstraint(
                condition=models.Q(return_amount__range=(0, LARGEST_AMOUNT)),
                name="settlement_return_amount_range",
                violation_error_message=_("The amount to return is between 0 and 1 trillion won."),
            ),
            models.CheckConstraint(
                condition=models.Q(account_balance__range=(-LARGEST_AMOUNT, LARGEST_AMOUNT))
                & models.Q(cash_balance__range=(-LARGEST_AMOUNT, LARGEST_AMOUNT)),
                name="settlement_balances_range",
                violation_error_message=_("A balance has at most 1 trillion won on either side of zero."),
            ),
            models.CheckConstraint(
                condition=~models.Q(status="COMPLETED")
                | models.Q(reviewed_by__isnull=False, completed_at__isnull=False),
                name="settlement_review_known",
                violation_error_message=_("A completed settlement needs who reviewed it, and when."),
            ),
            models.CheckConstraint(
                condition=~models.Q(reviewed_by=models.F("created_by")),
                name="settlement_not_reviewed_by_author",
                violation_error_message=_("Nobody reviews a settlement of their own. Ask another reviewer."),
            ),
        )
        indexes = (
            # What waits for review, oldest first.
            models.Index(fields=["status", "created_at"], name="settlements_by_status"),
            # Whether a person may be deleted; an author's own settlements.
            models.Index(fields=["created_by"], name="settlements_by_author"),
            # The reviews of a person, for the auditor.
            models.Index(fields=["reviewed_by"], name="settlements_by_reviewer"),
        )

    def __str__(self) -> str:
        return str(self.event)


class SettlementItem(Record):
    class Type(models.TextChoices):
        INCOME = "INCOME", _("Income")
        EXPENSE = "EXPENSE", _("Expense")

    settlement = models.ForeignKey(
        Settlement,
        on_delete=models.CASCADE,
        related_name="items",
        db_index=False,
        verbose_name=_("settlement"),
        db_comment="The settlement it belongs to",
    )
    item_type = models.CharField(_("type"), max_length=20, choices=Type, db_comment="INCOME or EXPENSE")
    display_order = models.IntegerField(_("order"), db_comment="Place in the settlement, smallest first")
    category = models.CharField(_("category"), max_length=100, db_comment="분류: a line of form 3")
    transacted_on = models.DateField(_("date"), null=True, blank=True, db_comment="일시")
    vendor = models.CharField(
        _("vendor"), max_length=200, blank=True, default="", db_default="", db_comment="거래처"
    )
    description = models.CharField(
        _("description"), max_length=300, blank=True, default="", db_default="", db_comment="상세"
    )
    amount = MoneyField(_("amount"), db_comment="Won")
    payment_method = models.CharField(
        _("payment method"),
        max_length=20,
        choices=PaymentMethod,
        blank=True,
        default="",
        db_default="",
        db_comment="결제방식; empty for income",
    )
    paid_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="paid_items",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("paid by"),
        db_comment="Whom to reimburse; required for PERSONAL_CARD",
    )
    reimbursed_on = models.DateField(
        _("reimbursed on"), null=True, blank=True, db_comment="When paid_by got the money back"
    )
    missing_receipt_reason = models.CharField(
        _("reason for the missing receipt"),
        max_length=300,
        blank=True,
        default="",
        db_default="",
        db_comment="Why there is no receipt",
    )
    note = models.CharField(
        _("note"), max_length=300, blank=True, default="", db_default="", db_comment="비고"
    )
    search_text = search_text("vendor", "description")

    audited = Audited(derived=("search_text",), organization="settlement_id", through="settlements")

    class Meta:
        db_table = "settlement_items"
        db_table_comment = "Lines of actual income and spending (결산내역)"
        verbose_name = _("settlement item")
        verbose_name_plural = _("settlement items")
        constraints = (
            models.UniqueConstraint(
                fields=["settlement", "display_order"],
                name="settlement_item_order_unique",
                deferrable=models.Deferrable.DEFERRED,
                violation_error_message=_("Two lines have the same place in the order."),
            ),
            models.CheckConstraint(
                condition=models.Q(item_type__in=["INCOME", "EXPENSE"]),
                name="settlement_item_type_valid",
                violation_error_message=_("Choose income or expense."),
            ),
            models.CheckConstraint(
                condition=models.Q(category__regex=r"\S"),
                name="settlement_item_category_present",
                violation_error_message=_("Name the category of this line."),
            ),
            models.CheckConstraint(
                condition=models.Q(amount__range=(1, LARGEST_AMOUNT)),
                name="settlement_item_amount_range",
                violation_error_message=_("An amount is between 1 and 1 trillion won."),
            ),
            models.CheckConstraint(
                condition=models.Q(
                    payment_method__in=["", "DEBIT_CARD", "TRANSFER", "CASH", "PERSONAL_CARD"]
                ),
                name="settlement_item_payment_method_valid",
                violation_error_message=_("Choose one of the listed payment methods."),
            ),
            models.CheckConstraint(
                condition=models.Q(transacted_on__range=(FIRST_DAY, LAST_DAY)),
                name="settlement_item_date_range",
                violation_error_message=_("The date of a line is in the years 2000 to 2100."),
            ),
            models.CheckConstraint(
                condition=models.Q(reimbursed_on__range=(FIRST_DAY, LAST_DAY)),
                name="settlement_item_reimbursement_date_range",
                violation_error_message=_("The date of reimbursement is in the years 2000 to 2100."),
            ),
            models.CheckConstraint(
                condition=~models.Q(payment_method="PERSONAL_CARD") | models.Q(paid_by__isnull=False),
                name="settlement_item_personal_card_has_payer",
                violation_error_message=_(
                    "Say whose personal card it was, so that this person is reimbursed."
                ),
            ),
            models.CheckConstraint(
                condition=models.Q(reimbursed_on__isnull=True) | models.Q(paid_by__isnull=False),
                name="settlement_item_reimbursement_has_payer",
                violation_error_message=_(
                    "Say who was reimbursed, or leave the date of reimbursement empty."
                ),
            ),
        )
        indexes = (
            # What a person is to be reimbursed; whether a person may be deleted.
            models.Index(fields=["paid_by", "reimbursed_on"], name="settlement_items_by_payer"),
            # The search for vendors.
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="settlement_items_search"),
        )

    def __str__(self) -> str:
        return f"{self.display_order}. {self.category} {self.vendor}".rstrip()
