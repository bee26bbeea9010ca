"""The public models of the budget; import them from here."""

from budget.models.allocations import AnnualAllocation
from budget.models.budget_lines import BudgetExpense, BudgetIncome
from budget.models.budgets import Budget
from budget.models.events import Event
from budget.models.organizations import Membership, Organization
from budget.models.settlements import PaymentMethod, Settlement, SettlementItem
from budget.models.users import User

__all__ = [
    "AnnualAllocation",
    "Budget",
    "BudgetExpense",
    "BudgetIncome",
    "Event",
    "Membership",
    "Organization",
    "PaymentMethod",
    "Settlement",
    "SettlementItem",
    "User",
]
