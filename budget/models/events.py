"""Events: what the money is for."""

from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.declaration import Audited
from budget.dates import FIRST_DAY, LAST_DAY
from budget.models.organizations import Organization
from budget.models.records import Record
from budget.models.users import User
from budget.money import LARGEST_AMOUNT, MoneyField
from budget.search import search_text


class Event(Record):
    class Status(models.TextChoices):
        PLANNING = "PLANNING", _("Planning")
        IN_PROGRESS = "IN_PROGRESS", _("In progress")
        COMPLETED = "COMPLETED", _("Completed")
        CANCELLED = "CANCELLED", _("Cancelled")

    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="events",
        db_index=False,
        verbose_name=_("organization"),
        db_comment="Whose event it is",
    )
    created_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="created_events",
        db_index=False,
        verbose_name=_("created by"),
        db_comment="Who planned it",
    )
    name = models.CharField(_("name"), max_length=200, db_comment="Name, as printed on the forms")
    start_date = models.DateField(_("first day"), db_comment="First day; its year is the budget year")
    end_date = models.DateField(_("last day"), db_comment="Last day")
    location = models.CharField(
        _("location"), max_length=200, blank=True, default="", db_default="", db_comment="Where"
    )
    description = models.TextField(
        _("description"), blank=True, default="", db_default="", db_comment="What it is about"
    )
    allocated_amount = MoneyField(
        _("allocated amount"), null=True, blank=True, db_comment="Won set aside for it, if any"
    )
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=Status,
        default=Status.PLANNING,
        db_default=Status.PLANNING,
        db_comment="PLANNING, IN_PROGRESS, COMPLETED; CANCELLED from any and for good",
    )
    search_text = search_text("name", "location")

    audited = Audited(derived=("search_text",), organization="organization_id")

    class Meta:
        db_table = "events"
        db_table_comment = "Events (행사)"
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(name__regex=r"\S.*\S"),
                name="event_name_length",
                violation_error_message=_("Enter a name of at least two characters."),
            ),
            models.CheckConstraint(
                condition=models.Q(start_date__lte=models.F("end_date")),
                name="event_dates_in_order",
                violation_error_message=_("The last day cannot be before the first day."),
            ),
            models.CheckConstraint(
                condition=models.Q(start_date__gte=FIRST_DAY, end_date__lte=LAST_DAY),
                name="event_dates_range",
                violation_error_message=_("The days of an event are in the years 2000 to 2100."),
            ),
            models.CheckConstraint(
                condition=models.Q(allocated_amount__range=(0, LARGEST_AMOUNT)),
                name="event_allocated_amount_range",
                violation_error_message=_("The allocated amount is between 0 and 1 trillion won."),
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["PLANNING", "IN_PROGRESS", "COMPLETED", "CANCELLED"]),
                name="event_status_valid",
                violation_error_message=_("Choose one of the listed states for this event."),
            ),
        )
        indexes = (
            # An organization's events of a year: the event list, and the cumulative request of form 1.
            models.Index(fields=["organization", "-start_date"], name="events_by_organization"),
            # The committee's event list, newest first.
            models.Index(fields=["-start_date"], name="events_by_date"),
            # Whether a person may be deleted; what waits for its author.
            models.Index(fields=["created_by"], name="events_by_author"),
            # The admin's search for events.
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="events_search"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.start_date:%Y-%m-%d})"

    def clean(self) -> None:
        # The twin of the trigger event_organization_active, with a sentence.
        if self._belongs_to_inactive() and (self._state.adding or self._changes_organization()):
            raise ValidationError(
                _("This organization is inactive and gets no new event. Choose an active one."),
                code="organization_inactive",
            )

    def _belongs_to_inactive(self) -> bool:
        return Organization.objects.filter(pk=self.organization_id, is_active=False).exists()

    def _changes_organization(self) -> bool:
        return not Event.objects.filter(pk=self.pk, organization=self.organization_id).exists()
