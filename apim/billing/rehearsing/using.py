"""Using: the usage of a rehearsal's customer. Calls are real as far as they go; what would take too many is set down.

What is set down stands in the roll-ups that meters read, under the customer's subscription and nobody's API, so no
statistics of an API show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import F, Sum
from django.utils import timezone

from apim.billing.catalogue import meter_of
from apim.billing.metering import count_usage, send_usage
from apim.billing.rehearsing.calls import PASSES, ask_gateway, call, obstacle_to_calls
from apim.billing.rehearsing.scene import set_down
from apim.billing.rehearsing.telling import quantity_beyond, tell, tell_usage
from apim.billing.rehearsing.walk import Walk
from apim.catalog.models import Deployment
from apim.pricing.meters import MeterTerms, meter_quantity
from apim.pricing.parts import Tier
from apim.products.models import Meter
from apim.usage.metering import MeteredRow
from apim.usage.models import UsageRollup

_CALLS: Final = 5
_CALLS_AT_MOST: Final = 60  # what is further beyond what is included is set down
_SHIPPED_S: Final = 30
_SUMMED_S: Final = 60  # Stripe's sums lag behind its events
_STATUSES: Final = (200, 201, 204, 404, 500)
_MINUTE_S: Final = 60


def use_some(walk: Walk) -> str:
    """A few calls, counted by the meters of the plan and told to Stripe."""
    meters = _priced_meters(walk)
    if not meters:
        return "The plan has no price for usage."
    walk.advance(timezone.now() + timedelta(minutes=1))  # calls carry real times: Stripe takes none of its future
    _make_calls(walk, _CALLS)
    counted = _count(walk)
    for name, terms in meters.items():
        if not counted.get(name):
            _set_down(walk, name, terms, _CALLS)
    _count(walk)
    _tell(walk, meters)
    return ""


def go_beyond(walk: Walk) -> str:
    """More than the plan includes: the rest is charged."""
    included = {name: amount for name in _priced_meters(walk) if (amount := _included(walk, name))}
    if not included:
        return "The plan includes no usage: each unit is charged from the first on."
    walk.advance(timezone.now() + timedelta(minutes=1))
    meters = {name: terms for name, terms in _priced_meters(walk).items() if name in included}
    counted = _count(walk)
    if (most := max(quantity_beyond(included[name]) - counted.get(name, 0) for name in meters)) <= _CALLS_AT_MOST:
        _make_calls(walk, most)
        counted = _count(walk)
    for name, terms in meters.items():
        limit = walk.terms.limit_of(name)
        wanted = quantity_beyond(included[name])
        if limit is not None and limit.hard_cap is not None:
            wanted = min(wanted, limit.hard_cap)
        if (missing := wanted - counted.get(name, 0)) > 0:
            _set_down(walk, name, terms, missing)
    _count(walk)
    _tell(walk, meters)
    return ""


def _tell(walk: Walk, meters: dict[str, MeterTerms]) -> None:
    counted = tell_usage(walk)
    for name in meters:
        total = _sum_at_stripe(walk, name, counted.get(name, 0))
        walk.step.stripe_said = [*walk.step.stripe_said, f"Stripe's meter of {name} says {total:,}."]
    tell(walk, lifecycle="active", payment="ok")
    ask_gateway(walk, PASSES)


def _priced_meters(walk: Walk) -> dict[str, MeterTerms]:
    names = [part.meter for part in walk.terms.prices if hasattr(part, "meter")]
    return {meter.name: meter.terms for meter in Meter.objects.filter(name__in=names)}


def _included(walk: Walk, meter: str) -> Decimal:
    """How many units the plan's price covers: by a limit, or by a first tier that costs nothing."""
    limit = walk.terms.limit_of(meter)
    if limit is not None and limit.included:
        return Decimal(limit.included)
    part = next(part for part in walk.terms.prices if getattr(part, "meter", "") == meter)
    tiers: Sequence[Tier] = getattr(part, "tiers", ())
    is_free = bool(tiers) and not tiers[0].unit and not tiers[0].flat
    return Decimal(tiers[0].up_to or 0) if is_free else Decimal(0)


def _make_calls(walk: Walk, number: int) -> None:
    """Real calls, waited for until the gateway has told of them."""
    if why := obstacle_to_calls(walk.rehearsal):
        walk.note(why)
        return
    before = _called(walk)
    answers = [call(walk.rehearsal) for _ in range(number)]
    statuses = ", ".join(sorted({str(each.status) if each else "no answer" for each in answers}))
    walk.note(f"{number} real calls through the gateway: {statuses}.")
    answered = sum(each is not None for each in answers)
    if not walk.wait(lambda: _called(walk) >= before + answered, at_most_s=_SHIPPED_S):
        walk.note(f"The gateway has not told of all of them within {_SHIPPED_S} s.")


def _called(walk: Walk) -> int:
    rows = UsageRollup.objects.filter(period="hour", subscription_id=walk.rehearsal.subscription_ref)
    return int(rows.aggregate(total=Sum("calls"))["total"] or 0)


def _count(walk: Walk) -> dict[str, int]:
    """What each meter has counted, as the ledger keeps it; told to Stripe."""
    only = walk.rehearsal.subscription_ref
    count_usage(walk.connection, only=only)
    send_usage(walk.connection, only=only)
    windows = walk.subscription.meter_windows.values_list("meter").annotate(Sum("quantity"))
    return {str(meter): int(quantity) for meter, quantity in windows}


def _set_down(walk: Walk, name: str, terms: MeterTerms, quantity: int) -> None:
    """Usage that nobody called: a row that the meter counts as so much."""
    for operation in _operations(walk, terms):
        for status in _STATUSES:
            counts_for = int(meter_quantity(terms, [MeteredRow(operation, status, 1, 1, 1)]))
            if counts_for > 0:
                _add(walk, MeteredRow(operation, status, *[-(-quantity // counts_for)] * 3))
                walk.note(f"{quantity:,} units of {name} are set down by the rehearsal: nobody called that often.")
                return
    walk.note(f"No operation of the product is one that {name} counts.")


def _operations(walk: Walk, terms: MeterTerms) -> Iterator[str]:
    """Names of operations that a meter may count."""
    yield from ("GET /", "POST /", *terms.weights)
    versions = walk.rehearsal.product.items.values("version")
    deployed = Deployment.objects.filter(environment=walk.rehearsal.environment_id, version__in=versions)
    for deployment in deployed.select_related("revision"):
        yield from (f"{each['method']} {each['path']}" for each in deployment.revision.operations)


def _add(walk: Walk, row: MeteredRow) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    kept, _ = UsageRollup.objects.get_or_create(
        period="hour",
        at=hour,
        environment_id=walk.rehearsal.environment_id,
        operation=row.operation,
        status=row.status,
        code="",
        **set_down(walk.rehearsal),
    )
    UsageRollup.objects.filter(pk=kept.pk).update(
        calls=F("calls") + row.calls,
        request_bytes=F("request_bytes") + row.request_bytes,
        response_bytes=F("response_bytes") + row.response_bytes,
    )


def _sum_at_stripe(walk: Walk, meter: str, expected: int) -> int:
    """What Stripe's meter says of the customer, once it says what is expected or a while has passed."""
    meter_id = meter_of(walk.connection, walk.rehearsal.product, meter)
    start = walk.mirror.period_start or walk.rehearsal.created_at
    end = max(walk.now(), timezone.now()) + timedelta(minutes=2)
    params = {
        "customer": walk.rehearsal.customer_id,
        "start_time": int(start.timestamp()) // _MINUTE_S * _MINUTE_S,
        "end_time": int(end.timestamp()) // _MINUTE_S * _MINUTE_S,
    }

    def total() -> int:
        found = walk.connection.driver.list("billing.meter.event_summary", params, of=meter_id)
        return int(sum(Decimal(str(each["aggregated_value"])) for each in found))

    walk.wait(lambda: total() == expected, at_most_s=_SUMMED_S)
    return total()
