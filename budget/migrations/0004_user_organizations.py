import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0003_organizations"),
    ]

    operations = [
        migrations.CreateModel(
            name="Membership",
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
                    "user",
                    models.ForeignKey(
                        db_comment="Who belongs",
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_comment="To which organization",
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to="budget.organization",
                        verbose_name="organization",
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("ADMIN", "Head"),
                            ("TREASURER", "Treasurer"),
                            ("SECRETARY", "Secretary"),
                            ("MEMBER", "Member"),
                            ("AUDITOR", "Auditor"),
                        ],
                        db_comment="ADMIN 단체장, TREASURER 회계, SECRETARY 총무, MEMBER 회원, AUDITOR 감사",
                        db_default="MEMBER",
                        default="MEMBER",
                        max_length=20,
                        verbose_name="role",
                    ),
                ),
                (
                    "joined_at",
                    models.DateTimeField(
                        db_comment="Since when",
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="joined at",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        db_comment="Holds the role now", db_default=True, default=True, verbose_name="active"
                    ),
                ),
            ],
            options={
                "verbose_name": "membership",
                "verbose_name_plural": "memberships",
                "db_table": "user_organizations",
                "db_table_comment": "Who belongs to which organization, in which role (소속)",
                "indexes": [
                    models.Index(fields=["organization", "role"], name="memberships_by_organization")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "organization"),
                        name="membership_unique",
                        violation_error_message="This person belongs to this organization already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("role__in", ["ADMIN", "TREASURER", "SECRETARY", "MEMBER", "AUDITOR"])
                        ),
                        name="membership_role_valid",
                        violation_error_message="Choose one of the listed roles.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON user_organizations
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON user_organizations",
        ),
    ]
