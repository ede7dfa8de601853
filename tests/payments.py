"""A Stripe to test against, over real HTTP with real signatures, and a plan with prices on offer.

Events are received by a server of their own and handed on when a test says so: once, twice, in any order.
"""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.billing import tasks
from apim.billing.checkout import open_checkout
from apim.billing.models import StripeEvent
from apim.gateways.models import Environment
from apim.products.limits import Terms
from apim.products.models import Product
from apim.products.services import create_meter
from tests.factories import access, catalog, products
from tests.factories.accounts import TESTER
from tests.stripe_server.keys import TEST_KEY
from tests.stripe_server.server import Server
from tests.upstreams import Arrival, Reply, Upstream
from tests.waiting import wait_until

SECRET = "whsec_of_tests"
GOOD_CARD, BROKEN_CARD = "4242424242424242", "4000000000000341"
PRICING: dict[str, Any] = {
    "currency": "EUR",
    "prices": [
        {"name": "base", "model": "flat", "amount": "29.00"},
        {
            "name": "calls",
            "meter": "bank-calls",
            "model": "graduated",
            "tiers": [{"upTo": 100_000, "unit": "0"}, {"unit": "0.0004"}],
        },
    ],
}


@dataclass(slots=True)
class Inbox:
    """Where the stand-in sends its events."""

    url: str = ""
    received: list[tuple[bytes, str]] = field(default_factory=list)


@dataclass(slots=True)
class Stripe:
    """The stand-in, and what tests do to it."""

    address: str
    inbox: Inbox
    posted: int = 0

    def control(self, door: str, /, **given: Any) -> Any:
        """What the stand-in's own door says."""
        return json.loads(ask(f"{self.address}/_control/{door}", "POST", json.dumps(given)))

    def submit(self, url: str, **fields: str) -> int:
        """The status of a hosted page after its form was sent; redirects to us are not followed."""
        request = urllib.request.Request(url, urllib.parse.urlencode(fields).encode())  # noqa: S310 - the stand-in
        opener = urllib.request.build_opener(_NoRedirect())
        try:
            with opener.open(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def pay(self, url: str, card: str = GOOD_CARD) -> int:
        """Buy on the hosted checkout, or pay a hosted invoice."""
        fields = {"number": card, "expiry": "12 / 40", "cvc": "123", "name": "Eva Example", "email": "eva@example.org"}
        return self.submit(url, action="pay", **fields)

    def settle(self) -> list[tuple[bytes, str]]:
        """Every event that the stand-in has sent so far, once it has sent all."""

        def is_idle() -> bool:
            return not any(json.loads(ask(f"{self.address}/_control/webhooks"))["pending"].values())

        wait_until(is_idle, "all events are sent")
        return self.inbox.received

    def deliver(self) -> None:
        """Hand on what is new, and apply it."""
        new = self.settle()[self.posted :]
        self.posted += len(new)
        hand_on(new)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        """Redirects lead back to pages that no test serves here."""


def ask(url: str, method: str = "GET", content: str = "") -> bytes:
    """What the stand-in answers."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, content.encode() or None, headers, method=method)  # noqa: S310 - the stand-in
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the stand-in
        return bytes(answer.read())


def hand_on(events: Sequence[tuple[bytes, str]]) -> None:
    """Post the events to the door of the product, then apply what is due."""
    client = Client()
    for body, signature in events:
        answer = client.post(
            "/webhooks/stripe", body, content_type="application/json", headers={"Stripe-Signature": signature}
        )
        assert answer.status_code == 200, answer.content
    apply_all()


def apply_all() -> None:
    """What the worker does with stored events."""
    StripeEvent.objects.filter(state=StripeEvent.State.STORED).update(retry_at="2000-01-01T00:00:00Z")
    tasks.apply_due_events()


@pytest.fixture(scope="session")
def _standin() -> Iterator[Server]:
    server = Server(0)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _inbox() -> Iterator[Inbox]:
    inbox = Inbox()

    def keep(arrival: Arrival) -> Reply:
        (signature,) = arrival.all("stripe-signature")
        inbox.received.append((arrival.body, signature))
        return Reply(b"")

    with Upstream(keep) as listening:
        inbox.url = f"{listening.url}/"
        yield inbox


@pytest.fixture
def stripe_server(_standin: Server, _inbox: Inbox, settings: Settings) -> Stripe:
    """An empty stand-in that the product is connected to."""
    server = Stripe(_standin.state.address, _inbox)
    server.control("reset", endpoints=True)
    _inbox.received.clear()
    server.control("endpoints", url=_inbox.url, secret=SECRET)
    server.control("settings", after_retries="past_due")
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET = TEST_KEY, SECRET
    settings.STRIPE_API_BASE = server.address
    return server


@pytest.fixture
def product(environment: Environment) -> Product:
    """A product with a plan of 29.00 and calls."""
    version = catalog.published()
    owner = version.api.organization
    create_meter(organization=owner, name="bank-calls", definition={}, by=TESTER)
    plan = products.plan(organization=owner, name="starter", terms=Terms(pricing=PRICING))
    return products.product(version=version, plans=[plan], name="bank-payments")


@pytest.fixture
def waiting(product: Product) -> Subscription:
    """A subscription that waits for its first payment."""
    application = access.application(name="shop")
    plan = product.plans.get()
    return subscribe(application=application, product=product, plan=plan, by=TESTER, is_checkout=True)


@pytest.fixture
def bought(stripe_server: Stripe, waiting: Subscription) -> Subscription:
    """A subscription that is paid."""
    return buy(stripe_server, waiting)


def buy(stripe_server: Stripe, subscription: Subscription, card: str = GOOD_CARD) -> Subscription:
    """The subscription after its checkout was paid and Stripe's events were applied."""
    url = open_checkout(
        subscription=subscription, return_url="http://127.0.0.1:1/back", cancel_url="http://127.0.0.1:1/no", by=TESTER
    )
    assert stripe_server.pay(url, card) in (200, 303)
    stripe_server.deliver()
    subscription.refresh_from_db()
    return subscription
