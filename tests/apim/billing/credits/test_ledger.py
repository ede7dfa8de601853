"""A ledger entry that is gone: PostgreSQL refuses to delete one; on SQLite no further entry is taken after it. B11."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from apim.access.models import Subscription
from apim.billing.credits.goodwill import give_goodwill
from apim.billing.models import LedgerEntry
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db


def give(subscription: Subscription, key: str) -> None:
    """Five euros."""
    give_goodwill(subscription=subscription, amount=500, reason="Sorry.", expires_at=None, key=key, by=TESTER)


def test_no_entry_goes_unnoticed(prepaid: Subscription) -> None:
    give(prepaid, "a")
    give(prepaid, "b")
    last = LedgerEntry.objects.order_by("-number")[:1]
    if connection.vendor == "postgresql":
        with pytest.raises(DatabaseError), transaction.atomic():
            LedgerEntry.objects.filter(pk=last[0].pk).delete()
        return
    LedgerEntry.objects.filter(pk=last[0].pk).delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        give(prepaid, "c")
    assert LedgerEntry.objects.count() == 1
