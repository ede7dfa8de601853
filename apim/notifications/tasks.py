"""Sending mails in the background: each at once, what was left behind every minute; forgetting old notices."""

from __future__ import annotations

from celery import shared_task

from apim.notifications import services
from apim.notifications.constants import SEND_TASK
from apim.notifications.notices import forget_notices as forget


@shared_task(name=SEND_TASK)
def send_message(message_id: str) -> None:
    """Send one message; a refusal is kept on it and tried again by send_due_messages."""
    services.deliver(message_id)


@shared_task(name="apim.notifications.tasks.send_due_messages")
def send_due_messages() -> None:
    """Send what waits."""
    services.deliver_due()


@shared_task(name="apim.notifications.tasks.forget_notices")
def forget_notices() -> int:
    """Drop notices that were read or are old."""
    return forget()
