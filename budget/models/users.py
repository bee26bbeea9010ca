"""People: whoever signs in, writes, approves, or is reimbursed."""

import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from audit.declaration import Audited
from budget.dates import LAST_DAY
from budget.models.records import Record
from budget.search import search_text


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by e-mail address, whatever its case."""
        return self.annotate(lower_email=Lower("email")).get(lower_email=(username or "").lower())

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        rights = {"is_staff": True, "is_superuser": True, "status": User.Status.ACTIVE}
        return self.create_user(email, password, **{**rights, **fields})


class User(AbstractBaseUser, Record):
    class Status(models.TextChoices):
        PENDING = "PENDING", _("Pending")
        ACTIVE = "ACTIVE", _("Active")
        INACTIVE = "INACTIVE", _("Inactive")
        SUSPENDED = "SUSPENDED", _("Suspended")

    email = models.EmailField(_("e-mail address"), db_comment="Sign-in name, unique without regard to case")
    password = models.CharField(_("password"), max_length=128, db_comment="Salted hash, never the password")
    name = models.CharField(_("name"), max_length=100, db_comment="Full name")
    baptismal_name = models.CharField(
        _("baptismal name"), max_length=100, blank=True, default="", db_default="", db_comment="세례명"
    )
    phone = models.CharField(
        _("phone"),
        max_length=15,
        blank=True,
        default="",
        db_default="",
        db_comment="Digits and hyphens, or empty",
    )
    birth_date = models.DateField(_("date of birth"), null=True, blank=True, db_comment="Date of birth")
    position = models.CharField(
        _("position"), max_length=100, blank=True, default="", db_default="", db_comment="직책"
    )
    address = models.CharField(
        _("address"), max_length=300, blank=True, default="", db_default="", db_comment="Postal address"
    )
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=Status,
        default=Status.PENDING,
        db_default=Status.PENDING,
        db_comment="Only ACTIVE may sign in",
    )
    is_staff = models.BooleanField(
        _("may use the admin site"),
        default=False,
        db_default=False,
        db_comment="May open the admin site",
    )
    is_superuser = models.BooleanField(
        _("has every right"), default=False, db_default=False, db_comment="Has every right"
    )
    last_login = models.DateTimeField(
        _("last sign-in"), null=True, blank=True, editable=False, db_comment="Last sign-in"
    )
    search_text = search_text("name", "baptismal_name", "email")

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    audited = Audited(masked=("password", "phone", "birth_date", "address"), derived=("search_text",))

    class Meta:
        db_table = "users"
        db_table_comment = "People (사용자)"
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = (
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_unique",
                violation_error_message=_("Somebody with this e-mail address is registered already."),
            ),
            models.CheckConstraint(
                condition=models.Q(email__regex=r"^[^@\s]+@[^@\s]+\.[^@\s]+$"),
                name="user_email_format",
                violation_error_message=_("Enter an e-mail address like name@example.org."),
            ),
            models.CheckConstraint(
                condition=models.Q(name__regex=r"\S.*\S"),
                name="user_name_length",
                violation_error_message=_("Enter a name of at least two characters."),
            ),
            models.CheckConstraint(
                condition=models.Q(phone="") | models.Q(phone__regex=r"^[0-9-]{10,15}$"),
                name="user_phone_format",
                violation_error_message=_("Enter a phone number of 10 to 15 digits and hyphens."),
            ),
            models.CheckConstraint(
                condition=models.Q(birth_date__range=(datetime.date(1900, 1, 1), LAST_DAY)),
                name="user_birth_date_range",
                violation_error_message=_("Enter a date of birth from the year 1900 on."),
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["PENDING", "ACTIVE", "INACTIVE", "SUSPENDED"]),
                name="user_status_valid",
                violation_error_message=_("Choose one of the listed states for this person."),
            ),
        )
        indexes = (
            # The admin's list of people: those who wait for approval, newest first.
            models.Index(fields=["status", "-created_at"], name="users_by_status"),
            # The admin's search for people, and every autocomplete of a person.
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="users_search"),
        )

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Whether this person may sign in; Django's authentication asks."""
        return self.status == self.Status.ACTIVE

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name

    # Rights of members follow from their role in an organization; until a role grants one, only
    # superusers have any.

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and self.is_superuser

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_superuser
