"""Shapes of what documents say about money: meters, and the fields of plans that cost something.

What amounts and tiers may be is judged by `apim.pricing`; here is which fields there are.
"""

from __future__ import annotations

from collections.abc import Mapping

from apim.documents.shapes import Free, Items, Number, Record, Shape, Text
from apim.pricing.clauses import EXISTING, ON_EXCEED
from apim.pricing.meters import AGGREGATIONS, SOURCES
from apim.pricing.parts import MODELS, TERMS
from apim.pricing.terms import INTERVALS
from apim.products.models import Plan

METER_FIELDS: Mapping[str, Shape] = {
    "unit": Text(meaning="What one is called, such as `call` or `byte`."),
    "aggregation": Text(AGGREGATIONS, meaning="How a period's amounts become one."),
    "source": Text(SOURCES, meaning="What is added up: calls, or their bytes in, out or both ways."),
    "where": Text(
        meaning="Which calls count: `status < 400`, `status_class == 2` (when left out), `method`, `operation`; joined"
        " by `and`."
    ),
    "weights": Free(meaning='What a call of an operation counts: `{ "POST /transfers": 5 }`; 1 unless named.'),
}

_AMOUNT = 'a text such as `"29.00"`'
_TIER = Record(
    {
        "upTo": Number(1, meaning="The last unit of the tier; the last tier has none."),
        "unit": Text(is_required=True, meaning="The price of a unit in it."),
        "flat": Text(meaning="An amount due once a unit falls in it."),
    }
)
_PRICE = Record(
    {
        "name": Text(meaning="What its lines on invoices are called; the model's name when left out."),
        "model": Text(
            MODELS, is_required=True, meaning="How it is charged: [the models](../explain/rating.md#models)."
        ),
        "meter": Text(meaning="What is counted, for `unit`, `graduated`, `volume` and `package`."),
        "amount": Text(meaning=f"Of `flat`, `setup`, `package` and `prepaid` (one top-up): {_AMOUNT}."),
        "term": Text(TERMS, meaning="Of `flat`: before or after the period."),
        "unit": Text(meaning='Of `unit`: the price of each, as fine as it needs be: `"0.0004"`.'),
        "size": Number(1, meaning="Of `package`: how many units are in one; a begun one counts."),
        "tiers": Items(_TIER, meaning="Of `graduated` and `volume`, upwards."),
        "minimum": Text(meaning="What its period costs at least."),
        "topUps": Items(Text(), meaning="Of `prepaid`: what else a top-up may be, beside `amount`."),
        "included": Text(meaning="Of `prepaid`: credits that each period brings, and takes away again at its end."),
        "expiresAfterDays": Number(1, meaning="Of `prepaid`: when bought credits end."),
        "autoTopUp": Record(
            {"below": Text(is_required=True, meaning="The balance that is proposed to buy a top-up under.")},
            meaning="Of `prepaid`: what is proposed for buying unasked; each subscriber decides.",
        ),
    }
)
LIMIT_FIELDS: Mapping[str, Shape] = {
    "meter": Text(meaning="A meter, for `included`, `onExceed` and `hardCap`."),
    "included": Number(meaning="How much of it the plan's price covers; `unit` and `package` begin after it."),
    "onExceed": Text(ON_EXCEED, meaning="Above it: `bill` at the plan's prices, or `block`."),
    "hardCap": Number(1, meaning="Where calls are refused whatever is paid."),
}
PLAN_FIELDS: Mapping[str, Shape] = {
    "visibility": Text(
        tuple(Plan.Visibility.values),
        meaning="`private`: only the organizations of `offeredTo` see it and may choose it.",
    ),
    "offeredTo": Items(Text(), meaning="Organizations that a private plan is offered to."),
    "currency": Text(meaning="Of all its amounts: a code of ISO 4217 such as `EUR`."),
    "interval": Text(INTERVALS, meaning="The period of invoices; `month` when left out."),
    "prices": Items(_PRICE, meaning="What is paid for, a line of the invoice each; none for a free plan."),
    "trial": Record(
        {
            "days": Number(1, is_required=True, meaning="How long."),
            "paymentMethod": Text(("not-required", "required"), meaning="Whether it begins with a card."),
            "onEndWithoutCard": Text(("pause", "cancel"), meaning="What becomes of the subscription without one."),
        },
        meaning="A beginning that costs nothing.",
    ),
    "minimumSpend": Text(meaning="What a period costs at least; what is missing becomes a line of its own."),
    "maximumSpend": Record(
        {
            "amount": Text(is_required=True, meaning="What a period costs at most, `setup` apart."),
            "then": Text(("block", "throttle", "allow"), meaning="What happens to calls then."),
        },
        meaning="A bound of what usage can cost.",
    ),
    "dunning": Record(
        {
            "graceDays": Number(meaning="Days of access after a payment failed; slower in the second half."),
            "then": Text(("suspend",), meaning="What follows them."),
            "endAfterDays": Number(1, meaning="Days until the subscription ends."),
        },
        meaning="What follows an invoice that is not paid.",
    ),
    "change": Record(
        {
            "upgrade": Text(
                ("immediate", "period-end"),
                meaning="When a dearer plan holds that a subscriber leaves this one for; at once only if it is paid.",
            ),
            "downgrade": Text(
                ("immediate", "period-end"), meaning="When a cheaper one holds; a free one with the next period always."
            ),
            "proration": Text(
                ("time", "max-consumption", "none"),
                meaning="What a change at once gives back of the begun period: what is left of its time, the smaller of"
                " that and of what is left of the quota, nothing.",
            ),
        },
        meaning="How subscribers leave it for another plan.",
    ),
    "migration": Record(
        {
            "existing": Text(
                EXISTING,
                meaning="When the plan changes: `keep` leaves subscribers the version they have (the default with"
                " prices), `move` gives them the new one.",
            )
        },
        meaning="What becomes of subscribers.",
    ),
}
