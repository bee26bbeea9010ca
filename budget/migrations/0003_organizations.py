import django.contrib.postgres.functions
import django.db.models.functions.datetime
import django.db.models.functions.text
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0002_users"),
    ]

    operations = [
        migrations.CreateModel(
            name="Organization",
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
                    "name",
                    models.CharField(
                        db_comment="Name, as printed on the forms", max_length=100, verbose_name="name"
                    ),
                ),
                (
                    "code",
                    models.CharField(
                        db_comment="Name in capitals for programs: YOUTH", max_length=50, verbose_name="code"
                    ),
                ),
                (
                    "description",
                    models.TextField(
                        blank=True,
                        db_comment="What it does",
                        db_default="",
                        default="",
                        verbose_name="description",
                    ),
                ),
                (
                    "display_order",
                    models.IntegerField(
                        db_comment="Place in lists, smallest first",
                        db_default=0,
                        default=0,
                        verbose_name="order",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        db_comment="Accepts new events", db_default=True, default=True, verbose_name="active"
                    ),
                ),
            ],
            options={
                "verbose_name": "organization",
                "verbose_name_plural": "organizations",
                "db_table": "organizations",
                "db_table_comment": "Organizations of the committee (단체)",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("name",),
                        name="organization_name_unique",
                        violation_error_message="There is an organization of this name already.",
                    ),
                    models.UniqueConstraint(
                        fields=("code",),
                        name="organization_code_unique",
                        violation_error_message="There is an organization with this code already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "\\S.*\\S")),
                        name="organization_name_length",
                        violation_error_message="Enter a name of at least two characters.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("code__regex", "^[A-Z_]+$")),
                        name="organization_code_format",
                        violation_error_message="Write the code in capital letters and underscores, like YOUTH.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON organizations
                FOR EACH ROW EXECUTE FUNCTION set_updated_at()
            """,
            "DROP TRIGGER set_updated_at ON organizations",
        ),
    ]
