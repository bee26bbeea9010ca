"""The two operations that our engine has an own form of."""

from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.models.functions import Lower


def is_ours() -> bool:
    return settings.MIGRATION_ENGINE == "ours"


def type_change() -> Operation:
    return migrations.AlterField("Item", "quantity", models.BigIntegerField())


def data_change() -> Operation:
    return migrations.RunPython(_change_all, migrations.RunPython.noop)


def _change_all(apps, schema_editor) -> None:
    items = apps.get_model("ledger", "Item").objects.using(schema_editor.connection.alias)
    items.update(category=Lower("category"))
