"""The two changes that our engine has operations of its own for; the others run what Django offers."""

from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.models.functions import Lower

IS_OURS = settings.MIGRATION_ENGINE == "ours"
_CHANGE = {"category": Lower("category")}
_UNCHANGED = ~models.Q(category=Lower("category"))


def type_change() -> Operation:
    field = models.BigIntegerField()
    if IS_OURS:
        from config.migration_operations.change_type import ChangeTypeOnline

        return ChangeTypeOnline("Item", "quantity", field)
    return migrations.AlterField("Item", "quantity", field)


def data_change() -> Operation:
    if IS_OURS:
        from config.migration_operations.update_in_batches import UpdateInBatches

        return UpdateInBatches("lower_categories", "Item", change=_CHANGE, where=_UNCHANGED)
    return migrations.RunPython(_change_all, migrations.RunPython.noop)


def _change_all(apps, schema_editor) -> None:
    items = apps.get_model("ledger", "Item").objects.using(schema_editor.connection.alias)
    items.filter(_UNCHANGED).update(**_CHANGE)
