"""Credits by REST: the balance, the ledger, a top-up."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from apim.access.models import Subscription
from apim.billing.credits.drawing import draw_usage
from tests.factories.accounts import member
from tests.payments import Stripe
from tests.prepaid import use

pytestmark = pytest.mark.django_db


def test_credits_are_bought_drawn_and_told(
    stripe_server: Stripe,
    prepaid: Subscription,
) -> None:
    client = APIClient()
    client.force_login(member(prepaid.organization))
    path = f"/api/v1/subscriptions/{prepaid.id}/credits"
    empty = client.get(path).json()
    assert (empty["balance"], empty["top_ups"]) == ("0.00", ["20.00", "50.00"])
    for amount in ("20.001", "Infinity", "NaN", "1e99999", "twenty"):
        refused = client.post(f"{path}/top-ups", {"amount": amount}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (400, "billing.amount_invalid")
    assert (
        client.post(f"{path}/top-ups", {"amount": "21"}, format="json").json()["code"] == "billing.amount_not_offered"
    )
    begun = client.post(f"{path}/top-ups", {"amount": "20.00"}, format="json")
    assert (begun.status_code, begun.json()["amount"], begun.json()["state"]) == (201, "20.00", "open")
    stripe_server.pay(begun.json()["checkout_url"])
    stripe_server.deliver()
    use(prepaid, 5)
    draw_usage(prepaid.id)
    told = client.get(path).json()
    assert (told["balance"], told["affordable_calls"], told["is_exhausted"]) == ("19.95", 1995, False)
    ledger = client.get(f"{path}/ledger", {"limit": 1}).json()
    assert [(each["kind"], each["amount"], each["balance"]) for each in ledger["data"]] == [("draw", "-0.05", "19.95")]
    rest = client.get(f"{path}/ledger", {"limit": 1, "after": ledger["next"]}).json()
    assert [each["origin"] for each in rest["data"]] == ["purchase"]
