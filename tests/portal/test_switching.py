"""Switching a paid plan in the portal: what it charges is shown before, what comes is shown until it holds."""

from __future__ import annotations

import pytest
from django.test import Client

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.accounts.models import Organization, User
from apim.products.models import Product
from tests.conftest import LogIn
from tests.factories import access
from tests.factories.accounts import TESTER
from tests.payments import BROKEN_CARD, Stripe, buy
from tests.switching import offer, priced, use_card

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(
    initech: Organization,
    product: Product,
    stripe_server: Stripe,
) -> Subscription:
    """A subscription of the developer's organization that is paid."""
    application = access.application(of=initech, name="shop")
    plan = product.plans.get()
    waiting = subscribe(application=application, product=product, plan=plan, by=TESTER, is_checkout=True)
    return buy(stripe_server, waiting)


def text_of(client: Client, path: str) -> str:
    """What the page says."""
    return " ".join(client.get(path).content.decode().split())


def test_a_dearer_plan_is_shown_with_its_charge_then_paid_and_in_force(
    log_in: LogIn,
    developer: User,
    paid: Subscription,
    product: Product,
) -> None:
    offer(product, "growth", priced("49.00"))
    offer(product, "manual", priced("99.00"), approval="manual")
    client, path = log_in(developer), f"/my/subscriptions/{paid.id}"
    assert "See what changes" in text_of(client, f"{path}/switch")
    shown = text_of(client, f"{path}/switch?plan=growth")
    for words in (
        "20.00 EUR</strong> charged now",
        "Our own rating makes the same",
        "Carries over",
        "All stay as they are",
    ):
        assert words in shown
    assert "needs its owner&#x27;s approval" in text_of(client, f"{path}/switch?plan=manual")
    setup = {"name": "start", "model": "setup", "amount": "9.00"}
    terms = priced("59.00", minimumSpend="90.00")
    offer(product, "bounded", {**terms, "prices": [setup, *terms["prices"]]})
    shown = text_of(client, f"{path}/switch?plan=bounded")
    assert "asks for once, at the beginning, is not charged on a change of plan" in shown
    assert "hold for the whole of the period in which it begins" in shown
    done = client.post(f"{path}/switch", {"plan": "growth"}, follow=True).content.decode()
    assert "growth is in force." in done
    paid.refresh_from_db()
    assert paid.plan_version.plan.name == "growth"


def test_a_cheaper_plan_is_announced_until_it_holds_and_can_be_taken_back(
    log_in: LogIn,
    developer: User,
    paid: Subscription,
    product: Product,
) -> None:
    offer(product, "small", priced("9.00"))
    client, path = log_in(developer), f"/my/subscriptions/{paid.id}"
    assert "Nothing now." in text_of(client, f"{path}/switch?plan=small")
    client.post(f"{path}/switch", {"plan": "small"})
    shown = text_of(client, path)
    assert "Stay with starter" in shown
    assert "small begins then." in shown
    assert "small from" in text_of(client, "/my")
    client.post(f"{path}/switch/undo")
    assert "Stay with starter" not in text_of(client, path)
    assert client.post(f"{path}/switch/undo", follow=True).status_code == 200


def test_a_change_that_is_not_paid_says_how_to_pay_it_and_how_to_forget_it(
    log_in: LogIn,
    developer: User,
    paid: Subscription,
    product: Product,
) -> None:
    offer(product, "growth", priced("49.00"))
    use_card(BROKEN_CARD)
    client, path = log_in(developer), f"/my/subscriptions/{paid.id}"
    shown = client.post(f"{path}/switch", {"plan": "growth"}, follow=True).content.decode()
    assert "The change to growth waits for its payment" in shown
    assert "<strong>Changing</strong>" in shown
    assert "waits for its payment" in text_of(client, f"{path}/switch?plan=growth")
    assert "nothing is owed" in shown
    client.post(f"{path}/switch/undo")
    assert "waits for its payment" not in text_of(client, path)


def test_nobody_changes_the_plan_of_another_organization(
    log_in: LogIn,
    stranger: User,
    paid: Subscription,
    product: Product,
) -> None:
    offer(product, "growth", priced("49.00"))
    client, path = log_in(stranger), f"/my/subscriptions/{paid.id}"
    assert client.get(f"{path}/switch?plan=growth").status_code == 404
    assert client.post(f"{path}/switch", {"plan": "growth"}).status_code == 404
    assert client.post(f"{path}/switch/undo").status_code == 404
    paid.refresh_from_db()
    assert paid.plan_version.plan.name == "starter"
