"""What every row of ours has: a time-ordered key and two times that the database keeps."""

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7


class Record(models.Model):
    # UUIDv7 keeps the index dense; the database's own default completes a row inserted with psql.
    id = models.UUIDField(
        primary_key=True,
        default=uuid7,
        db_default=RandomUUID(),
        editable=False,
        db_comment="UUIDv7 from the application, random from psql",
    )
    created_at = models.DateTimeField(
        _("created at"), db_default=Now(), editable=False, db_comment="When the row was inserted"
    )
    # A trigger writes it, because QuerySet.update() and psql do not call save().
    updated_at = models.DateTimeField(
        _("updated at"), db_default=Now(), editable=False, db_comment="Last change, kept by a trigger"
    )

    class Meta:
        abstract = True
