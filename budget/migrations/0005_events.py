import datetime

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0004_user_organizations"),
    ]

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_comment="UUIDv7 from the application, random from psql",
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_comment="When the row was inserted",
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="created at",
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        db_comment="Last change, kept by a trigger",
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="updated at",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_comment="Whose event it is",
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="budget.organization",
                        verbose_name="organization",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        db_comment="Who planned it",
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="created_events",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="created by",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        db_comment="Name, as printed on the forms", max_length=200, verbose_name="name"
                    ),
                ),
                (
                    "start_date",
                    models.DateField(
                        db_comment="First day; its year is the budget year", verbose_name="first day"
                    ),
                ),
                ("end_date", models.DateField(db_comment="Last day", verbose_name="last day")),
                (
                    "location",
                    models.CharField(
                        blank=True,
                        db_comment="Where",
                        db_default="",
                        default="",
                        max_length=200,
                        verbose_name="location",
                    ),
                ),
                (
                    "description",
                    models.TextField(
                        blank=True,
                        db_comment="What it is about",
                        db_default="",
                        default="",
                        verbose_name="description",
                    ),
                ),
                (
                    "allocated_amount",
                    models.BigIntegerField(
                        blank=True,
                        db_comment="Won set aside for it, if any",
                        null=True,
                        verbose_name="allocated amount",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PLANNING", "Planning"),
                            ("IN_PROGRESS", "In progress"),
                            ("COMPLETED", "Completed"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        db_comment="PLANNING, IN_PROGRESS, COMPLETED; CANCELLED from any and for good",
                        db_default="PLANNING",
                        default="PLANNING",
                        max_length=20,
                        verbose_name="status",
                    ),
                ),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "db_table": "events",
                "db_table_comment": "Events (행사)",
                "indexes": [
                    models.Index(fields=["organization", "-start_date"], name="events_by_organization"),
                    models.Index(fields=["-start_date"], name="events_by_date"),
                    models.Index(fields=["created_by"], name="events_by_author"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("end_date__lte", datetime.date(2100, 12, 31)),
                            ("start_date__gte", datetime.date(2000, 1, 1)),
                        ),
                        name="event_dates_range",
                        violation_error_message="The days of an event are in the years 2000 to 2100.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "\\S.*\\S")),
                        name="event_name_length",
                        violation_error_message="Enter a name of at least two characters.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("start_date__lte", models.F("end_date"))),
                        name="event_dates_in_order",
                        violation_error_message="The last day cannot be before the first day.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("allocated_amount__range", (0, 1000000000000))),
                        name="event_allocated_amount_range",
                        violation_error_message="The allocated amount is between 0 and 1 trillion won.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["PLANNING", "IN_PROGRESS", "COMPLETED", "CANCELLED"])
                        ),
                        name="event_status_valid",
                        violation_error_message="Choose one of the listed states for this event.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON events
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON events",
        ),
    ]
