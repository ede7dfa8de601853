"""Shapes of what Plan documents say about quotas: what they count, and what becomes of them in an outage."""

from __future__ import annotations

from collections.abc import Mapping

from apim.documents.shapes import Free, Number, Shape, Text
from apim.products.limits import QUOTA_PERIODS, QUOTA_UNITS, WINDOWS
from apim.products.models import PlanVersion

QUOTA_FIELDS: Mapping[str, Shape] = {
    "quota": Number(1, meaning="How much in a period, with `per`: calls, unless `unit` says else."),
    "per": Text(
        QUOTA_PERIODS, meaning="The period of a quota; `period` is the plan's billing period, a month without prices."
    ),
    "window": Text(
        WINDOWS,
        meaning="Where a day or month of a quota begins: `calendar`, at midnight of the plan's time zone, or"
        " `anchored`, with the subscription's own, as a billing period always does.",
    ),
    "unit": Text(
        QUOTA_UNITS,
        meaning="What a quota counts: `calls`; `units`, of which an operation costs what `weights` says; or `bytes` of"
        " bodies, of requests and answers together.",
    ),
}
TERMS_FIELDS: Mapping[str, Shape] = {
    "weights": Free(
        meaning='What a call of an operation costs of a quota of `units`: `{ "POST /transfers": 5 }`; `*` stands for'
        " any text, 1 unless named."
    ),
    "whenUnconfirmed": Text(
        tuple(filter(None, PlanVersion.WhenUnconfirmed.values)),
        meaning="What a gateway does with a quota while it cannot ask the others: `refuse` what it does not hold, or"
        " `share`: hold a part in advance, and let a hundredth pass. When left out, plans share that cost nothing or"
        " are paid for afterwards.",
    ),
    "whenUnrecorded": Text(
        tuple(PlanVersion.WhenUnrecorded.values),
        meaning="What a gateway does with a call that it has no room to record, as while its disk is full: `refuse` it"
        " with 503, as when left out, or `serve` it unmetered. A plan with prices refuses.",
    ),
}
