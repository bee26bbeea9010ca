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
from tests.factories.operations import (
    DeployFactory,
    MigrationRunFactory,
    RehearsalFactory,
    UnfinishedStepFactory,
)
from tests.factories.receipts import OcrResultFactory, ReceiptScanFactory, ReceiptValidationFactory

__all__ = [
    "AnnualAllocationFactory",
    "AuditTrailFactory",
    "BudgetExpenseFactory",
    "BudgetFactory",
    "BudgetIncomeFactory",
    "DeployFactory",
    "EventFactory",
    "MembershipFactory",
    "MigrationRunFactory",
    "OcrResultFactory",
    "OrganizationFactory",
    "ReceiptScanFactory",
    "ReceiptValidationFactory",
    "RehearsalFactory",
    "SettlementFactory",
    "SettlementItemFactory",
    "UnfinishedStepFactory",
    "UserFactory",
]
