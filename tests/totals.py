"""`python -m tests.totals`: docs/reference/totals.md, the golden invoices rated here and by the stand-in for Stripe.

The stand-in takes the prices that apim makes of a plan and rates them by rules of its own; the two share no code.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import django
import stripe
import yaml

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apim.config.settings")
django.setup()

from apim.billing import catalogue  # noqa: E402 - models need set-up Django
from apim.pricing.money import from_minor, money_text  # noqa: E402
from apim.pricing.parts import Flat, Package, Prepaid, Setup  # noqa: E402
from apim.pricing.rating import Period, rate  # noqa: E402
from apim.pricing.settling import settled  # noqa: E402
from apim.pricing.terms import Terms, parse_terms  # noqa: E402
from tests.stripe_server.billing.amounts import total_of  # noqa: E402
from tests.stripe_server.keys import TEST_KEY  # noqa: E402
from tests.stripe_server.server import Server  # noqa: E402

FOLDER = Path(__file__).parent / "apim" / "pricing" / "golden"
HEAD = """\
# The same invoices, rated here and by Stripe

Every golden invoice of `tests/apim/pricing/golden` whose plan Stripe rates by prices alone: what the usage costs by our
rating, and by the stand-in for Stripe from the prices that apim made there. The stand-in shares no code with apim.
`script/docs` writes this page; a test holds that each row agrees to the minor unit. Cards carry two decimals, so lines
in KWD end in 0. Why two totals can differ all the same is told in [the loop of money](../explain/money.md); what comes
late for a plan that was left at once is billed by the next one, and named ([rating](../explain/rating.md)).

| plan | prices | usage | here | Stripe |
|---|---|---|---|---|
"""
NOT_BY_PRICES = """
Not in the table, because not rated by prices of Stripe alone:

| plan | why |
|---|---|
"""


def cases() -> Iterator[tuple[str, Terms, list[dict[str, Any]]]]:
    """(name, terms, invoices) of each golden file with prices."""
    for path in sorted(FOLDER.glob("*.yaml")):
        case = yaml.safe_load(path.read_text())
        terms, faults = parse_terms(case["spec"])
        assert terms is not None, faults
        if terms.is_priced:
            yield path.stem, terms, case["invoices"]


def obstacle(terms: Terms) -> str:
    """Why Stripe's prices alone do not say what the plan costs; "" when they do."""
    if any(isinstance(part, Prepaid) for part in terms.prices):
        return "top-ups are payments of their own, and usage is drawn from the ledger here"
    if terms.minimum_spend or terms.maximum_spend or any(getattr(part, "minimum", 0) for part in terms.prices):
        return "a line of ours on the draft of each invoice makes up the minimum or takes off what is above the maximum"
    if any(isinstance(part, Flat) and part.term == "arrears" for part in terms.prices):
        return "an amount in arrears is a line of ours on the draft of each invoice"
    if any(tier.flat for part in terms.prices for tier in getattr(part, "tiers", ())[:1]):
        return "Stripe charges the fixed amount of a first tier without any usage too: such a plan is not sold"
    if any(isinstance(part, Package) and terms.limit_of(part.meter) for part in terms.prices):
        return "Stripe knows no packages beside included units: such a plan is not sold"
    return ""


def totals(terms: Terms, invoices: list[dict[str, Any]], server: Server) -> Iterator[tuple[str, str, str]]:
    """(usage in words, our total, Stripe's) of each invoice of a whole period."""
    prices = [(part, _price_at_stripe(part, terms, server)) for part in terms.prices]
    for invoice in invoices:
        period = Period(invoice.get("period", "later"))
        if period is Period.TRIAL:
            continue
        usage = {meter: Decimal(quantity) for meter, quantity in invoice["usage"].items()}
        due = [each for each in prices if period is Period.FIRST or not isinstance(each[0], Setup)]
        theirs = sum(
            total_of(price, Decimal(1) if isinstance(part, Flat | Setup) else usage.get(part.meter, Decimal(0)))
            for part, price in due
        )
        words = ", ".join(f"{quantity:,} {meter}" for meter, quantity in usage.items()) or "none"
        words += ", first period" if period is Period.FIRST else ""
        ours = settled(rate(terms, usage, period=period)).total
        yield words, money_text(ours, terms.currency), money_text(from_minor(theirs, terms.currency), terms.currency)


def _price_at_stripe(part: Any, terms: Terms, server: Server) -> dict[str, Any]:
    """The price that apim makes of the part, as the stand-in keeps it."""
    client = stripe.StripeClient(TEST_KEY, base_addresses={"api": server.state.address}, max_network_retries=0)
    params: Any = {"currency": terms.currency.lower(), "product_data": {"name": part.name}}
    if not isinstance(part, Setup):
        params["recurring"] = {"interval": terms.interval}
        if not isinstance(part, Flat):
            params["recurring"] |= {"usage_type": "metered", "meter": _meter(client, part.meter)}
    made = client.v1.prices.create(params | catalogue._amounts(part, terms))
    return server.state.modes[False].objects["price"][made.id]


def _meter(client: stripe.StripeClient, name: str) -> str:
    for each in client.v1.billing.meters.list().data:
        if each.event_name == name:
            return each.id
    made = {"display_name": name, "event_name": name, "default_aggregation": {"formula": "sum"}}
    return client.v1.billing.meters.create(made).id  # type: ignore[arg-type]


def page() -> str:
    """The page."""
    rows, others = [], []
    server = Server(0)
    server.start()
    try:
        for name, terms, invoices in cases():
            if why := obstacle(terms):
                others.append(f"| {name} | {why} |")
                continue
            models = " + ".join(part.model for part in terms.prices)
            for usage, ours, theirs in totals(terms, invoices, server):
                rows.append(f"| {name} | {models}, {terms.currency} | {usage} | {ours} | {theirs} |")
    finally:
        server.stop()
    return HEAD + "\n".join(rows) + "\n" + NOT_BY_PRICES + "\n".join(others) + "\n"


if __name__ == "__main__":
    print(page(), end="")
