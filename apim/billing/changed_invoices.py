"""Invoices on which a plan changed: the one of a change at once, and the one between two plans at a renewal.

Their lines are of two plan versions. Which one was left says the invoice itself: of a change at once, the one whose
rest is given back; else, and at a renewal, the one whose usage is charged. A plan that asks for nothing in advance has
no line where it begins, so a change at once to it has lines of the one that is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from apim.billing.evidence import Evidence, meters_of, moment_of_line, part_of, version_key
from apim.billing.models import Invoice
from apim.pricing.changes import Begun, rate_change
from apim.pricing.parts import Flat
from apim.pricing.rating import Rated
from apim.pricing.settling import settled
from apim.products.models import PlanVersion

AT_ONCE: Final = "subscription_update"


@dataclass(frozen=True, slots=True)
class Changed:
    """What was left and what was chosen on an invoice. Shapes: chosen None = asks for nothing in advance."""

    left: PlanVersion
    chosen: PlanVersion | None


def changed_on(invoice: Invoice, known: Evidence) -> Changed | None:
    """The two versions of an invoice on which a plan changed; None for any other."""
    named = known.named_lines(invoice)
    versions = known.versions_of(named.values())
    lines = [line for line in invoice.lines if line["price"] in named]
    given_back = [line for line in lines if line["amount"] < 0]
    if len(versions) == 1 and given_back and invoice.reason == AT_ONCE:
        return Changed(next(iter(versions.values())), None)
    if len(versions) != 2:  # noqa: PLR2004 - left and chosen
        return None
    latest = max(line["period_end"] for line in lines)
    is_rest_paid = given_back and invoice.reason == AT_ONCE
    past = given_back if is_rest_paid else [line for line in lines if line["period_end"] < latest]
    keys = {version_key(named[line["price"]]) for line in past}
    key = keys.pop() if len(keys) == 1 else None
    left = versions.pop(key, None) if key is not None else None
    return Changed(left, next(iter(versions.values()))) if left is not None and versions else None


def rate_changed(invoice: Invoice, changed: Changed, known: Evidence) -> Rated:
    """What our rating makes of the invoice of a change at once."""
    named = known.named_lines(invoice)
    lines = [line for line in invoice.lines if line["price"] in named]
    flat = {part.name for part in changed.left.terms.prices if isinstance(part, Flat)}
    given_back = (line for line in lines if line["amount"] < 0 and part_of(named[line["price"]]) in flat)
    latest = max(lines, key=lambda line: line["period_end"])  # where nothing is given back, what the new plan costs
    rest = next(given_back, latest)
    at, end = rest["period_start"], rest["period_end"]
    start = _start_of(invoice, end, at, known)
    begun = Begun(moment_of_line(start), moment_of_line(end), moment_of_line(at))
    meters = meters_of(changed.left)
    usage: dict[str, Decimal] = {}
    for line in lines:
        meter = meters.get(part_of(named[line["price"]]))
        if meter is not None and line["period_start"] < line["period_end"]:
            usage[meter] = known.used_on(invoice, line, meter)
    left = changed.left.terms
    chosen = changed.chosen.terms if changed.chosen is not None else replace(left, prices=())
    return settled(rate_change(left, chosen, usage, begun=begun))


def _start_of(invoice: Invoice, end: int, at: int, known: Evidence) -> int:
    """When the period that was begun began: the earliest that an invoice of the subscription charges up to its end.

    A plan that asks for nothing in advance has no such line: what of its usage a change at once charges begins there.
    """
    found = known.beside.get(str(invoice.subscription_id), ())
    starts: list[int] = [line["period_start"] for _, lines in found for line in lines if line["period_end"] == end]
    start = min([*starts, at])
    used: list[int] = [
        line["period_start"]
        for reason, lines in found
        for line in lines
        if reason == AT_ONCE and line["period_end"] == start
    ]
    return min([*used, start])
