"""Subscription schedules.

Source: docs.stripe.com/billing/subscriptions/subscription-schedules, docs.stripe.com/api/subscription_schedules.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.stripe_server import engine
from tests.stripe_server.billing import changes, cycles, updates
from tests.stripe_server.errors import invalid, missing_parameter
from tests.stripe_server.events import emit
from tests.stripe_server.objects import subscriptions
from tests.stripe_server.objects.schedule_phases import difference, read_phases, spec_of
from tests.stripe_server.parameters import customer_of, metadata, only
from tests.stripe_server.rendering import presents
from tests.stripe_server.routes import listing, retrieve, route
from tests.stripe_server.store import Mode, Object

_KIND = "subscription_schedule"
_PATH = "/v1/subscription_schedules"
_OVER = {"released", "canceled", "completed"}

route("GET", _PATH + "/{id}", "SubscriptionScheduleRetrieveParams", "subscription")(retrieve(_KIND))


@presents(_KIND)
def present_schedule(mode: Mode, found: Object) -> Object:
    phases = []
    for phase in found["phases"]:
        items = [
            {"billing_thresholds": None, "discounts": [], "metadata": {}, "tax_rates": [], "quantity": None}
            | item
            | {"plan": item["price"]}
            for item in phase["items"]
        ]
        phases.append(_BLANK | phase | {"items": items})
    current = _current(mode, found)
    shown = {"start_date": current["start_date"], "end_date": current["end_date"]} if current else None
    return {"phases": phases, "current_phase": shown if found["status"] == "active" else None}


_BLANK: Object = {
    "add_invoice_items": [], "application_fee_percent": None, "automatic_tax": None, "billing_cycle_anchor": None,
    "billing_thresholds": None, "collection_method": None, "default_payment_method": None, "default_tax_rates": [],
    "description": None, "discounts": [], "invoice_settings": None, "metadata": {}, "on_behalf_of": None,
    "proration_behavior": "create_prorations", "transfer_data": None, "trial": None, "trial_end": None,
}  # fmt: skip


def _current(mode: Mode, found: Object) -> Object | None:
    now = mode.now(found["test_clock"])
    return next((phase for phase in found["phases"] if phase["start_date"] <= now < phase["end_date"]), None)


@route("POST", _PATH, "SubscriptionScheduleCreateParams", "subscription")
def create_schedule(mode: Mode, params: Object) -> Object:
    only(params, "customer", "from_subscription", "phases", "start_date", "end_behavior", "metadata")
    if "from_subscription" in params:
        if set(params) - {"from_subscription"}:
            raise invalid(
                "You cannot set other parameters together with `from_subscription`.", param="from_subscription"
            )
        return _from_subscription(mode, params["from_subscription"])
    customer = customer_of(mode, params)
    if not params.get("phases"):
        raise missing_parameter("phases")
    now = mode.now(customer.get("test_clock"))
    given = params.get("start_date", "now")
    start = now if given == "now" else int(given)
    if start > now:
        raise invalid("The stand-in starts schedules now, or from a subscription.", param="start_date", status=501)
    phases = read_phases(mode, params["phases"], start, set())
    found = _add(mode, customer, phases, params)
    items = [spec_of(item) for item in phases[0]["items"]]
    made = subscriptions.create_subscription(mode, {"customer": customer["id"], "items": items})
    found["subscription"] = made["id"]
    made["schedule"] = found["id"]
    emit(mode, "subscription_schedule.created", found)
    return found


def _from_subscription(mode: Mode, key: str) -> Object:
    """One phase: the subscription's current period. Source: docs.stripe.com/api/subscription_schedules/create."""
    subscription = mode.get("subscription", key, param="from_subscription")
    if subscription["schedule"]:
        raise invalid(
            f"This subscription already has a schedule: {subscription['schedule']}.", param="from_subscription"
        )
    if subscription["status"] in {"canceled", "incomplete", "incomplete_expired"}:
        raise invalid(f"You cannot migrate a subscription that is {subscription['status']} to a schedule.")
    items = cycles.items_of(mode, subscription)
    phase = {
        "items": [{name: item[name] for name in ("price", "quantity", "metadata")} for item in items],
        "start_date": items[0]["current_period_start"], "end_date": cycles.period_end(mode, subscription),
        "currency": subscription["currency"], "proration_behavior": "create_prorations",
    }  # fmt: skip
    customer = mode.get("customer", subscription["customer"])
    found = _add(mode, customer, [phase], {})
    found["subscription"] = key
    subscription["schedule"] = found["id"]
    emit(mode, "subscription_schedule.created", found)
    emit(mode, "customer.subscription.updated", subscription)
    return found


def _add(mode: Mode, customer: Object, phases: list[Object], params: Object) -> Object:
    return mode.add(
        _KIND,
        {"billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}, "updated_at": None},
         "customer": customer["id"], "end_behavior": _end_behavior(params),
         "default_settings": {"application_fee_percent": None, "automatic_tax": {"enabled": False, "liability": None,
                              "disabled_reason": None}, "billing_cycle_anchor": "automatic",
                              "billing_thresholds": None, "collection_method": "charge_automatically",
                              "default_payment_method": None, "description": None, "on_behalf_of": None,
                              "invoice_settings": {"account_tax_ids": None, "custom_fields": None,
                                                   "days_until_due": None, "description": None, "footer": None,
                                                   "issuer": {"type": "self"}}, "transfer_data": None},
         "metadata": metadata(None, params.get("metadata")), "pause_schedules": [], "phases": phases,
         "status": "active", "subscription": None, "test_clock": customer.get("test_clock")},
        clock=customer.get("test_clock"),
    )  # fmt: skip


def _end_behavior(params: Object) -> str:
    behavior = str(params.get("end_behavior", "release"))
    if behavior not in {"release", "cancel"}:
        only({f"end_behavior={behavior}": True})
    return behavior


@route("POST", _PATH + "/{id}", "SubscriptionScheduleUpdateParams", "subscription")
def update_schedule(mode: Mode, params: Object, key: str) -> Object:
    """The phases given replace all; the current one must be among them."""
    only(params, "phases", "end_behavior", "metadata", "proration_behavior")
    found = _open(mode, key)
    if "end_behavior" in params:
        found["end_behavior"] = _end_behavior(params)
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    if "phases" in params:
        current = _current(mode, found)
        given = params["phases"][0].get("start_date")
        if current is not None and given not in {current["start_date"], "now", None}:
            raise invalid("You can not modify the start date of the current phase.", param="phases[0][start_date]")
        own = {item["price"] for phase in found["phases"] for item in phase["items"]}
        start = (current or found["phases"][0])["start_date"]
        found["phases"] = read_phases(mode, params["phases"], start, own)
        found["_phase"] = 0
        _apply(mode, found, found["phases"][0], params.get("proration_behavior", "create_prorations"))
    emit(mode, "subscription_schedule.updated", found)
    return found


def _open(mode: Mode, key: str) -> Object:
    found = mode.get(_KIND, key, status=404)
    if found["status"] in _OVER:
        raise invalid(f"You cannot change a subscription schedule that is {found['status']}.")
    return found


def _apply(mode: Mode, found: Object, phase: Object, behavior: str) -> None:
    """Make the subscription's items those of the phase."""
    subscription = mode.get("subscription", found["subscription"])
    specs = difference(mode, cycles.items_of(mode, subscription), phase["items"])
    if specs:
        updates.update(mode, subscription, {"items": specs, "proration_behavior": behavior}, [])


@route("POST", _PATH + "/{id}/release", "SubscriptionScheduleReleaseParams", "subscription")
def release_schedule(mode: Mode, params: Object, key: str) -> Object:
    """The subscription goes on as it is."""
    only(params, "preserve_cancel_date")
    found = _open(mode, key)
    _release(mode, found)
    return found


def _release(mode: Mode, found: Object) -> None:
    subscription = mode.get("subscription", found["subscription"])
    subscription["schedule"] = None
    found |= {"status": "released", "released_at": mode.now(found["test_clock"]), "subscription": None,
              "released_subscription": subscription["id"]}  # fmt: skip
    emit(mode, "subscription_schedule.released", found)
    emit(mode, "customer.subscription.updated", subscription)


@route("POST", _PATH + "/{id}/cancel", "SubscriptionScheduleCancelParams", "subscription")
def cancel_schedule(mode: Mode, params: Object, key: str) -> Object:
    """With its subscription, at once."""
    only(params, "invoice_now", "prorate")
    found = _open(mode, key)
    _cancel(mode, found, "canceled")
    return found


def _cancel(mode: Mode, found: Object, status: str) -> None:
    now = mode.now(found["test_clock"])
    found |= {"status": status, ("canceled_at" if status == "canceled" else "completed_at"): now}
    subscription = mode.get("subscription", found["subscription"])
    if subscription["status"] != "canceled":
        changes.end_now(mode, subscription, reason="cancellation_requested")
    emit(mode, f"subscription_schedule.{status}", found)


route("GET", _PATH, "SubscriptionScheduleListParams", "subscription")(listing(_KIND, "customer"))


def _phase_ends(mode: Mode, clock: str | None) -> Iterator[engine.Due]:
    for each in mode.objects.get(_KIND, {}).values():
        if each["test_clock"] == clock and each["status"] == "active":
            yield engine.Due(_phase(each)["end_date"], 0, _KIND, each["id"], _next_phase)


def _phase(found: Object) -> Object:
    """The phase that was entered last."""
    phase: Object = found["phases"][found.get("_phase", 0)]
    return phase


def _next_phase(mode: Mode, found: Object) -> None:
    """Enter the next phase, or end the schedule, before the subscription renews."""
    subscription = mode.get("subscription", found["subscription"])
    if subscription["status"] == "canceled":
        found |= {"status": "canceled", "canceled_at": mode.now(found["test_clock"])}
        emit(mode, "subscription_schedule.canceled", found)
        return
    number = found.get("_phase", 0) + 1
    if number < len(found["phases"]):
        found["_phase"] = number
        phase = found["phases"][number]
        _apply(mode, found, phase, phase.get("proration_behavior", "create_prorations"))
        emit(mode, "subscription_schedule.updated", found)
    elif found["end_behavior"] == "cancel":
        if subscription["status"] in {"active", "past_due"}:
            cycles.end_at_period_end(mode, subscription)
        _cancel(mode, found, "completed")
    else:
        _release(mode, found)


engine.SOURCES.append(_phase_ends)
