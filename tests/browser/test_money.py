"""The whole loop of money in the browser: sign up, pay, call, exceed, an invoice, a card that fails, and a new one.

Months go by while the product runs: its processes live by a clock that the test moves. Promises R9, H39.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
import stripe
from playwright.sync_api import Page, expect

from tests.browser.complaints import Complaints
from tests.browser.conftest import Check, LogIn, Shoot
from tests.browser.money_pages import look_over_money, look_over_paying, rest
from tests.browser.visitors import PASSWORD, sign_up
from tests.clocks import MovingClock
from tests.product import Place, Product, is_in_force, prepared_place, running
from tests.stripe_server.keys import TEST_KEY
from tests.waiting import PATIENCE_S, wait_until

ADDRESS = "mary@example.org"
GOOD_CARD, BROKEN_CARD = "4242 4242 4242 4242", "4000 0000 0000 0341"
INCLUDED, CALLS = 5, 8
PLAN = """
apiVersion: apim.dev/v1
kind: Meter
metadata: { name: calls }
spec: { displayName: Calls, unit: call, source: requests }
---
apiVersion: apim.dev/v1
kind: Plan
metadata: { name: metered }
spec:
  displayName: Metered
  approval: auto
  currency: EUR
  interval: month
  prices:
    - { name: base, model: flat, amount: "29.00", term: advance }
    - { name: calls, meter: calls, model: unit, unit: "0.50" }
  limits:
    - { rate: 40/s, burst: 40 }
    - { meter: calls, included: 5, onExceed: bill }
  dunning: { graceDays: 14, then: suspend, endAfterDays: 45 }
---
apiVersion: apim.dev/v1
kind: Product
metadata: { name: bank-payments }
spec:
  organization: riverside
  displayName: Bank payments
  apis: [{ api: bank, versions: [v1] }]
  plans: [starter, growth, business, metered]
"""

Note = Callable[[str, object], None]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, MovingClock]:
    """Where the product runs, and the clock that it lives by."""
    folder = tmp_path_factory.mktemp("money")
    clock = MovingClock(folder / "clock")
    return prepared_place(folder / "home", **clock.variables()), clock


@pytest.fixture(scope="module")
def clock(place: tuple[Place, MovingClock]) -> MovingClock:
    """The clock of the product and of the stand-in for Stripe."""
    return place[1]


@pytest.fixture(scope="module")
def product(place: tuple[Place, MovingClock]) -> Iterator[Product]:
    """The product with the stand-in for Stripe beside it, and a plan that a few calls exceed."""
    with running(place[0], "--with-test-stripe") as started:
        rest(started, "POST", "documents/apply", {"documents": PLAN, "files": {}})
        yield started


@pytest.fixture(scope="module")
def stripe_url(place: tuple[Place, MovingClock]) -> str:
    """Where the stand-in is."""
    return f"http://127.0.0.1:{place[0].variables['APIM_STRIPE_PORT']}"


@pytest.fixture
def complaints(product: Product, stripe_url: str) -> Iterator[Complaints]:
    """As everywhere; the hosted pages of the stand-in are no other host here."""
    kept = Complaints(frozenset(urlsplit(url).netloc for url in (product.web, product.gateway, stripe_url)))
    kept.expect(f"{stripe_url}/favicon.ico")  # hosted pages have no icon
    yield kept
    assert kept.unexpected() == []


def call(url: str, key: str) -> httpx.Response:
    """The gateway's answer to a call with the key."""
    return httpx.get(url, headers={"X-API-Key": key}, timeout=PATIENCE_S)


def give_card(page: Page, number: str, button: str) -> None:
    """Fill in the hosted form of cards that is open."""
    for name, text in {"number": number, "expiry": "12 / 40", "cvc": "123", "name": "Mary Example"}.items():
        page.fill(f"#{name}", text)
    page.get_by_role("button", name=button).click()


def save_card(page: Page, number: str) -> None:
    """Give a new card on the hosted page that Billing leads to, and come back."""
    page.goto("/my/billing")
    page.get_by_role("button", name=re.compile("Cards")).click()
    give_card(page, number, "Save card")
    expect(page.locator("main")).to_contain_text(f"{number[-4:]} (default)")
    page.get_by_role("link", name="Return").click()
    page.wait_for_url("**/my/billing")


def see(page: Page, path: str, step: str, *texts: str) -> None:
    """Open the subscription's page again and again until it stands at the step and says all of the texts."""

    def is_there() -> bool:
        page.goto(path)
        said = page.locator("main").inner_text()
        is_at_step = page.locator("[aria-current=step]", has_text=step).count() == 1
        return is_at_step and all(text in said for text in texts)

    wait_until(is_there, f"{path} is at {step} and says {texts}", pause_s=0.3)


def is_owed(page: Page, path: str) -> bool:
    """Whether the subscription's page, opened anew, has an invoice to pay: it is told after the standing is."""
    page.goto(path)
    return "Pay invoice" in page.locator("main").inner_text()


def told_at_stripe(client: stripe.StripeClient) -> int:
    """How many calls the meter has."""
    (meter,) = client.v1.billing.meters.list().data
    (customer,) = client.v1.customers.list({"limit": 1}).data
    start = customer.created // 86_400 * 86_400 - 86_400
    period: stripe.params.billing.MeterListEventSummariesParams = {
        "customer": customer.id, "start_time": start, "end_time": start + 40 * 86_400,
    }  # fmt: skip
    return sum(int(each.aggregated_value) for each in client.v1.billing.meters.event_summaries.list(meter.id, period))


def card_charged(client: stripe.StripeClient) -> str:
    """The last digits of the card that the subscription is charged from."""
    (found,) = client.v1.subscriptions.list({"expand": ["data.default_payment_method"]}).data
    method = found.default_payment_method
    assert isinstance(method, stripe.PaymentMethod)
    assert method.card is not None
    return method.card.last4


def buy(page: Page, admin_page: Page, check_accessibility: Check, shoot: Shoot) -> None:
    """Sign up, choose the plan, pay on the hosted page."""
    page.goto("/products/bank-payments/access")
    page.get_by_role("radio", name=re.compile("Metered")).check()
    page.fill("input[name=email]", ADDRESS)
    page.get_by_role("button", name="Get my key").click()
    sign_up(page, admin_page, ADDRESS)
    page.wait_for_url("**/products/bank-payments/access?plan=metered")
    page.get_by_role("button", name="Get my key").click()
    page.wait_for_url("**/pay")
    check_accessibility(page)
    shoot(page, "money-pay")
    page.get_by_role("button", name="Go to payment").click()
    expect(page.locator("main")).to_contain_text("29.00 EUR")
    give_card(page, GOOD_CARD, "Subscribe")


def use(page: Page, product: Product) -> tuple[str, str, str]:
    """Make a key once it is paid, call beyond what is included: (address, key, the rate in answers)."""
    page.get_by_role("link", name="Make a call").or_(page.get_by_role("button", name="Create a key")).wait_for()
    page.goto("/products/bank-payments/access")
    page.get_by_role("button", name="Create a key").click()
    key = page.locator("#fresh-key").inner_text()
    found = re.search(r"http://\S+", page.locator("#curl").inner_text())
    assert found is not None
    wait_until(lambda: is_in_force(product), "the key is in force", pause_s=0.1)
    answers = [call(found[0], key) for _ in range(CALLS)]
    assert {answer.status_code for answer in answers} == {200}
    overages = ["apim-overage" in answer.headers for answer in answers]
    assert overages == [False] * INCLUDED + [True] * (CALLS - INCLUDED)
    return found[0], key, rate_of(answers[0])


def rate_of(answer: httpx.Response) -> str:
    """The policy of the rate that an answer names."""
    return answer.headers["RateLimit-Policy"].split(",")[0]


def test_the_loop_of_money_from_sign_up_to_a_new_card(
    page: Page,
    admin_page: Page,
    product: Product,
    clock: MovingClock,
    stripe_url: str,
    log_in: LogIn,
    check_accessibility: Check,
    shoot: Shoot,
    record_property: Note,
) -> None:
    client = stripe.StripeClient(TEST_KEY, base_addresses={"api": stripe_url})

    buy(page, admin_page, check_accessibility, shoot)
    url, key, whole_rate = use(page, product)
    page.goto("/my/billing")
    page.get_by_role("link", name="Bank payments").click()
    page.wait_for_url("**/my/subscriptions/*")
    subscription = urlsplit(page.url).path
    check_accessibility(page)
    shoot(page, "money-active")

    # A card that will fail takes the place of the first one. What was used is told.
    save_card(page, BROKEN_CARD)
    wait_until(lambda: card_charged(client) == BROKEN_CARD[-4:], "the card is changed", pause_s=0.1)
    wait_until(lambda: rest(product, "GET", "usage?application=my-first-app")["calls"] == CALLS, "usage is here")
    clock.advance(stripe_url, hours=0.1)
    wait_until(lambda: told_at_stripe(client) == CALLS, "usage is told to Stripe", pause_s=0.3)

    # A month later: an invoice of both, and the card fails.
    clock.advance(stripe_url, days=31, hours=3)
    log_in(page, ADDRESS, PASSWORD)
    see(page, subscription, "Payment failed", "30.50 EUR", "Pay invoice")
    check_accessibility(page)
    shoot(page, "money-grace")
    assert call(url, key).status_code == 200

    # Half of the grace is over: a quarter of the rate.
    clock.advance(stripe_url, days=7)
    see(page, subscription, "Restricted", "A payment is still open")
    wait_until(lambda: rate_of(call(url, key)) != whole_rate, "restricted", pause_s=0.2)
    assert call(url, key).status_code == 200
    shoot(page, "money-restricted")

    # All of it is over: refused, with the way to pay.
    clock.advance(stripe_url, days=8)
    log_in(page, ADDRESS, PASSWORD)  # two weeks went by
    see(page, subscription, "Suspended", "Calls are refused with 402")
    wait_until(lambda: call(url, key).status_code == 402, "suspended", pause_s=0.2)
    refused = call(url, key).json()
    assert (refused["code"], refused["action"]["name"]) == ("payment-required", "pay")
    check_accessibility(page)
    shoot(page, "money-suspended")

    # A new card pays what is open, and calls work again with the same key.
    save_card(page, GOOD_CARD)
    record_property("access_after_s", round(wait_until(lambda: call(url, key).status_code == 200, "access"), 2))
    see(page, subscription, "In force")
    wait_until(lambda: not is_owed(page, subscription), "the invoice is known to be paid", pause_s=0.3)
    assert rate_of(call(url, key)) == whole_rate
    shoot(page, "money-restored")

    # Every page of money, now that it has something to show.
    look_over_paying(page, product, subscription, check_accessibility)
    log_in(admin_page, product.admin_email, product.admin_password)
    look_over_money(admin_page, check_accessibility)
