import datetime

import django.contrib.postgres.functions
import django.db.models.functions.datetime
import django.db.models.functions.text
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0001_extensions"),
    ]

    # The admin's log points at people; its dependency on us names only our first migration.
    run_before = [("admin", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="User",
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
                    "email",
                    models.EmailField(
                        db_comment="Sign-in name, unique without regard to case",
                        max_length=254,
                        verbose_name="e-mail address",
                    ),
                ),
                (
                    "password",
                    models.CharField(
                        db_comment="Salted hash, never the password", max_length=128, verbose_name="password"
                    ),
                ),
                ("name", models.CharField(db_comment="Full name", max_length=100, verbose_name="name")),
                (
                    "baptismal_name",
                    models.CharField(
                        blank=True,
                        db_comment="세례명",
                        db_default="",
                        default="",
                        max_length=100,
                        verbose_name="baptismal name",
                    ),
                ),
                (
                    "phone",
                    models.CharField(
                        blank=True,
                        db_comment="Digits and hyphens, or empty",
                        db_default="",
                        default="",
                        max_length=15,
                        verbose_name="phone",
                    ),
                ),
                (
                    "birth_date",
                    models.DateField(
                        blank=True, db_comment="Date of birth", null=True, verbose_name="date of birth"
                    ),
                ),
                (
                    "position",
                    models.CharField(
                        blank=True,
                        db_comment="직책",
                        db_default="",
                        default="",
                        max_length=100,
                        verbose_name="position",
                    ),
                ),
                (
                    "address",
                    models.CharField(
                        blank=True,
                        db_comment="Postal address",
                        db_default="",
                        default="",
                        max_length=300,
                        verbose_name="address",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("ACTIVE", "Active"),
                            ("INACTIVE", "Inactive"),
                            ("SUSPENDED", "Suspended"),
                        ],
                        db_comment="Only ACTIVE may sign in",
                        db_default="PENDING",
                        default="PENDING",
                        max_length=20,
                        verbose_name="status",
                    ),
                ),
                (
                    "is_staff",
                    models.BooleanField(
                        db_comment="May open the admin site",
                        db_default=False,
                        default=False,
                        verbose_name="may use the admin site",
                    ),
                ),
                (
                    "is_superuser",
                    models.BooleanField(
                        db_comment="Has every right",
                        db_default=False,
                        default=False,
                        verbose_name="has every right",
                    ),
                ),
                (
                    "last_login",
                    models.DateTimeField(
                        blank=True,
                        db_comment="Last sign-in",
                        editable=False,
                        null=True,
                        verbose_name="last sign-in",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "db_table": "users",
                "db_table_comment": "People (사용자)",
                "indexes": [models.Index(fields=["status", "-created_at"], name="users_by_status")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("birth_date__range", (datetime.date(1900, 1, 1), datetime.date(2100, 12, 31)))
                        ),
                        name="user_birth_date_range",
                        violation_error_message="Enter a date of birth from the year 1900 on.",
                    ),
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("email"),
                        name="user_email_unique",
                        violation_error_message="Somebody with this e-mail address is registered already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("email__regex", "^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$")),
                        name="user_email_format",
                        violation_error_message="Enter an e-mail address like name@example.org.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "\\S.*\\S")),
                        name="user_name_length",
                        violation_error_message="Enter a name of at least two characters.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("phone", ""), ("phone__regex", "^[0-9-]{10,15}$"), _connector="OR"
                        ),
                        name="user_phone_format",
                        violation_error_message="Enter a phone number of 10 to 15 digits and hyphens.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["PENDING", "ACTIVE", "INACTIVE", "SUSPENDED"])),
                        name="user_status_valid",
                        violation_error_message="Choose one of the listed states for this person.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON users
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON users",
        ),
    ]
