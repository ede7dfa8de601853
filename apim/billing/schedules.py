"""Schedules: at Stripe, a subscription that gets other prices with its next period; taken back without a trace.

Source: docs.stripe.com/billing/subscriptions/subscription-schedules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from apim.billing.coming import OUR_NEXT
from apim.billing.connection import Connection
from apim.billing.driver import Object
from apim.billing.items import phase_items, recurring_items
from apim.products.models import PlanVersion, Product

_OVER = ("canceled", "completed", "released")


def schedule_version(connection: Connection, product: Product, version: PlanVersion, found: Object) -> None:
    """From its next period on the Stripe subscription is billed by the version. Errors: DriverFailed.

    A schedule that an interrupted try left behind is used again, so that trying twice makes one.
    """
    driver = connection.driver
    key, made = found.get("schedule"), f"{found['id']}:{timezone.now().timestamp():.6f}"
    schedule = (
        driver.find("subscription_schedule", key)
        if key
        else driver.make("subscription_schedule", {"from_subscription": found["id"]}, key=f"apim:schedule:{made}")
    )
    terms = version.terms
    current = _current_phase(schedule)
    following = {
        "items": phase_items(recurring_items(connection, product, version)),
        "duration": {"interval": terms.interval, "interval_count": 1},
        "proration_behavior": "none",
    }
    now = {"items": phase_items(current["items"]), "start_date": current["start_date"], "end_date": current["end_date"]}
    params = {"phases": [now, following], "end_behavior": "release", "proration_behavior": "none"}
    driver.change("subscription_schedule", schedule["id"], params)


def let_go(connection: Connection, found: Object) -> Object:
    """The Stripe subscription without anything to come: neither a schedule nor a free plan after its end.

    Errors: DriverFailed.
    """
    changed = False
    if found.get("schedule"):
        schedule = connection.driver.find("subscription_schedule", found["schedule"])
        if schedule["status"] not in _OVER:
            connection.driver.act("subscription_schedule", schedule["id"], "release", {})
            changed = True
    if (found.get("metadata") or {}).get(OUR_NEXT):
        params = {"cancel_at_period_end": False, "metadata": {OUR_NEXT: ""}}
        return connection.driver.change("subscription", found["id"], params)
    return connection.driver.find("subscription", found["id"]) if changed else found


def _current_phase(schedule: Object) -> Mapping[str, Any]:
    """The phase that runs; the first one before any has begun."""
    start = (schedule.get("current_phase") or {}).get("start_date")
    phases: list[Mapping[str, Any]] = schedule["phases"]
    return next((each for each in phases if each["start_date"] == start), phases[0])
