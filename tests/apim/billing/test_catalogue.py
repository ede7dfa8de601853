"""What is sold at Stripe costs there what the plan says here; what Stripe cannot say is not sold."""

from __future__ import annotations

from typing import Any

import pytest

from apim.billing.catalogue import line_items, obstacle_to_sale
from apim.billing.connection import require_connection
from apim.products.limits import Terms
from apim.products.models import PlanVersion, Product
from tests.factories import products
from tests.payments import Stripe

pytestmark = pytest.mark.django_db

INCLUDED = [{"meter": "bank-calls", "included": 1000}]


def version_of(product: Product, price: dict[str, Any], **more: Any) -> PlanVersion:
    pricing = {"currency": "EUR", "prices": [{"name": "calls", "meter": "bank-calls", **price}], **more}
    return products.plan(organization=product.organization, name="metered", terms=Terms(pricing=pricing)).versions.get()


def test_units_that_the_plan_includes_cost_nothing_at_stripe(stripe_server: Stripe, product: Product) -> None:
    version = version_of(product, {"model": "unit", "unit": "0.01"}, limits=INCLUDED)
    connection = require_connection()
    (item,) = line_items(connection, product, version)
    client = connection.driver._client  # type: ignore[attr-defined]
    price = client.v1.prices.retrieve(item["price"], params={"expand": ["tiers"]})
    assert (price.billing_scheme, price.tiers_mode) == ("tiered", "graduated")
    assert [(tier.up_to, tier.unit_amount) for tier in price.tiers] == [(1000, 0), (None, 1)]


@pytest.mark.parametrize(
    ("price", "more", "words"),
    [
        ({"model": "package", "size": 100, "amount": "1.00"}, {"limits": INCLUDED}, "no packages beside included"),
        ({"model": "graduated", "tiers": [{"unit": "0", "flat": "5.00"}]}, {}, "without any usage too"),
        ({"model": "package", "size": 100, "amount": "1.00"}, {}, ""),
        ({"model": "volume", "tiers": [{"upTo": 9, "unit": "0"}, {"unit": "0", "flat": "5.00"}]}, {}, ""),
    ],
    ids=["packages and included", "a first tier of a fixed amount", "packages", "a later tier of a fixed amount"],
)
def test_what_stripe_would_charge_differently_is_not_sold(
    product: Product, price: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    why = obstacle_to_sale(version_of(product, price, **more))
    assert words in why
    assert bool(why) == bool(words)


@pytest.mark.parametrize("currency", ["ISK", "MGA", "UGX"])
def test_a_currency_whose_units_are_others_at_stripe_is_not_sold(product: Product, currency: str) -> None:
    flat = {"name": "base", "model": "flat", "amount": "2900"}
    plan = products.plan(terms=Terms(pricing={"currency": currency, "prices": [flat]}))
    assert "other units" in obstacle_to_sale(plan.versions.get())
