"""Invoices on which a plan changed: the one of a change at once, and the one between two plans at a renewal.

Their lines are of two plan versions. Which one was left says the invoice itself: of a change at once, the one whose
rest is given back; else, and at a renewal, the one whose usage is charged. A plan that asks for nothing in advance has
no line where it begins, so a change at once to it has lines of the one that is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import Sum

from apim.billing.models import Invoice, MeterWindow
from apim.pricing.changes import Begun, rate_change
from apim.pricing.parts import Flat, Metered
from apim.pricing.rating import Rated
from apim.pricing.settling import settled
from apim.products.models import PlanVersion

AT_ONCE: Final = "subscription_update"
_KEY_PARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Changed:
    """What was left and what was chosen on an invoice. Shapes: chosen None = asks for nothing in advance."""

    left: PlanVersion
    chosen: PlanVersion | None


def changed_on(invoice: Invoice, named: Mapping[str, str]) -> Changed | None:
    """The two versions of an invoice on which a plan changed; None for any other.

    Shapes: named = the lookup keys of our prices on it, by price.
    """
    versions = _versions(named.values())
    lines = [line for line in invoice.lines if line["price"] in named]
    given_back = [line for line in lines if line["amount"] < 0]
    if len(versions) == 1 and given_back and invoice.reason == AT_ONCE:
        return Changed(next(iter(versions.values())), None)
    if len(versions) != 2:  # noqa: PLR2004 - left and chosen
        return None
    latest = max(line["period_end"] for line in lines)
    is_rest_paid = given_back and invoice.reason == AT_ONCE
    past = given_back if is_rest_paid else [line for line in lines if line["period_end"] < latest]
    keys = {_version_key(named[line["price"]]) for line in past}
    if len(keys) != 1:
        return None
    left = versions.pop(keys.pop(), None)
    return Changed(left, next(iter(versions.values()))) if left is not None and versions else None


def rate_changed(invoice: Invoice, changed: Changed, named: Mapping[str, str]) -> Rated:
    """What our rating makes of the invoice of a change at once."""
    lines = [line for line in invoice.lines if line["price"] in named]
    flat = {part.name for part in changed.left.terms.prices if isinstance(part, Flat)}
    given_back = (line for line in lines if line["amount"] < 0 and _part(named[line["price"]]) in flat)
    latest = max(lines, key=lambda line: line["period_end"])  # where nothing is given back, what the new plan costs
    rest = next(given_back, latest)
    at, end = rest["period_start"], rest["period_end"]
    begun = Begun(_moment(_start_of(invoice, end, at)), _moment(end), _moment(at))
    meters = {part.name: part.meter for part in changed.left.terms.prices if isinstance(part, Metered)}
    usage: dict[str, Decimal] = {}
    for line in lines:
        meter = meters.get(_part(named[line["price"]]))
        if meter is not None and line["period_start"] < line["period_end"]:
            usage[meter] = _used(invoice, meter, line["period_start"], line["period_end"])
    left = changed.left.terms
    chosen = changed.chosen.terms if changed.chosen is not None else replace(left, prices=())
    return settled(rate_change(left, chosen, usage, begun=begun))


def _start_of(invoice: Invoice, end: int, at: int) -> int:
    """When the period that was begun began: the earliest that an invoice of the subscription charges up to its end.

    A plan that asks for nothing in advance has no such line: what of its usage a change at once charges begins there.
    """
    others = Invoice.objects.filter(subscription_id=invoice.subscription_id)
    found: list[tuple[str, Any]] = list(others.values_list("reason", "lines"))
    starts: list[int] = [line["period_start"] for _, lines in found for line in lines if line["period_end"] == end]
    start = min([*starts, at])
    used: list[int] = [
        line["period_start"]
        for reason, lines in found
        for line in lines
        if reason == AT_ONCE and line["period_end"] == start
    ]
    return min([*used, start])


def _used(invoice: Invoice, meter: str, since: int, until: int) -> Decimal:
    windows = MeterWindow.objects.filter(
        subscription_id=invoice.subscription_id, meter=meter, hour__gte=_moment(since), hour__lt=_moment(until)
    )
    return Decimal(windows.aggregate(total=Sum("quantity"))["total"] or 0)


def _versions(lookup_keys: Iterable[str]) -> dict[tuple[str, str], PlanVersion]:
    keys = {_version_key(key) for key in lookup_keys if key.count(":") == _KEY_PARTS - 1}
    found = {}
    for plan, number in keys:
        version = PlanVersion.objects.filter(plan__name=plan, number=int(number.removeprefix("v"))).first()
        if version is not None:
            found[plan, number] = version
    return found


def _version_key(lookup_key: str) -> tuple[str, str]:
    _, plan, number, *_ = lookup_key.split(":")
    return plan, number


def _part(lookup_key: str) -> str:
    return lookup_key.split(":")[3]


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
