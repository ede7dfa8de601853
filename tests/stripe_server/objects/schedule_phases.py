"""The phases of a schedule: checked, and compared with what a subscription has.

Source: docs.stripe.com/billing/subscriptions/subscription-schedules.
"""

from __future__ import annotations

from tests.stripe_server.billing.periods import boundary
from tests.stripe_server.errors import invalid
from tests.stripe_server.objects import subscription_items
from tests.stripe_server.parameters import only
from tests.stripe_server.store import Mode, Object

_PHASE = ("items", "start_date", "end_date", "duration", "proration_behavior", "metadata", "collection_method",
          "currency", "description", "default_payment_method", "billing_cycle_anchor")  # fmt: skip


def read_phases(mode: Mode, given: list[Object], start: int, own: set[str]) -> list[Object]:
    """The phases, each with its start and end; one begins where the one before ends.

    Shapes: own = the prices the subscription has already, which may be archived.
    """
    made: list[Object] = []
    for number, spec in enumerate(given):
        only(spec, *_PHASE)
        where = f"phases[{number}]"
        if spec.get("billing_cycle_anchor") == "phase_start":
            only({"billing_cycle_anchor": True})
        begins = made[-1]["end_date"] if made else start
        if "start_date" in spec and spec["start_date"] not in {begins, "now"}:
            raise invalid("Phases must follow each other without a gap.", param=f"{where}[start_date]")
        items = []
        for place, item in enumerate(spec["items"]):
            only(item, "price", "quantity", "metadata", "price_data")
            if item.get("price") in own:
                price = mode.objects["price"][item["price"]]
            else:
                price = subscription_items.price_of(mode, item, f"{where}[items][{place}]", is_recurring=True)
            is_metered = price["recurring"]["usage_type"] == "metered"
            items.append({"price": price["id"], "quantity": None if is_metered else item.get("quantity", 1),
                          "metadata": item.get("metadata") or {}})  # fmt: skip
        first = mode.objects["price"][items[0]["price"]]
        phase = {name: spec[name] for name in ("proration_behavior", "metadata", "collection_method", "description",
                                               "default_payment_method") if name in spec}  # fmt: skip
        phase |= {"items": items, "start_date": begins, "currency": first["currency"]}
        phase["end_date"] = _phase_end(spec, begins, first, where, is_last=number == len(given) - 1)
        made.append(phase)
    return made


def _phase_end(spec: Object, begins: int, price: Object, where: str, *, is_last: bool) -> int:
    if "duration" in spec:
        duration = spec["duration"]
        return boundary(begins, duration["interval"], duration.get("interval_count", 1), 1)
    if "end_date" in spec:
        end = spec["end_date"]
        if end == "now" or int(end) <= begins:
            raise invalid("A phase must end after it starts.", param=f"{where}[end_date]")
        return int(end)
    if not is_last:
        raise invalid("Only the last phase may have no end.", param=f"{where}[end_date]")
    recurring = price["recurring"]
    return boundary(begins, recurring["interval"], recurring["interval_count"], 1)


def difference(mode: Mode, now: list[Object], wanted: list[Object]) -> list[Object]:
    left, new = list(now), []
    specs: list[Object] = []
    for item in wanted:
        same = next((each for each in left if each["price"] == item["price"]), None)
        if same is None:
            new.append(item)
            continue
        left.remove(same)
        if same["quantity"] != item["quantity"]:
            specs.append({"id": same["id"], "quantity": item["quantity"]})
    for item in new:
        kind = mode.objects["price"][item["price"]]["recurring"]["usage_type"]
        old = next((each for each in left if _usage(mode, each) == kind), None)
        if old is None:
            specs.append(spec_of(item))
        else:
            left.remove(old)
            specs.append({"id": old["id"]} | spec_of(item))
    return specs + [{"id": each["id"], "deleted": True} for each in left]


def _usage(mode: Mode, item: Object) -> str:
    return str(mode.objects["price"][item["price"]]["recurring"]["usage_type"])


def spec_of(item: Object) -> Object:
    return {
        name: value for name, value in item.items() if name in {"price", "quantity", "metadata"} and value is not None
    }
