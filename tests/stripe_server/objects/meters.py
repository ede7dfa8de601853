"""Billing meters, their events and sums. Source: docs.stripe.com/billing/subscriptions/usage-based/meters/configure,
docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api, docs.stripe.com/api/billing/meter-event."""

from __future__ import annotations

import re
import secrets

from tests.stripe_server.billing.usage import aggregate
from tests.stripe_server.errors import StripeError, invalid
from tests.stripe_server.events import emit
from tests.stripe_server.parameters import only
from tests.stripe_server.routes import Listing, listing, retrieve, route
from tests.stripe_server.store import Mode, Object

_OLDEST_S, _FUTURE_S, _UNIQUE_S = 35 * 86400, 5 * 60, 24 * 3600
_LONGEST = 100
_WINDOWS = {"hour": 3600, "day": 86400}
_PATH = "/v1/billing/meters"

route("GET", _PATH + "/{id}", "billing.MeterRetrieveParams", "billing_meter")(retrieve("billing.meter"))
route("GET", _PATH, "billing.MeterListParams", "billing_meter")(listing("billing.meter", "status"))


@route("POST", _PATH, "billing.MeterCreateParams", "billing_meter")
def create_meter(mode: Mode, params: Object) -> Object:
    name = params["event_name"]
    if len(name) > _LONGEST:
        raise invalid(f"Invalid string: must be at most {_LONGEST} characters", param="event_name")
    if any(mode.all("billing.meter", event_name=name, status="active")):
        raise invalid(f"A meter with event_name `{name}` already exists.", param="event_name")
    made = mode.add(
        "billing.meter",
        {"customer_mapping": params.get("customer_mapping", {"event_payload_key": "stripe_customer_id",
                                                             "type": "by_id"}),
         "default_aggregation": params["default_aggregation"], "display_name": params["display_name"],
         "event_name": name, "event_time_window": params.get("event_time_window"), "status": "active",
         "status_transitions": {"deactivated_at": None}, "updated": mode.now(),
         "value_settings": params.get("value_settings", {"event_payload_key": "value"})},
    )  # fmt: skip
    emit(mode, "billing.meter.created", made)
    return made


@route("POST", _PATH + "/{id}", "billing.MeterUpdateParams", "billing_meter")
def update_meter(mode: Mode, params: Object, key: str) -> Object:
    """Only the display name can change."""
    only(params, "display_name")
    found = mode.get("billing.meter", key, status=404)
    found |= {"display_name": params.get("display_name", found["display_name"]), "updated": mode.now()}
    emit(mode, "billing.meter.updated", found)
    return found


@route("POST", _PATH + "/{id}/deactivate", "billing.MeterDeactivateParams", "billing_meter")
def deactivate_meter(mode: Mode, _params: Object, key: str) -> Object:
    found = mode.get("billing.meter", key, status=404)
    found |= {"status": "inactive", "status_transitions": {"deactivated_at": mode.now()}, "updated": mode.now()}
    emit(mode, "billing.meter.deactivated", found)
    return found


@route("POST", _PATH + "/{id}/reactivate", "billing.MeterReactivateParams", "billing_meter")
def reactivate_meter(mode: Mode, _params: Object, key: str) -> Object:
    found = mode.get("billing.meter", key, status=404)
    if any(mode.all("billing.meter", event_name=found["event_name"], status="active")):
        raise invalid(f"An active meter with event_name `{found['event_name']}` already exists.")
    found |= {"status": "active", "status_transitions": {"deactivated_at": None}, "updated": mode.now()}
    emit(mode, "billing.meter.reactivated", found)
    return found


@route("POST", "/v1/billing/meter_events", "billing.MeterEventCreateParams", "billing_meter_event")
def create_event(mode: Mode, params: Object) -> Object:
    """Errors: StripeError for no such meter or customer, a duplicate, a time outside the window, a value that is no
    whole number."""
    meter = next(mode.all("billing.meter", event_name=params["event_name"], status="active"), None)
    if meter is None:
        raise _refused("no_meter", f"No active meter found for event name {params['event_name']}.", "event_name")
    customer = _customer(mode, meter, params["payload"])
    value = params["payload"].get(meter["value_settings"]["event_payload_key"])
    if meter["default_aggregation"]["formula"] != "count" and not re.fullmatch(r"-?\d{1,15}", value or ""):
        raise _refused(
            "meter_event_invalid_value",
            f"The value of the payload key `{meter['value_settings']['event_payload_key']}` must be a whole number.",
            "payload",
        )
    now = mode.now(customer.get("test_clock"))
    moment = params.get("timestamp", now)
    _check_time(moment, now)
    identifier = params.get("identifier") or secrets.token_hex(16)
    if len(identifier) > _LONGEST:
        raise invalid(f"Invalid string: must be at most {_LONGEST} characters", param="identifier")
    _check_unique(mode, identifier)
    key = f"_event_{secrets.token_hex(12)}"
    return mode.add(
        "billing.meter_event",
        {"id": key, "created": now, "event_name": params["event_name"], "identifier": identifier,
         "payload": params["payload"], "timestamp": moment, "_is_cancelled": False, "_received": mode.now()},
    )  # fmt: skip


def _customer(mode: Mode, meter: Object, payload: Object) -> Object:
    key = meter["customer_mapping"]["event_payload_key"]
    if key not in payload:
        message = f"The payload is missing the customer mapping key `{key}`."
        raise _refused("meter_event_no_customer_defined", message, "payload")
    found = mode.peek("customer", payload[key])
    if found is None or found.get("deleted"):
        raise invalid(f"No such customer: '{payload[key]}'", param=f"payload[{key}]", code="resource_missing")
    return found


def _check_time(moment: int, now: int) -> None:
    if moment < now - _OLDEST_S:
        raise _refused(
            "timestamp_too_far_in_past", "The timestamp must be within the past 35 calendar days.", "timestamp"
        )
    if moment > now + _FUTURE_S:
        raise _refused(
            "timestamp_in_future", "The timestamp must not be more than 5 minutes in the future.", "timestamp"
        )


def _check_unique(mode: Mode, identifier: str) -> None:
    """Of this machine's last 24 hours, whatever test clocks say."""
    oldest = mode.now() - _UNIQUE_S
    for each in mode.all("billing.meter_event", identifier=identifier):
        if each["_received"] > oldest:
            raise invalid(f"An event already exists with identifier {identifier}.", param="identifier")


def _refused(code: str, message: str, param: str) -> StripeError:
    return invalid(message, code=code, param=param)


@route("POST", "/v1/billing/meter_event_adjustments", "billing.MeterEventAdjustmentCreateParams", "billing_meter_event")
def create_adjustment(mode: Mode, params: Object) -> Object:
    """Cancels an event of the last 24 hours. Source: docs.stripe.com/api/billing/meter-event-adjustment."""
    identifier = (params.get("cancel") or {}).get("identifier")
    found = next(mode.all("billing.meter_event", identifier=identifier, event_name=params["event_name"]), None)
    if identifier is None or found is None:
        raise invalid(f"No meter event found with identifier {identifier}.", param="cancel[identifier]",
                      code="resource_missing")  # fmt: skip
    if found["_received"] <= mode.now() - _UNIQUE_S:
        raise invalid(
            "Meter events can only be cancelled within 24 hours of being received.", param="cancel[identifier]"
        )
    if found["_is_cancelled"]:
        raise invalid(f"The meter event {identifier} is already cancelled.", param="cancel[identifier]")
    mode.get("billing.meter_event", found["id"])["_is_cancelled"] = True
    return {"object": "billing.meter_event_adjustment", "cancel": {"identifier": identifier},
            "event_name": params["event_name"], "livemode": mode.livemode, "status": "pending",
            "type": params["type"]}  # fmt: skip


@route("GET", _PATH + "/{id}/event_summaries", "billing.MeterListEventSummariesParams", "billing_meter")
def list_summaries(mode: Mode, params: Object, key: str) -> Listing:
    """Source: docs.stripe.com/api/billing/meter-event-summary: whole minutes, or aligned to the window."""
    meter = mode.get("billing.meter", key, status=404)
    start, end = params["start_time"], params["end_time"]
    window = params.get("value_grouping_window")
    unit = _WINDOWS[window] if window else 60
    for name, moment in (("start_time", start), ("end_time", end)):
        if moment % unit:
            raise invalid(f"`{name}` must be aligned with {window or 'minute'} boundaries.", param=name)
    if end <= start:
        raise invalid("`end_time` must be after `start_time`.", param="end_time")
    mode.get("customer", params["customer"], param="customer")
    edges = range(start, end, unit) if window else range(start, end, end - start)
    step = unit if window else end - start
    found = []
    for number, left in enumerate(edges):
        value = aggregate(mode, meter, params["customer"], left, left + step)
        if value or not window:
            found.append({"id": f"mtrusg_test_{key[-8:]}{left}{number}", "object": "billing.meter_event_summary",
                          "aggregated_value": float(value), "end_time": left + step, "livemode": mode.livemode,
                          "meter": key, "start_time": left, "created": left})  # fmt: skip
    return Listing("billing.meter_event_summary", found[::-1])
