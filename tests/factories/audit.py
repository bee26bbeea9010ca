"""Rows of the audit trail."""

import factory

from audit.models import AuditTrail


class AuditTrailFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = AuditTrail

    action = "LOGIN"
