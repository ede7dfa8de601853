"""Prices in the portal: on cards, side by side, and estimated."""

from __future__ import annotations

import pytest
from django.test import Client

from apim.access.models import Application, Subscription
from apim.accounts.models import Organization, User
from apim.products.limits import Terms
from apim.products.models import Plan, Product, ProductItem, ProductPlan
from apim.products.services import create_meter, create_plan, update_plan
from tests.conftest import LogIn
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db


TIERS = [{"upTo": 100000, "unit": "0"}, {"unit": "0.0004"}]
PRICING = {
    "currency": "EUR",
    "trial": {"days": 14},
    "prices": [
        {"name": "base", "model": "flat", "amount": "29.00"},
        {"name": "calls", "meter": "calls", "model": "graduated", "tiers": TIERS},
    ],
    "limits": [{"meter": "calls", "included": 100000, "hardCap": 2000000}],
}  # fmt: skip


@pytest.fixture
def scale(acme: Organization, bank: Product) -> Plan:
    """The plan with prices, on offer beside the free ones."""
    create_meter(organization=acme, name="calls", definition={}, by=TESTER)
    plan = create_plan(organization=acme, name="scale", display_name="Scale", terms=Terms(pricing=PRICING), by=TESTER)
    ProductPlan.objects.create(product=bank, plan=plan, position=2)
    return plan


def test_a_plan_card_tells_the_price_and_that_payments_wait(client: Client, scale: Plan) -> None:
    page = client.get("/products/bank-payments").content.decode()
    assert "from 29.00 EUR a month" in page
    assert "The first 14 days are free, without a card" in page
    assert "Payments are not set up yet" in page
    assert "access?plan=scale" not in page
    assert "access?plan=starter" in page


def test_the_matrix_has_every_plan_and_its_bill(client: Client, scale: Plan) -> None:
    answer = client.get("/pricing", {"calls": "132400"})
    ((product, rows),) = answer.context["products"]
    assert product.name == "bank-payments"
    assert [(row.offer.plan.name, row.bill, row.obstacle) for row in rows] == [
        ("starter", "Free", "Too small: 1,000 calls a month"),
        ("growth", "Free", ""),
        ("scale", "41.96 EUR a month", ""),
    ]
    assert "41.96 EUR a month" in answer.content.decode()
    beyond = client.get("/pricing", {"calls": "3000000"}).context["products"][0][1][2]
    assert beyond.obstacle == "Too small: stops at 2,000,000 calls a month"


def test_many_products_are_paged_and_each_page_keeps_the_estimate(client: Client, bank: Product) -> None:
    plan, owner, opened = bank.plans.first(), bank.organization, bank.items.first()
    for number in range(30):
        product = Product.objects.create(organization=owner, name=f"more-{number:02}", display_name=f"More {number}")
        ProductPlan.objects.create(product=product, plan=plan)
        ProductItem.objects.create(product=product, version=opened.version)
    bare = Product.objects.create(organization=owner, name="a-product-without-plans", display_name="Bare")
    ProductItem.objects.create(product=bare, version=opened.version)
    first = client.get("/pricing", {"calls": "10"})
    second = client.get("/pricing", {"calls": "10", "page": "2"})
    told = [product.name for answer in (first, second) for product, _ in answer.context["products"]]
    assert told == ["bank-payments", *(f"more-{number:02}" for number in range(30))]
    assert len(second.context["products"]) == 7
    assert "?calls=10&amp;page=2" in first.content.decode()
    assert '<input type="hidden" name="page" value="2">' in second.content.decode()
    assert "?calls=1000&amp;page=2" in second.content.decode()


@pytest.mark.parametrize("calls", ["", "-5", "many", "1e9"])
def test_an_estimate_of_no_number_says_so_beside_the_field(client: Client, scale: Plan, calls: str) -> None:
    answer = client.get("/pricing", {"calls": calls})
    assert answer.status_code == 422
    assert answer.context["form"].errors["calls"]
    assert answer.context["calls"] == 50_000


def test_the_estimator_gives_htmx_the_plans_alone(client: Client, scale: Plan) -> None:
    piece = client.get("/pricing", {"calls": "10"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in piece
    assert "29.00 EUR a month" in piece


def test_a_plan_with_prices_can_be_seen_and_not_chosen(
    log_in: LogIn, developer: User, scale: Plan, initech: Organization
) -> None:
    client = log_in(developer)
    url = "/products/bank-payments/access"
    assert 'value="scale" required disabled' in client.get(url).content.decode()
    refused = client.post(url, {"plan": "scale", "application": "new", "new_name": "My first app"})
    assert refused.status_code == 422
    assert not Subscription.objects.exists()


def test_nobody_switches_to_a_plan_that_waits_for_payments(
    log_in: LogIn, developer: User, shop: Application, scale: Plan
) -> None:
    subscription = Subscription.objects.get()
    client, url = log_in(developer), f"/my/subscriptions/{subscription.pk}/switch"
    assert "Payments are not set up yet" in client.get(url).content.decode()
    assert client.post(url, {"plan": "scale"}).status_code == 422


def test_a_private_plan_is_shown_to_whom_it_is_offered(
    log_in: LogIn, client: Client, developer: User, initech: Organization, scale: Plan
) -> None:
    update_plan(plan=scale, changes={"visibility": "private"}, by=TESTER)
    for seen in (client, log_in(developer)):
        assert "Scale" not in seen.get("/pricing").content.decode()
    update_plan(plan=scale, changes={"offered_to": [initech]}, by=TESTER)
    assert "Scale" in log_in(developer).get("/pricing").content.decode()
    assert "Scale" not in Client().get("/products/bank-payments").content.decode()
