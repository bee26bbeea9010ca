"""The admin pages of people, organizations, events, budgets and settlements."""

from budget.admin import budgets, events, organizations, settlements, users

__all__ = ["budgets", "events", "organizations", "settlements", "users"]
