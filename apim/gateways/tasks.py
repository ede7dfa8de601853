"""What is done by the clock: ordering certificates, and warning of those that end soon."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from apim.gateways.acme.orders import run_due
from apim.gateways.certificates import warn_of_expiry


@shared_task(name="apim.gateways.tasks.warn_of_certificates")
def warn_of_certificates() -> None:
    """Mail the admins about each certificate 30 and 7 days before it expires."""
    warn_of_expiry(timezone.now())


@shared_task(name="apim.gateways.tasks.order_certificates")
def order_certificates() -> int:
    """Take the steps that are due of certificates by ACME; how many."""
    return run_due()
