"""Changes of rows, and what has been recorded of them."""

from django.db import connection

from audit.models import AuditTrail
from budget.models import BudgetIncome
from tests.factories import BudgetFactory


def execute(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []


class Recorder:
    """Tells what has been recorded since the last time it was asked."""

    def __init__(self):
        self.position = 0
        self()

    def __call__(self):
        found = list(AuditTrail.objects.filter(position__gt=self.position).order_by("position"))
        if found:
            self.position = found[-1].position
        return found


def one(entries):
    [entry] = entries
    return entry


def lines_of(count):
    budget = BudgetFactory()
    BudgetIncome.objects.bulk_create(
        BudgetIncome(budget=budget, display_order=n, title=f"line {n}", amount=n) for n in range(1, count + 1)
    )
    return budget
