"""Meters: what events they take, what they add up to, and Stripe's limits on both."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.stripe_server import scenes
from tests.stripe_server.fixture import StripeServer
from tests.stripe_server.limits import METER_EVENTS
from tests.stripe_server.scenes import DAY, START
from tests.stripe_server.server import Server

HOUR = 3600


@pytest.fixture
def metered(stripe_server: StripeServer) -> tuple[stripe.StripeClient, str, str]:
    """A client, a meter, and a customer whose time stands still."""
    client = stripe_server.client()
    meter = scenes.meter(client)
    return client, meter, scenes.customer(client, clock_id=scenes.clock(client))


def total(client: stripe.StripeClient, meter: str, customer: str, start: int, end: int) -> float:
    found = client.v1.billing.meters.event_summaries.list(
        meter, {"customer": customer, "start_time": start, "end_time": end}
    )
    return sum(each.aggregated_value for each in found.data)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"timestamp": START - 35 * DAY - 1}, "within the past 35 calendar days"),
        ({"timestamp": START + 301}, "5 minutes in the future"),
        ({"payload": {"value": "1"}}, "missing the customer mapping key"),
        ({"payload": {"stripe_customer_id": "cus_none", "value": "1"}}, "No such customer"),
        ({"event_name": "nothing"}, "No active meter found"),
        ({"identifier": "x" * 101}, "at most 100 characters"),
        ({"value": "1.5"}, "whole number"),
        ({"value": ""}, "whole number"),
    ],
    ids=["old", "future", "no-customer", "unknown-customer", "unknown-meter", "identifier", "fraction", "no-value"],
)
def test_events_that_stripe_refuses_are_refused(metered: Any, fields: dict[str, Any], message: str):
    client, _meter, customer = metered
    payload = {"stripe_customer_id": customer, "value": fields.pop("value", "1")}

    with pytest.raises(stripe.InvalidRequestError, match=message):
        client.v1.billing.meter_events.create({"event_name": "bank-calls", "payload": payload} | fields)


@pytest.mark.parametrize("moment", [START - 35 * DAY, START + 300])
def test_events_at_the_edges_of_time_are_taken(metered: Any, moment: int):
    client, meter, customer = metered
    scenes.use(client, customer, 7, timestamp=moment)

    assert total(client, meter, customer, START - 36 * DAY, START + HOUR) == 7


def test_an_identifier_counts_once_a_day(stripe_server: StripeServer, metered: Any):
    client, meter, customer = metered
    scenes.use(client, customer, 7, identifier="window-1")

    with pytest.raises(stripe.InvalidRequestError, match="An event already exists with identifier window-1") as caught:
        scenes.use(client, customer, 7, identifier="window-1")
    assert caught.value.headers["Stripe-Should-Retry"] == "false"
    stripe_server.control("POST", "time", seconds=DAY + 1)
    scenes.use(client, customer, 7, identifier="window-1")

    assert total(client, meter, customer, START, START + HOUR) == 14


def test_an_event_is_cancelled_within_a_day_only(stripe_server: StripeServer, metered: Any):
    client, meter, customer = metered
    for name in ("first", "second"):
        scenes.use(client, customer, 7, identifier=name)
    cancel: Any = {"event_name": "bank-calls", "type": "cancel", "cancel": {"identifier": "first"}}

    assert client.v1.billing.meter_event_adjustments.create(cancel).status == "pending"
    assert total(client, meter, customer, START, START + HOUR) == 7
    stripe_server.control("POST", "time", seconds=DAY + 1)
    with pytest.raises(stripe.InvalidRequestError, match="within 24 hours"):
        client.v1.billing.meter_event_adjustments.create(cancel | {"cancel": {"identifier": "second"}})


@pytest.mark.parametrize(("formula", "value"), [("sum", 10.0), ("count", 3.0), ("last", 5.0)])
def test_a_meter_adds_up_as_it_was_told(stripe_server: StripeServer, formula: str, value: float):
    client = stripe_server.client()
    meter = scenes.meter(client, formula=formula)
    customer = scenes.customer(client, clock_id=scenes.clock(client))
    for number, amount in enumerate((2, 3, 5)):
        scenes.use(client, customer, amount, timestamp=START - HOUR + number)

    assert total(client, meter, customer, START - HOUR, START) == value


def test_sums_are_told_by_the_hour_and_times_must_be_aligned(metered: Any):
    client, meter, customer = metered
    for hour in (1, 1, 3):
        scenes.use(client, customer, 10, timestamp=START - hour * HOUR)
    window: Any = {"customer": customer, "start_time": START - 4 * HOUR, "end_time": START}

    found = client.v1.billing.meters.event_summaries.list(meter, window | {"value_grouping_window": "hour"}).data

    assert [(each.start_time - START, each.aggregated_value) for each in found] == [(-HOUR, 20.0), (-3 * HOUR, 10.0)]
    with pytest.raises(stripe.InvalidRequestError, match="aligned"):
        client.v1.billing.meters.event_summaries.list(meter, window | {"start_time": START - 90})


def test_a_second_call_for_one_customer_and_meter_is_refused_while_one_is_under_way(
    running_stripe_server: Server, metered: Any
):
    client, _meter, customer = metered
    under_way = {"event_name": "bank-calls", "payload": {"stripe_customer_id": customer, "value": "1"}}

    with (
        running_stripe_server.state.limits.admit("POST", METER_EVENTS, under_way),
        pytest.raises(stripe.RateLimitError) as caught,
    ):
        scenes.use(client, customer, 1)

    assert caught.value.error
    assert caught.value.error.code == "lock_timeout"
    scenes.use(client, customer, 1)
