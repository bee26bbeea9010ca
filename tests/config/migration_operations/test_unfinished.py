import pytest
from django.db import connection, transaction
from django.utils.translation import override

from config.migration_operations.unfinished import NowhereToRemember, forget, load, save

pytestmark = pytest.mark.django_db


def test_remembers_a_step_until_it_is_forgotten():
    save(connection, "budget.0020/APPLY/0", {"done": 1})
    save(connection, "budget.0020/APPLY/0", {"done": 2, "word": "행사"})
    remembered = load(connection, "budget.0020/APPLY/0")
    forget(connection, "budget.0020/APPLY/0")

    assert remembered == {"done": 2, "word": "행사"}
    assert load(connection, "budget.0020/APPLY/0") is None


def test_is_as_true_as_the_transaction_of_the_work():
    with transaction.atomic():
        save(connection, "step", {})
        transaction.set_rollback(True)

    assert load(connection, "step") is None


@pytest.mark.parametrize("call", [load, forget, lambda *step: save(*step, {})])
def test_names_the_dependency_where_the_table_is_missing(call):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE unfinished_steps RENAME TO elsewhere")

    with override("en"), pytest.raises(NowhereToRemember, match="0001_deploys_and_migration_runs"):
        call(connection, "step")
