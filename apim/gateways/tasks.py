"""What is done by the clock: warning of certificates that end soon."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from apim.gateways.certificates import warn_of_expiry


@shared_task(name="apim.gateways.tasks.warn_of_certificates")
def warn_of_certificates() -> None:
    """Mail the admins about each certificate 30 and 7 days before it expires."""
    warn_of_expiry(timezone.now())
