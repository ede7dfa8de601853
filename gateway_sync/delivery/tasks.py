"""The tasks of the publishing process."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from apim.gateways.constants import PUBLISH_TASK
from gateway_sync.delivery import limits, services

FORGET_TASK = "gateway_sync.delivery.tasks.forget_publications"


@shared_task(name=PUBLISH_TASK)  # type: ignore[untyped-decorator]  # Celery has no types
def publish_environment(environment_id: str) -> None:
    """Bring an environment's gateways what they do not know yet."""
    services.publish(environment_id)


@shared_task(name=FORGET_TASK)  # type: ignore[untyped-decorator]
def forget_publications() -> int:
    """Delete publications and fragments that are too old to go back to, and counts of windows that are over."""
    return services.forget_publications() + limits.forget_old_limits(timezone.now())
