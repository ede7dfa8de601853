"""The demo's clockwork: each task is over within seconds, and starts nothing when there is no demo."""

from __future__ import annotations

import time

from celery import shared_task
from django.utils import timezone

from apim.billing.connection import mode_in_use
from apim.billing.models import Mode
from apim.demo import history, removal, services, traffic
from apim.demo.models import Demo

_HISTORY_S = 6.0


@shared_task(name="apim.demo.tasks.keep_demo_going")
def keep_demo_going() -> int:
    """Send what is due, make a piece of the history, or sweep; how many calls were sent."""
    demo = Demo.objects.first()
    if demo is None:
        return 0
    if demo.is_removing:
        removal.sweep(timezone.now())
        return 0
    if demo.is_on and mode_in_use() == Mode.LIVE:
        services.switch_off(by=services.BY_ITSELF)
        return 0
    sent = traffic.send_due()
    ends_at = time.monotonic() + _HISTORY_S
    while time.monotonic() < ends_at and history.make_step():
        pass
    return sent


@shared_task(name="apim.demo.tasks.sweep_after_demo")
def sweep_after_demo() -> int:
    """Take away what gateways told once more of a demo that is gone; how many rows."""
    return removal.sweep_again(timezone.now())
