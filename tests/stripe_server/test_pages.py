"""The pages a customer sees: checkout, authentication, hosted invoices, the billing portal."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import pytest
import stripe

from tests.stripe_server import scenes
from tests.stripe_server.fixture import StripeServer
from tests.stripe_server.pages import BANNER
from tests.stripe_server.scenes import START

NO_TLS = ssl.create_default_context()  # once: httpx would read the certificates at each call
VISA, DECLINED, ASKS = "4242 4242 4242 4242", "4000000000000002", "4000002760003184"
FORM = {"action": "pay", "number": VISA, "expiry": "12 / 34", "cvc": "123", "name": "Eva", "email": "eva@example.com"}

pytestmark = pytest.mark.usefixtures("stand_in_only")


def get(url: object) -> httpx.Response:
    return httpx.get(str(url), verify=NO_TLS)


def post(url: object, data: dict[str, str]) -> httpx.Response:
    """A form sent; redirects lead to pages that nobody serves here."""
    return httpx.post(str(url), data=data, verify=NO_TLS)


def session(client: stripe.StripeClient, *prices: str, mode: str = "subscription", **fields: Any) -> Any:
    wanted: Any = {
        "mode": mode,
        "success_url": "http://shop/ok?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop/",
    }
    metered = {each.id for each in client.v1.prices.list().data if each.recurring and each.recurring.meter}
    items = [{"price": each} | ({} if each in metered else {"quantity": 1}) for each in prices]
    return client.v1.checkout.sessions.create(wanted | ({"line_items": items} if items else {}) | fields)


def one_time(client: stripe.StripeClient, amount: int, **fields: Any) -> str:
    product = client.v1.products.create({"name": "Set-up"})
    return client.v1.prices.create({"product": product.id, "currency": "eur", "unit_amount": amount, **fields}).id


def test_a_checkout_that_is_paid_makes_customer_and_subscription(stripe_server: StripeServer):
    client = stripe_server.client()
    calls = scenes.metered(client, scenes.meter(client), unit_amount_decimal="1")
    made = session(
        client, scenes.price(client), calls, one_time(client, 500),
        subscription_data={"metadata": {"apim": "7"}}, client_reference_id="order-1",
    )  # fmt: skip
    page = get(made.url)
    assert BANNER in page.text
    assert "34.00 EUR" in page.text

    paid = post(made.url, data=FORM)

    found = client.v1.checkout.sessions.retrieve(made.id, {"expand": ["subscription", "customer", "line_items"]})
    subscription: Any = found.subscription
    assert paid.headers["location"] == f"http://shop/ok?session={made.id}"
    assert (found.status, found.payment_status, found.amount_total) == ("complete", "paid", 3400)
    assert (subscription.status, subscription.metadata["apim"]) == ("active", "7")
    assert [item.price.recurring.usage_type for item in subscription["items"].data] == ["licensed", "metered"]
    assert found.customer.email == "eva@example.com"  # type: ignore[union-attr]
    assert subscription.default_payment_method
    assert client.v1.invoices.retrieve(subscription.latest_invoice).total == 3400
    assert scenes.kinds(client, "checkout") == ["checkout.session.completed"]


def test_a_declined_card_is_told_on_the_page_and_nothing_is_made(stripe_server: StripeServer):
    client = stripe_server.client()
    made = session(client, scenes.price(client))

    page = post(made.url, data=FORM | {"number": DECLINED})

    assert page.status_code == 402
    assert "Your card was declined." in page.text
    assert client.v1.customers.list().data == client.v1.subscriptions.list({"status": "all"}).data == []
    assert post(made.url, data=FORM).status_code == 303


@pytest.mark.parametrize(("answer", "status"), [("yes", "complete"), ("no", "open")])
def test_a_card_that_asks_for_its_holder_shows_the_banks_page(stripe_server: StripeServer, answer: str, status: str):
    client = stripe_server.client()
    made = session(client, scenes.price(client))

    challenge = post(made.url, data=FORM | {"number": ASKS})
    post(made.url, data=FORM | {"number": ASKS, "authenticated": answer})

    assert "Complete authentication" in challenge.text
    assert client.v1.checkout.sessions.retrieve(made.id).status == status


def test_cancel_leads_back_and_the_session_stays_open_until_it_expires(stripe_server: StripeServer):
    client = stripe_server.client()
    made = session(client, scenes.price(client))

    assert post(made.url, data={"action": "cancel"}).headers["location"] == "http://shop/"
    assert client.v1.checkout.sessions.retrieve(made.id).status == "open"
    stripe_server.control("POST", "time", seconds=24 * 3600 + 1)

    assert client.v1.checkout.sessions.retrieve(made.id).status == "expired"
    assert get(made.url).status_code == 410
    assert scenes.kinds(client, "checkout") == ["checkout.session.expired"]


def test_a_trial_can_begin_without_a_card(stripe_server: StripeServer):
    client = stripe_server.client()
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    made = session(
        client, scenes.price(client), payment_method_collection="if_required",
        subscription_data={"trial_period_days": 14, "trial_settings": settings},
    )  # fmt: skip
    assert 'name="number"' not in get(made.url).text

    post(made.url, data={"action": "pay", "email": "eva@example.com"})

    found = client.v1.checkout.sessions.retrieve(made.id, {"expand": ["subscription"]})
    assert (found.payment_status, found.subscription.status) == ("no_payment_required", "trialing")  # type: ignore[union-attr]


def test_a_customer_of_a_test_clock_subscribes_in_its_time(stripe_server: StripeServer):
    client = stripe_server.client()
    customer = scenes.customer(client, card=None, clock_id=scenes.clock(client))
    made = session(client, scenes.price(client), customer=customer)

    post(made.url, data=FORM)

    found = client.v1.subscriptions.list({"customer": customer}).data[0]
    assert (found.start_date, found.status) == (START, "active")


def test_a_price_archived_while_the_page_was_open_can_still_be_bought(stripe_server: StripeServer):
    client = stripe_server.client()
    price = scenes.price(client)
    made = session(client, price)
    client.v1.prices.update(price, {"active": False})

    assert post(made.url, data=FORM).status_code == 303
    assert client.v1.prices.retrieve(price).active is False


def test_a_payment_saves_the_card_when_told_and_can_have_an_invoice(stripe_server: StripeServer):
    client = stripe_server.client()
    customer = scenes.customer(client, card=None)
    plain = session(
        client, one_time(client, 5000), mode="payment", customer=customer,
        payment_intent_data={"setup_future_usage": "off_session", "metadata": {"top_up": "1"}},
    )  # fmt: skip
    invoiced = session(
        client, one_time(client, 700), mode="payment", customer=customer, invoice_creation={"enabled": True}
    )
    for each in (plain, invoiced):
        assert post(each.url, data=FORM).status_code == 303

    first = client.v1.checkout.sessions.retrieve(plain.id, {"expand": ["payment_intent"]})
    second = client.v1.checkout.sessions.retrieve(invoiced.id, {"expand": ["invoice"]})
    intent, invoice = first.payment_intent, second.invoice
    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(invoice, stripe.Invoice)
    assert (intent.status, intent.amount, intent.metadata["top_up"]) == ("succeeded", 5000, "1")
    assert (invoice.status, invoice.total) == ("paid", 700)
    assert len(client.v1.customers.payment_methods.list(customer).data) == 2


def test_a_set_up_saves_the_card(stripe_server: StripeServer):
    client = stripe_server.client()
    customer = scenes.customer(client, card=None)
    made = session(client, mode="setup", customer=customer, currency="eur")

    post(made.url, data=FORM)

    found = client.v1.checkout.sessions.retrieve(made.id, {"expand": ["setup_intent"]})
    assert found.setup_intent.status == "succeeded"  # type: ignore[union-attr]
    assert len(client.v1.customers.payment_methods.list(customer).data) == 1


def test_the_hosted_invoice_takes_another_card(stripe_server: StripeServer):
    client = stripe_server.client()
    made, customer, clock = scenes.subscribed(stripe_server, scenes.price(client))
    scenes.use_card(client, customer, "pm_card_chargeCustomerFail")
    stripe_server.advance(clock, START + 31 * 86400 + 3600)
    invoice = client.v1.invoices.list({"subscription": made.id}).data[0]

    assert post(str(invoice.hosted_invoice_url), data={"number": DECLINED}).status_code == 402
    assert post(str(invoice.hosted_invoice_url), data={"number": VISA}).status_code == 303

    assert client.v1.invoices.retrieve(invoice.id).status == "paid"
    assert client.v1.subscriptions.retrieve(made.id).status == "active"


def test_the_portal_changes_the_default_card_and_shows_invoices(stripe_server: StripeServer):
    client = stripe_server.client()
    made, customer, _clock = scenes.subscribed(stripe_server, scenes.price(client))
    old = client.v1.customers.retrieve(customer).invoice_settings
    portal = client.v1.billing_portal.sessions.create({"customer": customer, "return_url": "http://shop/billing"})
    number = client.v1.invoices.retrieve(made.latest_invoice).number
    page = get(portal.url)
    assert str(number) in page.text
    assert "http://shop/billing" in page.text

    post(portal.url, data={"number": "5555555555554444"})

    new = client.v1.customers.retrieve(customer).invoice_settings
    assert old
    assert new
    assert new.default_payment_method != old.default_payment_method
    assert "customer.updated" in scenes.kinds(client)
    post(portal.url, data={"remove": str(new.default_payment_method)})
    assert client.v1.customers.retrieve(customer).invoice_settings.default_payment_method is None  # type: ignore[union-attr]


@pytest.mark.parametrize(("answer", "status"), [("yes", "succeeded"), ("no", "requires_payment_method")])
def test_a_set_up_that_needs_its_holder_leads_to_the_banks_page(stripe_server: StripeServer, answer: str, status: str):
    client = stripe_server.client()
    customer = scenes.customer(client, card=None)
    intent = client.v1.setup_intents.create(
        {"customer": customer, "payment_method": "pm_card_authenticationRequired", "confirm": True,
         "return_url": "http://shop/saved"}
    )  # fmt: skip
    assert intent.next_action
    assert intent.next_action.redirect_to_url

    back = post(str(intent.next_action.redirect_to_url.url), data={"authenticated": answer})

    assert back.headers["location"] == "http://shop/saved"
    assert client.v1.setup_intents.retrieve(intent.id).status == status


@pytest.mark.parametrize(
    ("mode", "fields", "message"),
    [
        ("payment", {}, "You specified `payment` mode but passed a recurring price"),
        ("subscription", {"expires_at": 1}, "at least 30 minutes"),
        ("subscription", {"customer": "cus_1", "customer_email": "a@b.c"}, "only specify one of these parameters"),
        ("subscription", {"success_url": None}, "Missing required param: success_url"),
    ],
    ids=["mode", "expiry", "customer", "success_url"],
)
def test_sessions_that_cannot_be_are_refused(
    stripe_server: StripeServer, mode: str, fields: dict[str, Any], message: str
):
    client = stripe_server.client()
    with pytest.raises(stripe.InvalidRequestError, match=message):
        session(client, scenes.price(client), mode=mode, **fields)
