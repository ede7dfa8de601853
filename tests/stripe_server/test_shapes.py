"""Answers have the published shape: what the client's response types call required is there, and of that type."""

from __future__ import annotations

import typing
from typing import Any

import httpx
import pytest
import stripe
from stripe._object_classes import OBJECT_CLASSES, get_object_class

from tests.stripe_server import scenes
from tests.stripe_server.fixture import StripeServer
from tests.stripe_server.rendering import present
from tests.stripe_server.scenes import DAY, START
from tests.stripe_server.server import Server
from tests.stripe_server.shapes import may_be_null

_SCALARS = {int: int, str: str, bool: bool, float: (int, float)}


def faults(kind: type, shown: dict[str, Any], path: str) -> list[str]:
    """What is missing or of another type, in a whole object."""
    found = []
    for name, hint in kind.__annotations__.items():
        if name.isupper() or name == "deleted":
            continue
        is_nullable = may_be_null(hint)
        if name not in shown:
            if not is_nullable:
                found.append(f"{path}.{name} is missing")
        elif shown[name] is None:
            if not is_nullable:
                found.append(f"{path}.{name} is null")
        else:
            found += _faults_of(hint, shown[name], f"{path}.{name}")
    return found


def _faults_of(hint: Any, value: Any, path: str) -> list[str]:
    name = value.get("object") if isinstance(value, dict) else None
    if isinstance(name, str) and name in OBJECT_CLASSES and name != "list":
        return [] if value.get("deleted") else faults(get_object_class("V1", name), value, path)
    if name == "list":
        return [fault for each in value["data"] for fault in _faults_of(None, each, f"{path}[]")]
    if isinstance(hint, type) and issubclass(hint, stripe.StripeObject) and hint is not stripe.StripeObject:
        return faults(hint, value, path) if isinstance(value, dict) else [f"{path} is no object"]
    if isinstance(hint, type) and hint in _SCALARS:
        return [] if isinstance(value, _SCALARS[hint]) else [f"{path} is {value!r}"]
    arguments = [each for each in typing.get_args(hint) if each is not type(None)]
    if typing.get_origin(hint) is list:
        return [fault for each in value for fault in _faults_of(arguments[0], each, f"{path}[]")]
    if typing.get_origin(hint) is typing.Union and len(arguments) == 1:
        return _faults_of(arguments[0], value, path)
    return []


@pytest.fixture
def _everything(stripe_server: StripeServer) -> None:
    """One of each object."""
    client = stripe_server.client()
    base = scenes.price(client)
    tiers = [{"up_to": 10, "unit_amount": 5}, {"up_to": "inf", "unit_amount_decimal": "0.5"}]
    calls = scenes.metered(client, scenes.meter(client), billing_scheme="tiered", tiers_mode="volume", tiers=tiers)
    made, customer, clock = scenes.subscribed(stripe_server, base, calls)
    client.v1.subscription_schedules.create({"from_subscription": made.id})
    scenes.use(client, customer, 5)
    scenes.use_card(client, customer, "pm_card_chargeCustomerFail")
    stripe_server.advance(clock, START + 32 * DAY)
    client.v1.credit_notes.create({"invoice": made.latest_invoice, "amount": 100, "refund_amount": 100})
    client.v1.credit_notes.create({"invoice": made.latest_invoice, "amount": 100, "credit_amount": 100})
    client.v1.setup_intents.create({"customer": customer, "payment_method": "pm_card_visa", "confirm": True})
    client.v1.customers.tax_ids.create(customer, {"type": "eu_vat", "value": "DE123456789"})
    client.v1.billing_portal.sessions.create({"customer": customer})
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["price.created"]})
    session = client.v1.checkout.sessions.create(
        {"mode": "subscription", "success_url": "http://x/", "line_items": [{"price": base, "quantity": 1}]}
    )
    httpx.post(str(session.url), data={"number": "4242424242424242", "email": "eva@example.com"})
    trial, _customer, _clock = scenes.subscribed(stripe_server, base, card="", trial_period_days=3)
    client.v1.subscriptions.update(trial.id, {"cancel_at_period_end": True})


@pytest.mark.usefixtures("_everything")
def test_every_object_has_the_published_shape(running_stripe_server: Server):
    mode = running_stripe_server.state.modes[False]
    found, kinds = [], set()
    for kind, objects in mode.objects.items():
        if kind not in OBJECT_CLASSES:
            continue
        for each in objects.values():
            kinds.add(kind)
            found += faults(get_object_class("V1", kind), present(mode, each), kind)

    assert not found, "\n".join(sorted(set(found)))
    assert len(kinds) >= 25


@pytest.mark.usefixtures("_everything")
def test_event_types_are_those_the_client_knows(running_stripe_server: Server):
    known = set(typing.get_args(stripe.Event.__annotations__["type"]))
    made = {each["type"] for each in running_stripe_server.state.modes[False].objects["event"].values()}

    assert made - known == set()


@pytest.mark.usefixtures("stand_in_only")
def test_the_account_and_its_balance_have_the_published_shape(stripe_server: StripeServer):
    client = stripe_server.client()
    scenes.subscribed(stripe_server, scenes.price(client))

    assert client.v1.accounts.retrieve_current().charges_enabled
    assert client.v1.balance.retrieve().available[0].amount == 2900
