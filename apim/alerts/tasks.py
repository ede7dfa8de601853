"""What is done by the clock: judging rules each minute, and looking for anomalies each hour."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from apim.alerts import anomalies, watching


@shared_task(name="apim.alerts.tasks.watch_rules")
def watch_rules() -> int:
    """Judge every rule up to now; how many firings began."""
    return watching.watch(timezone.now())


@shared_task(name="apim.alerts.tasks.look_for_anomalies")
def look_for_anomalies() -> int:
    """Compare the last whole hour with the same hour of other weeks; how many anomalies are new."""
    return anomalies.look(timezone.now())
