"""Rows of the budget app."""

import datetime

import factory
from django.utils import timezone

from budget.models import (
    AnnualAllocation,
    Budget,
    BudgetExpense,
    BudgetIncome,
    Event,
    Membership,
    Organization,
    Settlement,
    SettlementItem,
    User,
)


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = "김은총"
    status = "ACTIVE"

    class Params:
        superuser = factory.Trait(is_staff=True, is_superuser=True)


class OrganizationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Organization

    name = factory.Sequence(lambda n: f"단체 {n}")
    # The code takes letters only, so the number is spelt with them.
    code = factory.Sequence(
        lambda n: "ORGANIZATION_" + "".join(chr(ord("A") + int(digit)) for digit in str(n))
    )


class MembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    organization = factory.SubFactory(OrganizationFactory)


class EventFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Event

    organization = factory.SubFactory(OrganizationFactory)
    created_by = factory.SubFactory(UserFactory)
    name = "여름캠프"
    start_date = datetime.date(2025, 8, 1)
    end_date = datetime.date(2025, 8, 3)


def decided(budget: factory.builder.Resolver) -> bool:
    return budget.status in {"APPROVED", "REJECTED"}


class BudgetFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Budget

    event = factory.SubFactory(EventFactory)
    created_by = factory.SubFactory(UserFactory)
    status = "DRAFT"
    submitted_at = factory.LazyAttribute(lambda row: None if row.status == "DRAFT" else timezone.now())
    decided_by = factory.LazyAttribute(lambda row: UserFactory() if decided(row) else None)
    decided_at = factory.LazyAttribute(lambda row: timezone.now() if decided(row) else None)
    rejection_reason = factory.LazyAttribute(lambda row: "금액 재확인" if row.status == "REJECTED" else "")


class BudgetIncomeFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = BudgetIncome

    budget = factory.SubFactory(BudgetFactory)
    display_order = factory.Sequence(lambda n: n)
    title = "참가비"
    amount = 900_000


class BudgetExpenseFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = BudgetExpense

    budget = factory.SubFactory(BudgetFactory)
    display_order = factory.Sequence(lambda n: n)
    category = "식비"
    unit_price = 8_000


class SettlementFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Settlement

    event = factory.SubFactory(EventFactory)
    created_by = factory.SubFactory(UserFactory)
    status = "DRAFT"
    reviewed_by = factory.LazyAttribute(lambda row: UserFactory() if row.status == "COMPLETED" else None)
    completed_at = factory.LazyAttribute(lambda row: timezone.now() if row.status == "COMPLETED" else None)


class SettlementItemFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = SettlementItem

    settlement = factory.SubFactory(SettlementFactory)
    item_type = "EXPENSE"
    display_order = factory.Sequence(lambda n: n)
    category = "식비"
    amount = 35_000


class AnnualAllocationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = AnnualAllocation

    organization = factory.SubFactory(OrganizationFactory)
    year = 2025
    amount = 6_500_000
