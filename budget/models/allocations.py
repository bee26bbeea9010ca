"""Allocations (예산 배정액): what the parish gives an organization for a year."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.declaration import Audited
from budget.models.organizations import Organization
from budget.models.records import Record
from budget.money import LARGEST_AMOUNT, MoneyField


class AnnualAllocation(Record):
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="allocations",
        db_index=False,
        verbose_name=_("organization"),
        db_comment="Who may spend it",
    )
    year = models.IntegerField(_("year"), db_comment="Budget year, like 2025")
    amount = MoneyField(_("amount"), db_comment="Won")

    audited = Audited(organization="organization_id")

    class Meta:
        db_table = "annual_allocations"
        db_table_comment = "What the parish allocates to an organization for a year (예산 배정액)"
        verbose_name = _("annual allocation")
        verbose_name_plural = _("annual allocations")
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "year"],
                name="annual_allocation_unique",
                violation_error_message=_("This organization has an allocation for this year already."),
            ),
            models.CheckConstraint(
                condition=models.Q(year__range=(2000, 2100)),
                name="annual_allocation_year_range",
                violation_error_message=_("Enter a year from 2000 to 2100."),
            ),
            models.CheckConstraint(
                condition=models.Q(amount__range=(0, LARGEST_AMOUNT)),
                name="annual_allocation_amount_range",
                violation_error_message=_("An allocation is between 0 and 1 trillion won."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization} {self.year}"
