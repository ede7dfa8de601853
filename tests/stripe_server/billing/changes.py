"""Changes of a subscription's items: prorations, pending items, pending updates, the end.

Source: docs.stripe.com/billing/subscriptions/prorations, docs.stripe.com/billing/subscriptions/pending-updates,
docs.stripe.com/billing/subscriptions/trials.
"""

from __future__ import annotations

import copy

from tests.stripe_server.billing import invoicing, lines
from tests.stripe_server.errors import invalid
from tests.stripe_server.events import emit
from tests.stripe_server.store import Mode, Object

PENDING_S = 23 * 3600  # Source: docs.stripe.com/billing/subscriptions/pending-updates-reference
_DONE = {"canceled", "incomplete_expired"}


def add_item(mode: Mode, subscription: Object, spec: Object, period: tuple[int, int]) -> Object:
    """A new item of a checked price."""
    price = mode.objects["price"][spec["price"]]
    quantity = None if price["recurring"]["usage_type"] == "metered" else spec.get("quantity", 1)
    return mode.add(
        "subscription_item",
        {"billing_thresholds": None, "current_period_end": period[1], "current_period_start": period[0],
         "discounts": [], "metadata": spec.get("metadata") or {}, "price": price["id"], "quantity": quantity,
         "subscription": subscription["id"], "tax_rates": [], "_usage_from": None, "_paid": None},
        clock=subscription["test_clock"],
    )  # fmt: skip


def change_items(mode: Mode, subscription: Object, specs: list[Object], *, at: int, prorates: bool) -> list[Object]:
    """Apply the changes; the lines they cause: credits, charges, and usage of metered items that go."""
    made: list[Object] = []
    period = _period(mode, subscription)
    has_prorations = prorates and subscription["status"] != "trialing"
    for spec in specs:
        if "id" not in spec:
            item = add_item(mode, subscription, spec, period)
            made += _debit(mode, item, at, has_prorations=has_prorations)
            if lines.is_metered(mode, item):
                item["_usage_from"] = at
            continue
        item = mode.get("subscription_item", spec["id"], param="items[id]")
        if item["subscription"] != subscription["id"]:
            raise invalid(f"No such subscription_item: '{item['id']}'", param="items[id]", code="resource_missing")
        made += _change(mode, subscription, item, spec, at, has_prorations=has_prorations)
    if not any(True for _ in mode.all("subscription_item", subscription=subscription["id"])):
        raise invalid("A subscription must have at least one active item.", param="items")
    return made


def _change(
    mode: Mode, subscription: Object, item: Object, spec: Object, at: int, *, has_prorations: bool
) -> list[Object]:
    made: list[Object] = []
    before = copy.deepcopy(item)
    new_price, new_quantity = spec.get("price", item["price"]), spec.get("quantity", item["quantity"])
    is_gone = bool(spec.get("deleted"))
    if "metadata" in spec:
        item["metadata"] = {k: v for k, v in (item["metadata"] | (spec["metadata"] or {})).items() if v != ""}
    if not is_gone and new_price == before["price"] and new_quantity == before["quantity"]:
        return made
    if lines.is_metered(mode, before):
        if new_price != before["price"] or is_gone:
            start = before["current_period_start"]
            if not spec.get("clear_usage") and subscription["status"] != "trialing":  # a trial's usage is not billed
                made += lines.arrears(mode, before, subscription["customer"], start, at)
            item["_usage_from"] = at
    elif has_prorations and (credit := lines.proration(mode, before, at=at, is_credit=True)) is not None:
        made.append(credit)
    if is_gone:
        mode.remove("subscription_item", item["id"])
        return made
    item |= {"price": new_price, "quantity": new_quantity}
    if lines.is_metered(mode, item):
        item["quantity"] = None
    elif item["quantity"] is None:
        item["quantity"] = 1
    return made + _debit(mode, item, at, has_prorations=has_prorations)


def _debit(mode: Mode, item: Object, at: int, *, has_prorations: bool) -> list[Object]:
    if not has_prorations or lines.is_metered(mode, item):
        return []
    debit = lines.proration(mode, item, at=at, is_credit=False)
    return [debit] if debit is not None else []


def _period(mode: Mode, subscription: Object) -> tuple[int, int]:
    item = next(mode.all("subscription_item", subscription=subscription["id"]))
    return item["current_period_start"], item["current_period_end"]


def add_pending_item(mode: Mode, customer: Object, line: Object, subscription: str | None) -> Object:
    """An invoice item that waits for the next invoice."""
    made = mode.add(
        "invoiceitem",
        {"amount": line["amount"], "net_amount": line["amount"], "currency": line["currency"],
         "customer": customer["id"], "date": mode.now(customer.get("test_clock")), "description": line["description"],
         "discountable": line.get("discountable", True), "discounts": [], "metadata": line["metadata"],
         "parent": _parent(line, subscription), "period": line["period"],
         "pricing": line["pricing"], "proration": line["_is_proration"],
         "quantity": line["quantity"] if line["quantity"] is not None else 1,
         "quantity_decimal": line["quantity_decimal"], "tax_rates": [], "test_clock": customer.get("test_clock"),
         "invoice": None, "_subscription": subscription, "_line": copy.deepcopy(line)},
        clock=customer.get("test_clock"),
    )  # fmt: skip
    emit(mode, "invoiceitem.created", made)
    return made


def _parent(line: Object, subscription: str | None) -> Object | None:
    if subscription is None:
        return None
    details = {"subscription": subscription, "subscription_item": line.get("_item")}
    return {"type": "subscription_details", "subscription_details": details}


def take_pending_items(mode: Mode, subscription: Object) -> list[Object]:
    """The lines of what waits for the subscription's next invoice."""
    return take_items_of(mode, subscription["customer"], subscription["currency"], {None, subscription["id"]})


def take_items_of(mode: Mode, customer: str, currency: str, subscriptions: set[str | None]) -> list[Object]:
    waiting = [
        each
        for each in mode.objects.get("invoiceitem", {}).values()
        if each["invoice"] is None and each["customer"] == customer and each["currency"] == currency
        and each["_subscription"] in subscriptions
    ]  # fmt: skip
    return [each["_line"] | {"_invoice_item": each["id"], "_subscription": each["_subscription"]} for each in waiting]


def hold_back(mode: Mode, subscription: Object, before: Object, items: list[Object], invoice: Object) -> None:
    """Undo a change that waits for payment, and remember it as the pending update."""
    now = mode.now(subscription["test_clock"])
    wanted = copy.deepcopy(list(mode.all("subscription_item", subscription=subscription["id"])))[::-1]
    after = copy.deepcopy({name: subscription[name] for name in ("billing_cycle_anchor", "trial_end", "status")})
    _put_items(mode, subscription, items)
    for name in after:
        subscription[name] = before[name]
    subscription["_pending"] = {"invoice": invoice["id"], "items": wanted, "fields": after}
    subscription["pending_update"] = {
        "billing_cycle_anchor": None,
        "expires_at": min(now + PENDING_S, *(item["current_period_end"] for item in items)),
        "subscription_items": wanted,
        "trial_end": None,
        "trial_from_plan": None,
    }


def apply_pending(mode: Mode, subscription: Object) -> None:
    """The invoice of a pending update is paid: now it counts."""
    pending = subscription["_pending"]
    _put_items(mode, subscription, pending["items"])
    subscription |= pending["fields"] | {"_pending": None, "pending_update": None}
    emit(mode, "customer.subscription.pending_update_applied", subscription)
    emit(mode, "customer.subscription.updated", subscription)


def expire_pending(mode: Mode, subscription: Object) -> None:
    """It was not paid in time: its invoice is void, the subscription stays as it is."""
    invoice = mode.get("invoice", subscription["_pending"]["invoice"])
    subscription |= {"_pending": None, "pending_update": None}
    if invoice["status"] == "open":
        invoicing.void(mode, invoice)
    emit(mode, "customer.subscription.pending_update_expired", subscription)
    emit(mode, "customer.subscription.updated", subscription)


def _put_items(mode: Mode, subscription: Object, items: list[Object]) -> None:
    wanted = {item["id"]: item for item in items}
    for item in list(mode.all("subscription_item", subscription=subscription["id"])):
        if item["id"] not in wanted:
            mode.remove("subscription_item", item["id"])
    for key, item in wanted.items():
        if mode.peek("subscription_item", key) is None:
            mode.add("subscription_item", copy.deepcopy(item))
        else:
            mode.get("subscription_item", key).update(copy.deepcopy(item))


def end_now(mode: Mode, subscription: Object, *, reason: str | None) -> None:
    """The subscription ends; invoices that are open are no longer collected by themselves.

    Source: docs.stripe.com/billing/subscriptions/cancel#handle-invoice-items-when-canceling-subscriptions.
    """
    if subscription["status"] in _DONE:
        raise invalid(f"No such subscription: '{subscription['id']}'", param="id", code="resource_missing", status=404)
    now = mode.now(subscription["test_clock"])
    subscription |= {"status": "canceled", "ended_at": now, "canceled_at": subscription["canceled_at"] or now}
    subscription |= {"pending_update": None, "_pending": None, "status_details": None}
    if reason and not subscription["cancellation_details"]["reason"]:
        subscription["cancellation_details"]["reason"] = reason
    for each in list(mode.all("invoice", _subscription=subscription["id"])):
        if each["status"] in {"open", "draft"} and each["automatically_finalizes_at"] is None:
            mode.get("invoice", each["id"]).update({"auto_advance": False, "next_payment_attempt": None})
    emit(mode, "customer.subscription.deleted", subscription)
