"""The pages of people."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from budget.admin.columns import status_badge
from budget.admin.inlines import ModelForm, RowInline
from budget.admin.records import RecordAdmin
from budget.models import Membership, User

# Rights follow from roles in an organization; Django's groups would grant nothing.
admin.site.unregister(Group)


if TYPE_CHECKING:
    UserForm = AdminUserCreationForm[User]
    BaseUserAdmin = DjangoUserAdmin[User]
else:
    UserForm = AdminUserCreationForm
    BaseUserAdmin = DjangoUserAdmin


class NewUserForm(UserForm):
    class Meta:
        model = User
        fields = ("email", "name")


class MembershipInline(RowInline):
    model = Membership
    fields = ("organization", "role", "is_active")
    autocomplete_fields = ("organization",)
    related = ("organization", "user")
    ordering = ("organization__display_order", "id")


@admin.register(User)
class UserAdmin(RecordAdmin, BaseUserAdmin):
    form = ModelForm
    add_form = NewUserForm
    list_display = ("name", "baptismal_name", "email", "position", status_badge, "is_staff", "last_login")
    list_filter = ("status", "is_staff", "is_superuser")
    search_fields = ("search_text",)
    ordering = ("name", "id")
    filter_horizontal = ()
    inlines = (MembershipInline,)
    origin = ("last_login", "created_at", "updated_at")
    person = ("email", "name", "baptismal_name", "phone", "birth_date", "position", "address")
    rights = ("status", "is_staff", "is_superuser")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> list[Any]:
        if obj is None:
            return [
                (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
            ]
        return [
            (None, {"fields": (*self.person, "password_link")}),
            (_("Rights"), {"fields": self.rights}),
            (_("Origin"), {"fields": self.origin, "classes": ("collapse",)}),
        ]

    def get_inlines(self, request: HttpRequest, obj: User | None = None) -> Any:
        return self.inlines if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[Any, ...]:
        fields = (*super().get_readonly_fields(request, obj), "password_link")
        # Nobody locks themselves out, and only a superuser hands out rights.
        may_grant = getattr(request.user, "is_superuser", False) and obj != request.user
        return fields if may_grant else (*fields, *self.rights)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        # Nobody deletes themselves, so there is always a superuser left; lists ask for each person, too.
        return obj != request.user and super().has_delete_permission(request, obj)

    @admin.display(description=_("password"))
    def password_link(self, user: User) -> SafeString:
        address = reverse("admin:auth_user_password_change", args=(user.pk,))
        return format_html('<a href="{}">{}</a>', address, _("Change the password"))
