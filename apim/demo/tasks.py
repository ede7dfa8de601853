"""The demo's clockwork: each task is over within seconds, and starts nothing when there is no demo."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from apim.billing.connection import mode_in_use
from apim.billing.models import Mode
from apim.demo import removal, services, traffic
from apim.demo.models import Demo


@shared_task(name="apim.demo.tasks.keep_demo_going")
def keep_demo_going() -> int:
    """Send what is due, or sweep; how many calls were sent. The history is made by a job."""
    demo = Demo.objects.first()
    if demo is None:
        return 0
    if demo.is_removing:
        removal.sweep(timezone.now())
        return 0
    if demo.is_on and mode_in_use() == Mode.LIVE:
        services.switch_off(by=services.BY_ITSELF)
        return 0
    return traffic.send_due()


@shared_task(name="apim.demo.tasks.sweep_after_demo")
def sweep_after_demo() -> int:
    """Take away what gateways told once more of a demo that is gone; how many rows."""
    return removal.sweep_again(timezone.now())
