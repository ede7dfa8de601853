"""Previews of invoices. Source: docs.stripe.com/api/invoices/create_preview: nothing is kept of them."""

from __future__ import annotations

from tests.stripe_server.billing import changes, cycles, invoicing, updates
from tests.stripe_server.errors import invalid, missing_parameter
from tests.stripe_server.objects import subscription_items, subscription_starts
from tests.stripe_server.objects.subscription_ends import credits_of, usage_of
from tests.stripe_server.parameters import customer_of, only
from tests.stripe_server.routes import route
from tests.stripe_server.store import Mode, Object

_DETAILS = ("items", "proration_behavior", "proration_date", "billing_cycle_anchor", "cancel_at", "cancel_now",
            "cancel_at_period_end", "trial_end", "billing_mode", "start_date", "resume_at")  # fmt: skip


@route("POST", "/v1/invoices/create_preview", "InvoiceCreatePreviewParams", "invoice")
def preview(mode: Mode, params: Object) -> Object:
    """The invoice that a change would cause at once, or the next one."""
    only(params, "customer", "subscription", "subscription_details", "invoice_items", "currency", "preview_mode")
    mode.is_rehearsal = True
    details = params.get("subscription_details", {})
    only(details, *_DETAILS)
    if "subscription" not in params:
        return _new(mode, params, details)
    found = mode.get("subscription", params["subscription"], param="subscription", status=404)
    customer = mode.get("customer", found["customer"])
    _add_items(mode, customer, params, found)
    if found["status"] == "canceled":
        raise invalid("No upcoming invoices for customer: the subscription is canceled.",
                      code="invoice_upcoming_none", status=404)  # fmt: skip
    if details.get("cancel_now"):
        return _cancelled(mode, found, customer)
    specs = subscription_items.check_specs(mode, details.get("items", []), found)
    change = {name: details[name] for name in ("proration_behavior", "proration_date", "trial_end") if name in details}
    if details.get("billing_cycle_anchor") is not None:
        anchor = details["billing_cycle_anchor"]
        change["billing_cycle_anchor"] = anchor if isinstance(anchor, dict) else {"type": str(anchor)}
    if not specs and not change:
        return updates.upcoming(mode, found)
    invoice = updates.change(mode, found, change | {"items": specs}, [])
    return invoice if invoice is not None else updates.upcoming(mode, found)


def _cancelled(mode: Mode, found: Object, customer: Object) -> Object:
    now = mode.now(found["test_clock"])
    made = credits_of(mode, found, now) + usage_of(mode, found, now) + changes.take_pending_items(mode, found)
    return invoicing.create(mode, customer, made, reason="manual", currency=found["currency"], subscription=found,
                            period=(now, now))  # fmt: skip


def _new(mode: Mode, params: Object, details: Object) -> Object:
    """The first invoice of a subscription that does not exist, or the customer's pending items."""
    customer = customer_of(mode, params)
    _add_items(mode, customer, params, None)
    if details.get("items"):
        wanted = {name: details[name] for name in ("items", "trial_end", "proration_behavior") if name in details}
        made = subscription_starts.begin(mode, customer, wanted)
        return mode.get("invoice", made["latest_invoice"])
    existing = [each for each in mode.all("subscription", customer=customer["id"]) if each["status"] in
                {"active", "trialing", "past_due"}]  # fmt: skip
    if existing:
        first = min(existing, key=lambda each: cycles.period_end(mode, each))
        return updates.upcoming(mode, mode.get("subscription", first["id"]))
    currency = params.get("currency") or customer["currency"] or "eur"
    items = changes.take_items_of(mode, customer["id"], currency, {None})
    if not items:
        raise invalid(f"No upcoming invoices for customer: {customer['id']}", code="invoice_upcoming_none", status=404)
    return invoicing.create(mode, customer, items, reason="upcoming", currency=currency)


def _add_items(mode: Mode, customer: Object, params: Object, subscription: Object | None) -> None:
    from tests.stripe_server.objects.invoice_items import line_of  # noqa: PLC0415 -- only previews add items here

    for given in params.get("invoice_items", []):
        if "currency" not in given and "price" not in given and "price_data" not in given and subscription is None:
            raise missing_parameter("invoice_items[0][currency]")
        currency = given.get("currency") or (subscription or customer)["currency"]
        line = line_of(mode, customer, given | {"currency": currency})
        changes.add_pending_item(mode, customer, line, subscription["id"] if subscription else None)
