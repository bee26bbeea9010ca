"""Organizations of the committee, and who belongs to them in which role."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.declaration import Audited
from budget.models.records import Record
from budget.models.users import User
from budget.search import search_text


class Organization(Record):
    name = models.CharField(_("name"), max_length=100, db_comment="Name, as printed on the forms")
    code = models.CharField(_("code"), max_length=50, db_comment="Name in capitals for programs: YOUTH")
    description = models.TextField(
        _("description"), blank=True, default="", db_default="", db_comment="What it does"
    )
    display_order = models.IntegerField(
        _("order"), default=0, db_default=0, db_comment="Place in lists, smallest first"
    )
    is_active = models.BooleanField(
        _("active"), default=True, db_default=True, db_comment="Accepts new events"
    )
    search_text = search_text("name", "code")

    audited = Audited(derived=("search_text",), organization="id")

    class Meta:
        db_table = "organizations"
        db_table_comment = "Organizations of the committee (단체)"
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        constraints = (
            models.UniqueConstraint(
                fields=["name"],
                name="organization_name_unique",
                violation_error_message=_("There is an organization of this name already."),
            ),
            models.UniqueConstraint(
                fields=["code"],
                name="organization_code_unique",
                violation_error_message=_("There is an organization with this code already."),
            ),
            models.CheckConstraint(
                condition=models.Q(name__regex=r"\S.*\S"),
                name="organization_name_length",
                violation_error_message=_("Enter a name of at least two characters."),
            ),
            models.CheckConstraint(
                condition=models.Q(code__regex=r"^[A-Z_]+$"),
                name="organization_code_format",
                violation_error_message=_("Write the code in capital letters and underscores, like YOUTH."),
            ),
        )
        indexes = (
            # The admin's search for organizations.
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="organizations_search"),
        )

    def __str__(self) -> str:
        return self.name


class Membership(Record):
    class Role(models.TextChoices):
        ADMIN = "ADMIN", _("Head")
        TREASURER = "TREASURER", _("Treasurer")
        SECRETARY = "SECRETARY", _("Secretary")
        MEMBER = "MEMBER", _("Member")
        AUDITOR = "AUDITOR", _("Auditor")

    user = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="memberships",
        db_index=False,
        verbose_name=_("user"),
        db_comment="Who belongs",
    )
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="memberships",
        db_index=False,
        verbose_name=_("organization"),
        db_comment="To which organization",
    )
    role = models.CharField(
        _("role"),
        max_length=20,
        choices=Role,
        default=Role.MEMBER,
        db_default=Role.MEMBER,
        db_comment="ADMIN 단체장, TREASURER 회계, SECRETARY 총무, MEMBER 회원, AUDITOR 감사",
    )
    joined_at = models.DateTimeField(
        _("joined at"), db_default=models.functions.Now(), db_comment="Since when"
    )
    is_active = models.BooleanField(
        _("active"), default=True, db_default=True, db_comment="Holds the role now"
    )

    audited = Audited(organization="organization_id")

    class Meta:
        db_table = "user_organizations"
        db_table_comment = "Who belongs to which organization, in which role (소속)"
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = (
            models.UniqueConstraint(
                fields=["user", "organization"],
                name="membership_unique",
                violation_error_message=_("This person belongs to this organization already."),
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=["ADMIN", "TREASURER", "SECRETARY", "MEMBER", "AUDITOR"]),
                name="membership_role_valid",
                violation_error_message=_("Choose one of the listed roles."),
            ),
        )
        indexes = (
            # The members of an organization by role: its page in the admin, and who may approve.
            models.Index(fields=["organization", "role"], name="memberships_by_organization"),
        )

    def __str__(self) -> str:
        return f"{self.organization} · {self.user} ({self.get_role_display()})"
