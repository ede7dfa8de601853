"""Prices and amounts: models, currencies, rounding, lookup keys."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import stripe

from tests.stripe_server import scenes
from tests.stripe_server.billing.amounts import parts_of
from tests.stripe_server.fixture import StripeServer


def tiered(mode: str, *tiers: tuple[int | None, str | None, str | None], currency: str = "eur") -> dict[str, Any]:
    """A stored price of tiers: (up to, unit, flat)."""
    rows = [{"up_to": top, "unit_amount_decimal": unit, "flat_amount_decimal": flat} for top, unit, flat in tiers]
    return {"billing_scheme": "tiered", "tiers_mode": mode, "_tiers": rows, "currency": currency}


def per_unit(unit: str, currency: str = "eur", transform: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"billing_scheme": "per_unit", "unit_amount_decimal": unit, "currency": currency,
            "transform_quantity": transform}  # fmt: skip


QUOTA = tiered("graduated", (100000, "0", None), (None, "0.04", None))
GRADUATED = tiered("graduated", (10, "100", "500"), (20, "50", None), (None, "10", None))
VOLUME = tiered("volume", (10, "100", None), (20, "50", "700"), (None, "10", None))
THOUSANDS = {"divide_by": 1000, "round": "up"}


@pytest.mark.parametrize(
    ("price", "quantity", "amounts"),
    [
        (QUOTA, "0", [0]),
        (QUOTA, "100000", [0]),
        (QUOTA, "132400", [0, 1296]),
        (GRADUATED, "0", [0, 500]),
        (GRADUATED, "10", [1000, 500]),
        (GRADUATED, "25", [1000, 500, 500, 50]),
        (VOLUME, "0", [0]),
        (VOLUME, "10", [1000]),
        (VOLUME, "11", [550 + 700]),
        (VOLUME, "30", [300]),
        (per_unit("0.5"), "1", [1]),
        (per_unit("0.49"), "1", [0]),
        (per_unit("0.000000000001"), "500000000000", [1]),
        (per_unit("40", transform=THOUSANDS), "32400", [1320]),
        (per_unit("40", transform=THOUSANDS), "33000", [1320]),
        (per_unit("40", transform=THOUSANDS), "0", [0]),
        (per_unit("40", transform={"divide_by": 1000, "round": "down"}), "32400", [1280]),
        (per_unit("0.5", "jpy"), "3", [2]),
        (per_unit("1", "krw"), "7", [7]),
        (per_unit("1.5", "kwd"), "3", [0]),
        (per_unit("1.5", "kwd"), "4", [10]),
    ],
)
def test_a_line_is_rounded_once_half_up(price: dict[str, Any], quantity: str, amounts: list[int]):
    assert [part.amount for part in parts_of(price, Decimal(quantity))] == amounts


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"currency": "xxx", "unit_amount": 1}, "currency"),
        ({"currency": "kwd", "unit_amount": 1005}, "unit_amount"),
        ({"currency": "eur", "unit_amount": -1}, "unit_amount"),
        ({"currency": "eur", "unit_amount_decimal": "0.0000000000001"}, "unit_amount_decimal"),
        ({"currency": "eur", "unit_amount": 1, "unit_amount_decimal": "1"}, "unit_amount_decimal"),
        ({"currency": "eur"}, "unit_amount"),
        ({"currency": "eur", "unit_amount": 1, "recurring": {"interval": "month", "usage_type": "metered"}},
         "recurring[meter]"),
        ({"currency": "eur", "unit_amount": 1, "recurring": {"interval": "month", "interval_count": 37}},
         "recurring[interval_count]"),
        ({"currency": "eur", "billing_scheme": "tiered", "tiers_mode": "graduated"}, "tiers"),
        ({"currency": "eur", "billing_scheme": "tiered", "tiers_mode": "graduated",
          "tiers": [{"up_to": 5, "unit_amount": 1}]}, "tiers"),
        ({"currency": "eur", "billing_scheme": "tiered", "tiers_mode": "graduated",
          "tiers": [{"up_to": 5, "unit_amount": 1}, {"up_to": 5, "unit_amount": 1}]}, "tiers[1][up_to]"),
        ({"currency": "eur", "billing_scheme": "tiered", "tiers_mode": "volume", "unit_amount": 1,
          "tiers": [{"up_to": "inf", "unit_amount": 1}]}, "unit_amount"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_prices_that_cannot_be_are_refused(stripe_server: StripeServer, fields: dict[str, Any], param: str):
    client = stripe_server.client()
    product = client.v1.products.create({"name": "Bank"})

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.prices.create({"product": product.id} | fields)  # type: ignore[arg-type]

    assert caught.value.param == param


def test_amounts_are_told_as_number_and_decimal(stripe_server: StripeServer):
    client = stripe_server.client()
    whole = client.v1.prices.retrieve(scenes.price(client, 2900))
    part = client.v1.prices.retrieve(scenes.price(client, unit_amount_decimal="0.0400"))

    assert (whole.unit_amount, whole.unit_amount_decimal) == (2900, Decimal(2900))
    assert (part.unit_amount, part.unit_amount_decimal) == (None, Decimal("0.04"))


def test_tiers_are_shown_when_asked_for(stripe_server: StripeServer):
    client = stripe_server.client()
    rows = [{"up_to": 10, "unit_amount": 5}, {"up_to": "inf", "flat_amount": 900}]
    key = scenes.metered(client, scenes.meter(client), billing_scheme="tiered", tiers_mode="volume", tiers=rows)

    assert "tiers" not in client.v1.prices.retrieve(key).to_dict()
    tiers = client.v1.prices.retrieve(key, {"expand": ["tiers"]}).tiers
    assert tiers
    assert [(each.up_to, each.unit_amount, each.flat_amount) for each in tiers] == [(10, 5, None), (None, None, 900)]


def test_a_lookup_key_belongs_to_one_price_and_moves_when_told(stripe_server: StripeServer):
    client = stripe_server.client()
    first = scenes.price(client, lookup_key="bank:starter:v1:base:eur")
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        scenes.price(client, lookup_key="bank:starter:v1:base:eur")

    second = scenes.price(client, lookup_key="bank:starter:v1:base:eur", transfer_lookup_key=True)

    found = client.v1.prices.list({"lookup_keys": ["bank:starter:v1:base:eur"]}).data
    assert [each.id for each in found] == [second]
    assert client.v1.prices.retrieve(first).lookup_key is None


def test_amounts_of_a_price_cannot_be_changed_and_its_product_not_deleted(stripe_server: StripeServer):
    client = stripe_server.client()
    price = client.v1.prices.retrieve(scenes.price(client))

    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: unit_amount"):
        client.v1.prices.update(price.id, {"unit_amount": 1})  # type: ignore[typeddict-unknown-key]
    with pytest.raises(stripe.InvalidRequestError, match="user-created prices"):
        client.v1.products.delete(str(price.product))


@pytest.mark.parametrize(("currency", "amount"), [("jpy", 2900), ("krw", 29000), ("kwd", 29990)])
def test_currencies_of_other_places_are_invoiced_in_their_smallest_unit(
    stripe_server: StripeServer, currency: str, amount: int
):
    client = stripe_server.client()
    made, _customer, _clock = scenes.subscribed(stripe_server, scenes.price(client, amount, currency))

    invoice = client.v1.invoices.retrieve(made.latest_invoice)

    assert (invoice.currency, invoice.amount_paid) == (currency, amount)
