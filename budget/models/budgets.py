"""Budgets (예산서): what an event is planned to bring in and to cost."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.declaration import Audited
from budget.models.budget_lines import BudgetExpense, BudgetIncome, sum_of_lines
from budget.models.events import Event
from budget.models.records import Record
from budget.models.users import User


class BudgetQuerySet(models.QuerySet["Budget"]):
    def with_totals(self) -> Self:
        """Annotate, in won: total_income, total_subsidy, total_expense, own_funds (자체예산) and balance."""
        incomes = BudgetIncome.objects.all()
        totals = self.annotate(
            total_income=sum_of_lines(incomes, "budget"),
            total_subsidy=sum_of_lines(incomes.filter(is_parish_subsidy=True), "budget"),
            total_expense=sum_of_lines(BudgetExpense.objects.all(), "budget"),
        )
        return totals.annotate(
            own_funds=models.F("total_expense") - models.F("total_subsidy"),
            balance=models.F("total_income") - models.F("total_expense"),
        )


class Budget(Record):
    class Status(models.TextChoices):
        DRAFT = "DRAFT", _("Draft")
        SUBMITTED = "SUBMITTED", _("Submitted")
        APPROVED = "APPROVED", _("Approved")
        REJECTED = "REJECTED", _("Rejected")

    event = models.OneToOneField(
        Event,
        on_delete=models.PROTECT,
        related_name="budget",
        verbose_name=_("event"),
        db_comment="The event it plans; one budget for an event",
        error_messages={"unique": _("This event has a budget already.")},
    )
    created_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="created_budgets",
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
        db_comment="DRAFT, SUBMITTED, APPROVED or REJECTED",
    )
    submitted_at = models.DateTimeField(
        _("submitted at"), null=True, blank=True, db_comment="When it was submitted last"
    )
    decided_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="decided_budgets",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("decided by"),
        db_comment="Who approved or rejected it; never the author",
    )
    decided_at = models.DateTimeField(
        _("decided at"), null=True, blank=True, db_comment="When it was approved or rejected"
    )
    rejection_reason = models.TextField(
        _("reason for rejection"), blank=True, default="", db_default="", db_comment="Required when REJECTED"
    )
    deposit_account = models.CharField(
        _("deposit account"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
        db_comment="Bank and number of the account the subsidy goes to",
    )
    account_holder = models.CharField(
        _("account holder"), max_length=100, blank=True, default="", db_default="", db_comment="수취인"
    )
    version = models.IntegerField(
        _("version"), default=1, db_default=1, db_comment="1, and one more for each amendment (추경)"
    )
    notes = models.TextField(_("notes"), blank=True, default="", db_default="", db_comment="Free text")

    objects = BudgetQuerySet.as_manager()

    audited = Audited(masked=("deposit_account",), organization="event_id", through="events")

    class Meta:
        db_table = "budgets"
        db_table_comment = "Budgets (예산서), one for an event"
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=["DRAFT", "SUBMITTED", "APPROVED", "REJECTED"]),
                name="budget_status_valid",
                violation_error_message=_("Choose one of the listed states for this budget."),
            ),
            models.CheckConstraint(
                condition=models.Q(status="DRAFT") | models.Q(submitted_at__isnull=False),
                name="budget_submitted_at_known",
                violation_error_message=_("A submitted budget needs the time of its submission."),
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["DRAFT", "SUBMITTED"])
                | models.Q(decided_by__isnull=False, decided_at__isnull=False),
                name="budget_decision_known",
                violation_error_message=_("A decided budget needs who decided it, and when."),
            ),
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("created_by")),
                name="budget_not_decided_by_author",
                violation_error_message=_("Nobody decides on a budget of their own. Ask another approver."),
            ),
            models.CheckConstraint(
                condition=~models.Q(status="REJECTED") | models.Q(rejection_reason__regex=r"\S"),
                name="budget_rejection_has_reason",
                violation_error_message=_("Say why the budget is rejected."),
            ),
            models.CheckConstraint(
                condition=models.Q(version__gte=1),
                name="budget_version_positive",
                violation_error_message=_("Versions of a budget count from 1."),
            ),
        )
        indexes = (
            # What waits for a decision, in the order of submission.
            models.Index(fields=["status", "submitted_at"], name="budgets_by_status"),
            # Whether a person may be deleted; an author's own budgets.
            models.Index(fields=["created_by"], name="budgets_by_author"),
            # The decisions of an approver, for the auditor.
            models.Index(fields=["decided_by"], name="budgets_by_decider"),
        )

    def __str__(self) -> str:
        return f"{self.event} v{self.version}"
