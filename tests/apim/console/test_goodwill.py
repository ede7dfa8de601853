"""Goodwill: an admin gives credits with a reason, once, and it is in the ledger and the audit log."""

from __future__ import annotations

import re

import pytest

from apim.access.models import Subscription
from apim.accounts.models import User
from apim.audit.models import AuditEvent
from tests.conftest import LogIn
from tests.prepaid import balance_of

pytestmark = pytest.mark.django_db


def test_an_admin_gives_credits_once_and_says_why(
    prepaid: Subscription,
    admin: User,
    log_in: LogIn,
) -> None:
    client = log_in(admin)
    assert "Nobody has credits yet" in client.get("/console/admin/billing/credits").content.decode()
    path = f"/console/admin/billing/credits/{prepaid.id}"
    key = re.search(r'name="key" value="([0-9a-f]+)"', client.get(path).content.decode())
    assert key is not None
    given = {"amount": "5.00", "reason": "The outage of Monday.", "key": key[1]}
    assert client.post(path, given | {"amount": "0.001"}).status_code == 422
    assert client.post(path, given).status_code == 302
    assert client.post(path, given).status_code == 422  # the form was sent twice
    assert balance_of(prepaid) == 500
    entry = AuditEvent.objects.get(action="credits.give_goodwill")
    assert (entry.reason, entry.after["amount"]) == ("The outage of Monday.", 500)
    page = client.get("/console/admin/billing/credits").content.decode()
    assert "5.00 EUR" in page
    assert "The outage of Monday." in client.get(path).content.decode()
