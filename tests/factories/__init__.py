"""The smallest valid row of every model; a test states what matters to it."""

from tests.factories.audit import AuditTrailFactory
from tests.factories.budget import (
    AnnualAllocationFactory,
    BudgetExpenseFactory,
    BudgetFactory,
    BudgetIncomeFactory,
    EventFactory,
    MembershipFactory,
    OrganizationFactory,
    SettlementFactory,
    SettlementItemFactory,
    UserFactory,
)
from tests.factories.receipts import OcrResultFactory, ReceiptScanFactory, ReceiptValidationFactory

__all__ = [
    "AnnualAllocationFactory",
    "AuditTrailFactory",
    "BudgetExpenseFactory",
    "BudgetFactory",
    "BudgetIncomeFactory",
    "EventFactory",
    "MembershipFactory",
    "OcrResultFactory",
    "OrganizationFactory",
    "ReceiptScanFactory",
    "ReceiptValidationFactory",
    "SettlementFactory",
    "SettlementItemFactory",
    "UserFactory",
]
