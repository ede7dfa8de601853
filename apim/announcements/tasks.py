"""Sending announcements in the background, and beginning those that are due by the clock."""

from __future__ import annotations

from celery import shared_task

from apim.announcements import schedule, services


@shared_task(name=services.SEND_TASK)
def send_announcement(announcement_id: str) -> None:
    """Tell the receivers of one announcement."""
    services.deliver(announcement_id)


@shared_task(name="apim.announcements.tasks.send_due")
def send_due() -> None:
    """Begin what versions give reason for, and go on with what was left."""
    schedule.announce_due()
    services.deliver_unfinished()
