"""The lines of a budget: planned income (예산수입내역) and planned spending (예산상세내역)."""

from decimal import Decimal

from django.db import models
from django.db.models.functions import Cast, Coalesce, Round
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from audit.declaration import Audited
from budget.models.records import Record
from budget.money import LARGEST_AMOUNT, MoneyField


def sum_of_lines(lines: models.QuerySet[models.Model], parent: str) -> Coalesce:
    """Return the sum of the `amount` of an outer row's `lines`; a subquery, as two joins would multiply."""
    of_parent = lines.filter(**{parent: models.OuterRef("pk")}).order_by()
    total = of_parent.values(parent).annotate(total=models.Sum("amount")).values("total")
    return Coalesce(models.Subquery(total, output_field=models.BigIntegerField()), 0)


class BudgetIncome(Record):
    budget = models.ForeignKey(
        "budget.Budget",
        on_delete=models.CASCADE,
        related_name="incomes",
        db_index=False,
        verbose_name=_("budget"),
        db_comment="The budget it belongs to",
    )
    display_order = models.IntegerField(_("order"), db_comment="Place in the budget, smallest first")
    title = models.CharField(_("item"), max_length=100, db_comment="항목: 참가비, 본당지원금, 후원금")
    amount = MoneyField(_("amount"), db_comment="Won")
    is_parish_subsidy = models.BooleanField(
        _("parish subsidy"), default=False, db_default=False, db_comment="Counts as 본당보조예산"
    )
    note = models.CharField(
        _("note"), max_length=300, blank=True, default="", db_default="", db_comment="비고"
    )

    audited = Audited(organization="budget_id", through="budgets")

    class Meta:
        db_table = "budget_incomes"
        db_table_comment = "Lines of planned income (예산수입내역)"
        verbose_name = _("budget income")
        verbose_name_plural = _("budget incomes")
        constraints = (
            models.UniqueConstraint(
                fields=["budget", "display_order"],
                name="budget_income_order_unique",
                deferrable=models.Deferrable.DEFERRED,
                violation_error_message=_("Two lines have the same place in the order."),
            ),
            models.CheckConstraint(
                condition=models.Q(amount__range=(1, LARGEST_AMOUNT)),
                name="budget_income_amount_range",
                violation_error_message=_("An amount is between 1 and 1 trillion won."),
            ),
            models.CheckConstraint(
                condition=models.Q(title__regex=r"\S"),
                name="budget_income_title_present",
                violation_error_message=_("Name the item of this line."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.display_order}. {self.title}"


# Decimal from the first factor on, because a product of integers may overflow.
UNIT_PRICE = Cast("unit_price", models.DecimalField(max_digits=19, decimal_places=0))
PRODUCT = models.ExpressionWrapper(
    UNIT_PRICE * models.F("quantity") * models.F("times"), output_field=models.DecimalField()
)


class BudgetExpense(Record):
    budget = models.ForeignKey(
        "budget.Budget",
        on_delete=models.CASCADE,
        related_name="expenses",
        db_index=False,
        verbose_name=_("budget"),
        db_comment="The budget it belongs to",
    )
    display_order = models.IntegerField(_("order"), db_comment="Place in the budget, smallest first")
    category = models.CharField(_("category"), max_length=100, db_comment="분류: a line of form 1")
    detail = models.CharField(
        _("detail"), max_length=200, blank=True, default="", db_default="", db_comment="상세"
    )
    unit_price = MoneyField(_("unit price"), db_comment="Won for one")
    quantity = models.DecimalField(
        _("quantity"),
        max_digits=10,
        decimal_places=2,
        default=Decimal(1),
        db_default=Decimal(1),
        db_comment="How many; 1 where it does not apply",
    )
    quantity_unit = models.CharField(
        _("unit of quantity"),
        max_length=20,
        blank=True,
        default="",
        db_default="",
        db_comment="명, 팀, 대; empty where a quantity does not apply",
    )
    times = models.DecimalField(
        _("times"),
        max_digits=10,
        decimal_places=2,
        default=Decimal(1),
        db_default=Decimal(1),
        db_comment="How often; 1 where it does not apply",
    )
    times_unit = models.CharField(
        _("unit of times"),
        max_length=20,
        blank=True,
        default="",
        db_default="",
        db_comment="박, 회, 일; empty where a count does not apply",
    )
    # Rounded once, here, because a quantity may be fractional.
    amount = models.GeneratedField(
        expression=Cast(Round(PRODUCT), models.BigIntegerField()),
        output_field=MoneyField(_("amount")),
        db_persist=True,
        verbose_name=_("amount"),
        db_comment="Won: unit_price × quantity × times, rounded",
    )
    note = models.CharField(
        _("note"), max_length=300, blank=True, default="", db_default="", db_comment="비고"
    )

    audited = Audited(organization="budget_id", through="budgets")

    class Meta:
        db_table = "budget_expenses"
        db_table_comment = "Lines of planned spending (예산상세내역)"
        verbose_name = _("budget expense")
        verbose_name_plural = _("budget expenses")
        constraints = (
            models.UniqueConstraint(
                fields=["budget", "display_order"],
                name="budget_expense_order_unique",
                deferrable=models.Deferrable.DEFERRED,
                violation_error_message=_("Two lines have the same place in the order."),
            ),
            models.CheckConstraint(
                condition=models.Q(category__regex=r"\S"),
                name="budget_expense_category_present",
                violation_error_message=_("Name the category of this line."),
            ),
            models.CheckConstraint(
                condition=models.Q(unit_price__range=(0, LARGEST_AMOUNT)),
                name="budget_expense_unit_price_range",
                violation_error_message=_("A unit price is between 0 and 1 trillion won."),
            ),
            models.CheckConstraint(
                condition=models.Q(quantity__gt=0),
                name="budget_expense_quantity_positive",
                violation_error_message=_(
                    "A quantity is more than 0; leave it at 1 where it does not apply."
                ),
            ),
            models.CheckConstraint(
                condition=models.Q(times__gt=0),
                name="budget_expense_times_positive",
                violation_error_message=_("A count is more than 0; leave it at 1 where it does not apply."),
            ),
            models.CheckConstraint(
                condition=LessThanOrEqual(PRODUCT, LARGEST_AMOUNT),
                name="budget_expense_amount_range",
                violation_error_message=_("The amount of a line is at most 1 trillion won."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.display_order}. {self.category} {self.detail}".rstrip()
