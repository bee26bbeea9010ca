"""The name of a migration, and Python code that leans on the models of today."""

import re
from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from config.operations.schema_change.lint.findings import Objection, Rule, Severity
from config.operations.schema_change.lint.subjects import Subject

_AUTOMATIC = re.compile(r"(^|_)auto_\d{8}")
_NAME = Rule(
    id="auto-name",
    why=_("The name tells when the file was made, and not what the migration does."),
    safe_form="manage.py makemigrations --name event_venue",
)
_IMPORTED = Rule(
    id="imported-model",
    why=_(
        "%(name)s is a model as it is today; the next change of it breaks this migration for everybody who "
        "starts from an empty database."
    ),
    safe_form='def forwards(apps, schema_editor):\n    Event = apps.get_model("budget", "Event")',
)


def find(subject: Subject) -> Iterator[Objection]:
    if _AUTOMATIC.search(subject.migration.name):
        yield _NAME.objection(large=Severity.ERROR, small=Severity.ERROR)
    for step in subject.steps:
        for name in step.code.imported_models if step.code else ():
            yield _IMPORTED.objection(
                large=Severity.ERROR, small=Severity.ERROR, operation=step.position, name=name
            )
