"""A prepaid plan on offer, what is used of it, and what its ledger says. Beside tests/payments.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.billing.credits.buying import open_top_up
from apim.billing.models import CreditAccount, CreditGrant, LedgerEntry, TopUp
from apim.gateways.models import AccessRecord, Environment
from apim.products.limits import Terms
from apim.products.models import Product
from apim.products.services import create_meter
from apim.usage.models import UsageRollup
from apim.usage.periods import PERIODS, start_of
from tests.factories import access, catalog, products
from tests.factories.accounts import TESTER
from tests.payments import GOOD_CARD, Stripe

PREPAID: dict[str, Any] = {
    "currency": "EUR",
    "prices": [
        {"name": "credits", "model": "prepaid", "amount": "20.00", "topUps": ["50.00"], "expiresAfterDays": 365},
        {"name": "calls", "meter": "bank-calls", "model": "unit", "unit": "0.01"},
    ],
}


def prepaid_product(pricing: dict[str, Any], name: str = "bank-payments", **meter: Any) -> Product:
    """A product with one prepaid plan."""
    version = catalog.published()
    owner = version.api.organization
    create_meter(organization=owner, name="bank-calls", definition=meter, by=TESTER)
    plan = products.plan(organization=owner, name="prepaid", terms=Terms(pricing=pricing))
    return products.product(version=version, plans=[plan], name=name)


def asked_for(product: Product) -> Subscription:
    """A subscription that waits for its first top-up."""
    application = access.application(name="shop")
    return subscribe(application=application, product=product, plan=product.plans.get(), by=TESTER, is_checkout=True)


@pytest.fixture
def prepaid(environment: Environment) -> Subscription:
    """A subscription to the plan PREPAID that waits for its first top-up."""
    return asked_for(prepaid_product(PREPAID))


def begin_top_up(subscription: Subscription, amount: int = 2000, *, keeps_card: bool = False) -> TopUp:
    """A top-up whose hosted page is open."""
    return open_top_up(
        subscription=subscription,
        amount=amount,
        keeps_card=keeps_card,
        return_url="http://127.0.0.1:1/back",
        cancel_url="http://127.0.0.1:1/no",
        by=TESTER,
    )


def top_up(
    stripe_server: Stripe,
    subscription: Subscription,
    amount: int = 2000,
    *,
    card: str = GOOD_CARD,
    keeps_card: bool = False,
) -> TopUp:
    """A top-up that was paid and whose events were applied."""
    made = begin_top_up(subscription, amount, keeps_card=keeps_card)
    assert stripe_server.pay(made.session_url, card) in (200, 303)
    stripe_server.deliver()
    made.refresh_from_db()
    subscription.refresh_from_db()
    return made


def use(
    subscription: Subscription, calls: int, *, at: datetime | None = None, status: int = 200, code: str = ""
) -> None:
    """What gateways counted in a minute."""
    minute = (at or timezone.now()).astimezone(UTC).replace(second=0, microsecond=0)
    for period in PERIODS:
        row, _ = UsageRollup.objects.get_or_create(
            period=period,
            at=start_of(period, minute),
            environment_id=subscription.environment_id,
            version_id="ver_1",
            operation="GET /accounts",
            application_id="app_1",
            subscription_id=subscription.id,
            status=status,
            code=code,
        )
        UsageRollup.objects.filter(pk=row.pk).update(calls=row.calls + calls)


def told(subscription: Subscription) -> dict[str, Any]:
    """What gateways know of the subscription."""
    record = AccessRecord.objects.filter(kind="subscription", key=subscription.id).order_by("-seq").first()
    assert record is not None
    assert isinstance(record.body, dict)
    return record.body


def balance_of(subscription: Subscription) -> int:
    """The balance, proved from the entries: they are numbered without a gap, add up, and agree with the grants."""
    entries = list(LedgerEntry.objects.filter(subscription=subscription).order_by("number"))
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    balance = 0
    for entry in entries:
        balance += entry.amount
        assert entry.balance == balance
    for grant in CreditGrant.objects.filter(subscription=subscription):
        assert grant.left == sum(entry.amount for entry in entries if entry.grant_id == grant.id)
    assert CreditAccount.objects.get(pk=subscription.pk).balance == balance
    return balance


def movements(subscription: Subscription) -> list[tuple[str, int]]:
    """(kind, amount) of each entry, the first first."""
    entries = LedgerEntry.objects.filter(subscription=subscription).order_by("number")
    return list(entries.values_list("kind", "amount"))
