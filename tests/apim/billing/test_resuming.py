"""A trial without a card: told three days ahead, paused at its end, and in force again once a card has paid for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Application, Subscription
from apim.access.services import subscribe
from apim.billing.checkout import open_checkout
from apim.billing.connection import require_connection
from apim.billing.models import BillingSubscription, Customer, Invoice
from apim.billing.sessions import open_card_page
from apim.notifications.models import Message
from apim.products.limits import Terms
from tests.factories import access, catalog, products
from tests.factories.accounts import TESTER, member
from tests.payments import BROKEN_CARD, GOOD_CARD, PRICING, SECRET, Stripe, buy, hand_on
from tests.prepaid import PREPAID, balance_of, begin_top_up, prepaid_product
from tests.stripe_server.webhooks import signature

pytestmark = pytest.mark.django_db

TRIAL = {"days": 14, "paymentMethod": "not-required", "onEndWithoutCard": "pause"}
BACK = "http://127.0.0.1:1/back"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(timezone.now(), tick=True) as traveller:
        yield traveller


@pytest.fixture
def trying(stripe_server: Stripe, environment: object) -> Subscription:
    """A subscription in a trial that asked for no card."""
    version = catalog.published()
    prices = [PRICING["prices"][0]]
    terms = Terms(pricing={"currency": "EUR", "prices": prices, "trial": TRIAL})
    plan = products.plan(organization=version.api.organization, name="starter", terms=terms)
    product = products.product(version=version, plans=[plan], name="bank-payments")
    application = access.application(name="shop")
    return buy(
        stripe_server, subscribe(application=application, product=product, plan=plan, by=TESTER, is_checkout=True), ""
    )


def let_pass(stripe_server: Stripe, clock: time_machine.Traveller, **time: float) -> None:
    clock.shift(timedelta(**time))
    stripe_server.control("time", seconds=0)
    stripe_server.deliver()


def add_card(stripe_server: Stripe, subscription: Subscription, number: str) -> None:
    """What somebody does on the hosted page of cards."""
    url = open_card_page(subscription=subscription, return_url=BACK)
    card = {"number": number, "expiry": "12 / 40", "cvc": "123", "name": "Eva Example"}
    assert stripe_server.submit(url, **card) in (200, 303)


@pytest.fixture
def paused(stripe_server: Stripe, clock: time_machine.Traveller, trying: Subscription) -> Subscription:
    assert (trying.lifecycle, trying.payment) == ("active", "ok")
    let_pass(stripe_server, clock, days=14, minutes=1)
    trying.refresh_from_db()
    assert trying.lifecycle == "paused"
    return trying


def test_who_tries_is_told_three_days_before_the_end_with_the_way_to_a_card(
    stripe_server: Stripe, clock: time_machine.Traveller, trying: Subscription
) -> None:
    payer = member(trying.organization)
    let_pass(stripe_server, clock, days=10)
    assert not Message.objects.filter(to=payer.email).exists()
    let_pass(stripe_server, clock, days=1, minutes=1)
    hand_on(stripe_server.settle()[-1:])
    mail = Message.objects.get(to=payer.email)
    assert "the trial ends on" in mail.subject
    assert f"/my/subscriptions/{trying.id}/card" in mail.body


def test_a_card_added_on_the_hosted_page_pays_and_gives_access_back_within_the_webhook(
    stripe_server: Stripe, paused: Subscription
) -> None:
    add_card(stripe_server, paused, GOOD_CARD)
    stripe_server.deliver()
    paused.refresh_from_db()
    assert (paused.lifecycle, paused.payment, paused.reason) == ("active", "ok", "")
    assert BillingSubscription.objects.get().status == "active"
    stripe_server.deliver()
    assert Invoice.objects.get(amount_paid=2900).status == "paid"
    assert Customer.objects.get().has_card is True


def test_each_of_the_events_of_a_card_does_it_whichever_comes(stripe_server: Stripe, paused: Subscription) -> None:
    add_card(stripe_server, paused, GOOD_CARD)
    new = stripe_server.settle()[stripe_server.posted :]
    attached = [each for each in new if b'"payment_method.attached"' in each[0]]
    assert len(attached) == 1
    hand_on(attached)
    paused.refresh_from_db()
    assert paused.lifecycle == "active"
    hand_on([*reversed(new), *new])
    invoices = list(require_connection().driver.list("invoice", {"status": "paid"}))
    assert [each["amount_paid"] for each in invoices if each["amount_paid"]] == [2900]


def test_a_card_saved_by_a_setup_is_charged_though_it_is_nobodys_default(
    stripe_server: Stripe, paused: Subscription
) -> None:
    driver = require_connection().driver
    customer = Customer.objects.get().stripe_id
    params = {
        "mode": "setup",
        "customer": customer,
        "currency": "eur",
        "success_url": BACK,
        "cancel_url": BACK,
    }
    session = driver.make("checkout.session", params, key="of-a-test")
    assert stripe_server.pay(str(session["url"])) in (200, 303)
    stripe_server.deliver()
    paused.refresh_from_db()
    assert (paused.lifecycle, paused.payment) == ("active", "ok")


@pytest.mark.parametrize("is_told_first", [True, False], ids=["card first", "top-up first"])
def test_a_card_kept_for_top_ups_of_something_else_resumes_and_charges_nothing(
    stripe_server: Stripe, clock: time_machine.Traveller, paused: Subscription, *, is_told_first: bool
) -> None:
    product = prepaid_product(PREPAID, name="credits")
    credits_of = subscribe(
        application=Application.objects.get(), product=product, plan=product.plans.get(), by=TESTER, is_checkout=True
    )
    assert stripe_server.pay(begin_top_up(credits_of, keeps_card=True).session_url) in (200, 303)
    new = stripe_server.settle()[stripe_server.posted :]
    attached = [each for each in new if b'"payment_method.attached"' in each[0]]
    assert len(attached) == 1
    others = [each for each in new if each not in attached]
    hand_on([*attached, *others] if is_told_first else others)
    if not is_told_first:
        clock.shift(timedelta(days=2))  # Stripe sends it for days, and signs each time
        ((body, _),) = attached
        hand_on([(body, signature(body, SECRET))])
    paused.refresh_from_db()
    assert (balance_of(credits_of), paused.lifecycle) == (2000, "paused")
    assert [
        each["amount_paid"] for each in require_connection().driver.list("invoice", {}) if each["amount_paid"]
    ] == []


def test_a_card_that_is_declined_leaves_it_paused_until_another_one_pays(
    stripe_server: Stripe, paused: Subscription
) -> None:
    add_card(stripe_server, paused, BROKEN_CARD)
    stripe_server.deliver()
    stripe_server.deliver()
    paused.refresh_from_db()
    assert paused.lifecycle == "paused"
    add_card(stripe_server, paused, GOOD_CARD)
    stripe_server.deliver()
    paused.refresh_from_db()
    assert (paused.lifecycle, paused.payment) == ("active", "ok")
    invoices = list(require_connection().driver.list("invoice", {}))
    assert sum(each["amount_paid"] for each in invoices) == 2900


def test_a_card_given_during_the_trial_is_charged_at_its_end(
    stripe_server: Stripe, clock: time_machine.Traveller, trying: Subscription
) -> None:
    add_card(stripe_server, trying, GOOD_CARD)
    stripe_server.deliver()
    stripe_server.deliver()  # what the card led to; later its signatures would be too old
    let_pass(stripe_server, clock, days=14, hours=2)
    trying.refresh_from_db()
    assert (trying.lifecycle, trying.payment) == ("active", "ok")
    assert Invoice.objects.get(amount_paid=2900).status == "paid"


def test_a_payment_that_its_holder_must_confirm_is_told_once_an_attempt(
    stripe_server: Stripe, clock: time_machine.Traveller, waiting: Subscription
) -> None:
    payer = member(waiting.organization)
    asking = {"number": "4000002760003184", "expiry": "12 / 40", "cvc": "123", "name": "Eva Example"}  # each time
    url = open_checkout(subscription=waiting, return_url=BACK, cancel_url=BACK, by=TESTER)
    assert stripe_server.submit(url, action="pay", authenticated="yes", **asking) in (200, 303)
    stripe_server.deliver()
    mirror = BillingSubscription.objects.get()
    assert mirror.period_end is not None
    clock.move_to(mirror.period_end + timedelta(hours=3))
    stripe_server.control("time", seconds=0)
    events = stripe_server.settle()[stripe_server.posted :]
    hand_on([*events, *events])
    waiting.refresh_from_db()
    assert waiting.payment == "grace"
    mail = Message.objects.get(to=payer.email, subject__contains="confirm")
    assert Invoice.objects.get(status="open").hosted_url in mail.body
