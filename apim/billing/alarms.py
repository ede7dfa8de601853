"""Alarms: what an admin has to look at, kept until somebody has seen it, and mailed when it is new."""

from __future__ import annotations

import re
from typing import Final

from django.db import transaction
from django.utils import timezone

from apim.accounts.links import absolute_url
from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.connection import Connection
from apim.billing.models import BillingAlarm
from apim.notifications.posting import post
from apim.ui.said import said

_TEXT_AT_MOST: Final = 500
_SENTENCE_END: Final = re.compile(r"[.。\n]")
_SUBJECT_AT_MOST: Final = 255


@transaction.atomic
def raise_alarm(connection: Connection, kind: BillingAlarm.Kind, subject: str, text: str) -> BillingAlarm:
    """The alarm; admins are mailed when nobody has been told of it, or when it says something else now.

    Shapes: text is English sentences, one a line, told to each in the language of the account.
    """
    alarm, is_new = BillingAlarm.objects.select_for_update().get_or_create(
        mode=connection.mode,
        kind=kind,
        subject=subject[:_SUBJECT_AT_MOST],
        defaults={"text": text[:_TEXT_AT_MOST], "raised_at": timezone.now()},
    )
    if not is_new and alarm.text == text[:_TEXT_AT_MOST]:
        return alarm
    if not is_new:
        alarm.text, alarm.raised_at, alarm.seen_at = text[:_TEXT_AT_MOST], timezone.now(), None
        alarm.save(update_fields=["text", "raised_at", "seen_at"])
    admins = User.objects.filter(is_platform_admin=True, is_active=True).order_by("created_at")
    post(
        "billing.alarm",
        to=admins.values_list("email", flat=True),
        values={
            "headline": lambda: _SENTENCE_END.split(said(text))[0],
            "text": lambda: said(text),
            "about": subject,
            "link": absolute_url("/console/admin/billing"),
        },
    )
    return alarm


def drop_alarm(connection: Connection, kind: BillingAlarm.Kind, subject: str) -> None:
    """What it was about is as it should be again: it is raised anew should it come back."""
    BillingAlarm.objects.filter(mode=connection.mode, kind=kind, subject=subject[:_SUBJECT_AT_MOST]).delete()


@transaction.atomic
def see_alarm(*, alarm: BillingAlarm, by: Actor) -> BillingAlarm:
    """The alarm, seen: it is shown no more until it says something else."""
    alarm = BillingAlarm.objects.select_for_update().get(pk=alarm.pk)
    if alarm.seen_at is None:
        alarm.seen_at = timezone.now()
        alarm.save(update_fields=["seen_at"])
        record(by=by, action="billing.see_alarm", target=alarm, after={"subject": alarm.subject})
    return alarm
