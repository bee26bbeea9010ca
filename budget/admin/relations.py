"""How related records are chosen: by search, in a field that bears whatever a browser sends."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest

if TYPE_CHECKING:
    ModelAdmin = BaseModelAdmin[Any]
else:
    ModelAdmin = BaseModelAdmin


class RecordSelect(AutocompleteSelect):
    """An autocomplete that names the record it was given; Django's asks the database, once for each row."""

    loaded: models.Model | None = None

    def optgroups(self, name: str, value: Sequence[str], attrs: Any = None) -> list[Any]:
        if self.loaded is None or list(value) != [str(self.loaded.pk)]:
            # The form says what is wrong with a value that is no key; the database cannot be asked for it.
            return super().optgroups(name, [key for key in value if self._is_key(key)], attrs)
        chosen = self.create_option(name, value[0], str(self.loaded), True, 1)
        empty = [] if self.is_required else [self.create_option(name, "", "", False, 0)]
        return [(None, [*empty, chosen], 0)]

    def _is_key(self, value: str) -> bool:
        try:
            self.field.target_field.to_python(value)
        except ValidationError:
            return False
        return True


class RecordSelects(ModelAdmin):
    """A page or an inline whose `autocomplete_fields` are chosen with ours."""

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = RecordSelect(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
