"""What meters add up to. Source: docs.stripe.com/billing/subscriptions/usage-based/meters/configure (aggregation)."""

from __future__ import annotations

from decimal import Decimal

from tests.stripe_server.store import Mode, Object


def aggregate(mode: Mode, meter: Object, customer: str, start: int, end: int) -> Decimal:
    """The meter's value for a customer over start <= timestamp < end."""
    key = meter["customer_mapping"]["event_payload_key"]
    events = [
        each
        for each in mode.objects.get("billing.meter_event", {}).values()
        if each["event_name"] == meter["event_name"]
        and not each["_is_cancelled"]
        and each["payload"].get(key) == customer
        and start <= each["timestamp"] < end
    ]
    values = [Decimal(each["payload"].get(meter["value_settings"]["event_payload_key"], "0")) for each in events]
    match meter["default_aggregation"]["formula"]:
        case "count":
            return Decimal(len(events))
        case "last":
            latest = max(range(len(events)), key=lambda place: (events[place]["timestamp"], place), default=None)
            return Decimal(0) if latest is None else values[latest]
        case _:
            return sum(values, Decimal(0))


def used(mode: Mode, price: Object, customer: str, start: int, end: int) -> Decimal:
    """What a metered price bills for that time."""
    meter = mode.peek("billing.meter", price["recurring"]["meter"])
    if meter is None or end <= start:
        return Decimal(0)
    return aggregate(mode, meter, customer, start, end)
