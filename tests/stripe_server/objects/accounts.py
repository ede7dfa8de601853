"""The account behind the keys. Source: docs.stripe.com/api/accounts, docs.stripe.com/api/balance."""

from __future__ import annotations

from tests.stripe_server.rendering import present
from tests.stripe_server.routes import route
from tests.stripe_server.store import ACCOUNT, Mode, Object


@route("GET", "/v1/account", "AccountRetrieveCurrentParams", "accounts_kyc_basic")
def retrieve_account(_mode: Mode, _params: Object) -> Object:
    return {
        "id": ACCOUNT, "object": "account", "business_type": "company", "capabilities": {"card_payments": "active"},
        "charges_enabled": True, "country": "DE", "created": 1700000000, "default_currency": "eur",
        "details_submitted": True, "email": "owner@example.com", "metadata": {}, "payouts_enabled": True,
        "type": "standard", "business_profile": {"name": "Stand-in for Stripe"},
        "settings": {"dashboard": {"display_name": "Stand-in for Stripe", "timezone": "Etc/UTC"}},
    }  # fmt: skip


@route("GET", "/v1/balance", "BalanceRetrieveParams", "balance")
def retrieve_balance(mode: Mode, _params: Object) -> Object:
    """What succeeded charges brought in, less what was refunded."""
    sums: dict[str, int] = {}
    for charge in mode.all("charge", status="succeeded"):
        sums[charge["currency"]] = sums.get(charge["currency"], 0) + charge["amount"] - charge["amount_refunded"]
    found = [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}} for currency, amount in sums.items()
    ]
    return present(mode, {"object": "balance", "livemode": mode.livemode, "available": found, "pending": []})
