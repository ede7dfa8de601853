"""What comes to the door of Stripe's events: only what Stripe signed lately for this account and mode has an effect.

Promises R9, H38, H39.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
import stripe
from django.test import Client
from pytest_django import Settings

from apim.billing.events import LARGEST_BYTES
from apim.billing.models import StripeEvent

pytestmark = pytest.mark.django_db

SECRET = "whsec_of_tests"
Post = Callable[..., int]


@pytest.fixture(autouse=True)
def _connected(settings: Settings) -> None:
    settings.STRIPE_API_KEY = "sk_test_of_tests"
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"  # whoever asks Stripe fails


def event(**changes: object) -> str:
    subject = {"id": "sub_1", "object": "subscription", "metadata": {}}
    told = {
        "id": "evt_1",
        "object": "event",
        "type": "customer.subscription.updated",
        "created": 1_790_000_000,
        "livemode": False,
        "data": {"object": subject},
    }
    return json.dumps(told | changes)


def signed(body: str, *, secret: str = SECRET, age_s: int = 0) -> str:
    return stripe.WebhookSignature.generate_signature_header(body, secret, timestamp=int(time.time()) - age_s)


def post(body: str | bytes, signature: str | None) -> int:
    headers = {} if signature is None else {"Stripe-Signature": signature}
    client = Client(enforce_csrf_checks=True)
    return client.post("/webhooks/stripe", body, content_type="application/json", headers=headers).status_code


def test_what_stripe_signed_is_stored_as_it_came_and_answered_at_once() -> None:
    body = event()
    assert post(body, signed(body)) == 200
    stored = StripeEvent.objects.get()
    assert (stored.id, stored.type, stored.object_id, stored.state, stored.mode) == (
        "evt_1",
        "customer.subscription.updated",
        "sub_1",
        "stored",
        "test",
    )
    assert json.loads(stored.body) == json.loads(body)


def test_an_event_that_comes_a_hundred_times_is_stored_once() -> None:
    body = event()
    assert {post(body, signed(body)) for _ in range(100)} == {200}
    assert StripeEvent.objects.count() == 1


BODY = event()
REFUSED: dict[str, tuple[str | bytes, str | None]] = {
    "no signature": (BODY, None),
    "an empty signature": (BODY, ""),
    "a signature of nothing": (BODY, "t=1,v1="),
    "no v1": (BODY, "t=1,v0=00"),
    "another secret": (BODY, signed(BODY, secret="whsec_other")),
    "301 seconds old": (BODY, signed(BODY, age_s=330)),
    "two times": (BODY, f"t={int(time.time())}," + signed(BODY, age_s=330)),
    "a v1 of another body": (BODY, signed(event(id="evt_2"))),
    "other whitespace": (BODY.replace(": ", ":"), signed(BODY)),
    "no text": (b"\xff\xfe", signed(BODY)),
    "no JSON": ("{", signed("{")),
    "no object": ("[]", signed("[]")),
    "no data": ('{"id":"evt_1"}', signed('{"id":"evt_1"}')),
    "a body too large": ("x" * (LARGEST_BYTES + 1), signed("x" * (LARGEST_BYTES + 1))),
}
WRONG_FOR_US = {
    "the other mode": event(livemode=True),
    "another account": event(account="acct_other"),
    "no type": event(type=None, created="soon"),
    "no data object": event(data={}),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_stripe_did_not_sign_is_refused_without_effect(name: str) -> None:
    body, signature = REFUSED[name]
    assert post(body, signature) == 400
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize("name", sorted(WRONG_FOR_US))
def test_what_is_signed_but_not_for_us_is_refused_without_effect(name: str) -> None:
    body = WRONG_FOR_US[name]
    assert post(body, signed(body)) == 400
    assert not StripeEvent.objects.exists()


def test_without_a_connection_or_its_secret_nothing_is_taken(settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRET = ""
    assert post(BODY, signed(BODY)) == 400
    settings.STRIPE_API_KEY = ""
    assert post(BODY, signed(BODY)) == 400
    assert not StripeEvent.objects.exists()
