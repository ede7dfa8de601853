"""Keys that end soon: told of 14, 3 and 1 day before, by mail and webhook, each once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from apim.access import inbox
from apim.access.models import Credential
from apim.access.telling import tell_keys

DAYS: Final = (1, 3, 14)
_BATCH: Final = 500


def tell_of_ends() -> int:
    """How many keys were told of. A key that lives hardly longer than a notice is not told of it."""
    now = timezone.now()
    ending = Credential.objects.filter(state=Credential.State.ACTIVE, expires_at__gt=now)
    ending = ending.filter(expires_at__lte=now + timedelta(days=DAYS[-1])).order_by("expires_at")
    rows = ending.values_list("id", "created_at", "expires_at", "end_told_days")
    due = [row[0] for row in rows.iterator(_BATCH) if _notice(row[1], row[2], row[3], now) is not None]
    return sum(_tell(credential_id, now) for credential_id in due)


def _notice(created_at: datetime, expires_at: datetime | None, told: int | None, now: datetime) -> int | None:
    """The days before its end that a key is to be told of now; None when it was, or lives too short for that."""
    if expires_at is None:
        return None
    days = next((each for each in DAYS if expires_at - now <= timedelta(days=each)), None)
    if days is None or (told is not None and told <= days):
        return None
    return days if expires_at - created_at > timedelta(days=days) else None


@transaction.atomic
def _tell(credential_id: str, now: datetime) -> bool:
    rows = Credential.objects.select_for_update(of=("self",)).select_related("application__organization", "environment")
    credential = rows.filter(id=credential_id, state=Credential.State.ACTIVE).first()
    if credential is None:
        return False
    days = _notice(credential.created_at, credential.expires_at, credential.end_told_days, now)
    if days is None:
        return False
    credential.end_told_days = days
    credential.save(update_fields=["end_told_days"])
    inbox.announce_end(credential)
    tell_keys("key.expiring", [credential])
    return True
