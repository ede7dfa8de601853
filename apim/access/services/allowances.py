"""How many calls the credits of a prepaid subscription pay for, on its way to gateways."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from apim.access import records
from apim.access.models import Subscription


@transaction.atomic
def allow_calls(*, subscription: Subscription, calls: int | None, since: datetime | None) -> bool:
    """True when gateways are told another number of calls, counted since a moment; None = they do not count them.

    It changes with the usage itself, so it leaves no trace in the audit log: the ledger of credits is one.
    """
    if (subscription.allowance, subscription.allowance_since) == (calls, since):
        return False
    subscription.allowance, subscription.allowance_since = calls, since
    subscription.save(update_fields=["allowance", "allowance_since"])
    records.emit(
        records.Affected(subscriptions=Subscription.objects.filter(pk=subscription.pk)),
        environment_ids=[subscription.environment_id],
    )
    return True
