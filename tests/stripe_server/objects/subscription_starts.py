"""How a subscription begins: its fields, items and first invoice.

Source: docs.stripe.com/api/subscriptions/create, docs.stripe.com/billing/subscriptions/billing-cycle.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tests.stripe_server.billing import changes, cycles, invoicing, lines
from tests.stripe_server.billing.periods import period_at
from tests.stripe_server.errors import invalid
from tests.stripe_server.events import emit
from tests.stripe_server.objects import payment_methods, subscription_items
from tests.stripe_server.objects.setup_intents import create_for_subscription
from tests.stripe_server.parameters import metadata, one_of, only, put
from tests.stripe_server.store import Mode, Object

_LONGEST_TRIAL_S = 5 * 366 * 86400


def begin(mode: Mode, customer: Object, params: Object) -> Object:
    """A subscription with its items and the draft of its first invoice; a trial is settled at once."""
    clock = customer.get("test_clock")
    now = mode.now(clock)
    specs = subscription_items.check_specs(mode, params["items"])
    currency = _currency(mode, customer, specs, params)
    trial_end = _trial_end(params, now)
    made = mode.add("subscription", _fields(mode, customer, params, currency, trial_end, now), clock=clock)
    interval, count = _interval(mode, specs)
    anchor = _anchor(params, now, trial_end)
    made["billing_cycle_anchor"] = anchor
    end = trial_end or period_at(anchor, interval, count, now)[1]
    for spec in specs:
        changes.add_item(mode, made, spec, (now, end))
    customer["currency"] = currency
    set_cancel(mode, made, params)
    first = _first_lines(mode, made, params, now, end, interval, count)
    first += one_offs(mode, params, made, now, end)
    first += changes.take_items_of(mode, customer["id"], currency, {None})
    emit(mode, "customer.subscription.created", made)
    invoice = invoicing.create(
        mode, customer, first, reason="subscription_create", currency=currency, subscription=made,
        default_payment_method=None, _days_until_due=params.get("days_until_due"),
    )  # fmt: skip
    made["latest_invoice"] = invoice["id"]
    if trial_end is not None and invoice["amount_due"] == 0:
        invoicing.finalize(mode, invoice)
        if not _has_method(mode, made, customer):
            made["pending_setup_intent"] = create_for_subscription(mode, customer)["id"]
        emit(mode, "customer.subscription.updated", made)
    return made


def _has_method(_mode: Mode, made: Object, customer: Object) -> bool:
    return bool(made["default_payment_method"] or customer["invoice_settings"]["default_payment_method"])


def _fields(mode: Mode, customer: Object, params: Object, currency: str, trial_end: int | None, now: int) -> Object:
    settings = params.get("payment_settings") or {}
    behavior = (params.get("trial_settings") or {}).get("end_behavior", {}).get("missing_payment_method")
    method = params.get("default_payment_method")
    if method:
        method = attached(mode, method, customer)
    return {
        "automatic_tax": {"enabled": False, "liability": None, "disabled_reason": None},
        "billing_mode": _billing_mode(params),
        "billing_schedules": [],
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
        "collection_method": params.get("collection_method", "charge_automatically"),
        "currency": currency,
        "customer": customer["id"],
        "days_until_due": params.get("days_until_due"),
        "default_payment_method": method,
        "default_tax_rates": [],
        "description": params.get("description") or None,
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "custom_fields": None, "description": None, "footer": None,
                             "issuer": {"type": "self"}},
        "latest_invoice": None,
        "metadata": metadata(None, params.get("metadata")),
        "pause_collection": None,
        "payment_settings": {"payment_method_options": None,
                             "payment_method_types": settings.get("payment_method_types"),
                             "save_default_payment_method": settings.get("save_default_payment_method", "off")},
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "trialing" if trial_end else "incomplete",
        "status_details": None,
        "test_clock": customer.get("test_clock"),
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": behavior or "create_invoice"}},
        "trial_start": now if trial_end else None,
    }  # fmt: skip


def _billing_mode(params: Object) -> Object:
    """Flexible by default. Source: docs.stripe.com/changelog/clover/2025-09-30/billing-mode-default-flexible."""
    kind = (params.get("billing_mode") or {}).get("type", "flexible")
    flexible = {"proration_discounts": "included"} if kind == "flexible" else None
    return {"type": kind, "flexible": flexible}


def attached(mode: Mode, key: str, customer: Object) -> str:
    method = payment_methods.find(mode, key, "default_payment_method")
    if method["customer"] != customer["id"]:
        raise invalid(
            f"The customer does not have a payment method with the ID {key}. The payment method must be attached to "
            "the customer.",
            param="default_payment_method",
            code="resource_missing",
        )
    return str(method["id"])


def _currency(mode: Mode, customer: Object, specs: list[Object], params: Object) -> str:
    """Source: docs.stripe.com/billing/customer#currency: one currency a customer while anything is open."""
    currencies = {mode.objects["price"][spec["price"]]["currency"] for spec in specs}
    if len(currencies) > 1 or ("currency" in params and {params["currency"]} != currencies):
        raise invalid(f"The price specified only supports `{min(currencies)}`.", param="items")
    currency = str(currencies.pop())
    active = [each for each in mode.all("subscription", customer=customer["id"]) if each["status"] in
              {"active", "trialing", "past_due", "unpaid", "incomplete", "paused"}]  # fmt: skip
    if customer["currency"] not in {None, currency} and (active or customer["balance"]):
        raise invalid(
            "You cannot combine currencies on a single customer. This customer has an active subscription, "
            f"subscription schedule, discount, quote, or invoice item with currency {customer['currency']}."
        )
    return currency


def _interval(mode: Mode, specs: list[Object]) -> tuple[str, int]:
    found = {
        (recurring["interval"], recurring["interval_count"])
        for recurring in (mode.objects["price"][spec["price"]]["recurring"] for spec in specs)
    }
    if len(found) > 1:
        raise invalid(
            "Currently, all recurring prices on this stand-in's subscriptions must have the same interval "
            "(`recurring[interval]` and `recurring[interval_count]`).",
            param="items",
        )
    return found.pop()


def _trial_end(params: Object, now: int) -> int | None:
    given = one_of(params, "trial_end", "trial_period_days")
    if given is None or params[given] == "now":
        return None
    if given == "trial_period_days":
        days = int(params[given])
        if days < 1:
            raise invalid("The minimum number of trial period days is 1.", param=given)
        return now + days * 86400
    end = int(params["trial_end"])
    if end <= now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    if end > now + _LONGEST_TRIAL_S:
        raise invalid("Invalid timestamp: can be no more than five years in the future", param="trial_end")
    return end


def _anchor(params: Object, now: int, trial_end: int | None) -> int:
    config = params.get("billing_cycle_anchor_config")
    if config is not None:
        day = datetime.fromtimestamp(now, UTC)
        first = day.replace(day=1, hour=config.get("hour", day.hour), minute=config.get("minute", day.minute))
        anchor = int(first.timestamp()) + (min(config["day_of_month"], 28) - 1) * 86400
        return anchor if anchor > now else period_at(anchor, "month", 1, now)[1]
    given = params.get("billing_cycle_anchor")
    if isinstance(given, int):
        if given <= now:
            raise invalid("billing_cycle_anchor must be in the future.", param="billing_cycle_anchor")
        return given
    return trial_end or now


def _first_lines(
    mode: Mode, made: Object, params: Object, now: int, end: int, interval: str, count: int
) -> list[Object]:
    items = cycles.items_of(mode, made)
    if made["status"] == "trialing":
        return [line for item in items for line in lines.trial(mode, item, now, end)]
    licensed = [item for item in items if not lines.is_metered(mode, item)]
    anchor = made["billing_cycle_anchor"]
    if anchor == now:
        return [line for item in licensed for line in lines.advance(mode, item, now, end)]
    if params.get("proration_behavior") == "none":
        return []
    start = period_at(anchor, interval, count, now)[0]
    found = []
    for item in licensed:  # the share of a whole period that is left of this one
        whole = item | {"current_period_start": start}
        line = lines.proration(mode, whole, at=now, is_credit=False)
        if line is not None:
            mode.get("subscription_item", item["id"])["_paid"] = line["amount"]
            found.append(line)
    return found


def one_offs(mode: Mode, params: Object, made: Object, now: int, end: int) -> list[Object]:
    """The lines of `add_invoice_items`: prices that do not recur."""
    found = []
    for given in params.get("add_invoice_items", []):
        only(given, "price", "price_data", "quantity", "metadata")
        price = subscription_items.price_of(mode, given, "add_invoice_items", is_recurring=False)
        if price["type"] != "one_time":
            raise invalid(
                "The price specified is set to `type=recurring` but this field only accepts prices with "
                "`type=one_time`.",
                param="add_invoice_items[0][price]",
            )
        if price["currency"] != made["currency"]:
            raise invalid(f"The price specified only supports `{price['currency']}`.", param="add_invoice_items")
        line = lines.one_off(mode, price, given.get("quantity", 1), now, end, given.get("metadata"))
        found.append(line | {"_subscription": made["id"]})
    return found


def set_cancel(mode: Mode, found: Object, params: Object) -> None:
    now = mode.now(found["test_clock"])
    details = params.get("cancellation_details") or {}
    put(found["cancellation_details"], details, "comment", "feedback")
    if "cancel_at_period_end" in params:
        is_on = params["cancel_at_period_end"]
        found["cancel_at_period_end"] = is_on
        found |= {"cancel_at": cycles.period_end(mode, found) if is_on else None, "canceled_at": now if is_on else None}
    if "cancel_at" in params:
        given = params["cancel_at"]
        if given in {"min_period_end", "max_period_end", "max_billed_until"}:
            given = cycles.period_end(mode, found)
        if isinstance(given, int) and given <= now:
            raise invalid("cancel_at must be in the future.", param="cancel_at")
        found |= {"cancel_at": given or None, "canceled_at": now if given else None, "cancel_at_period_end": False}
    if found["cancel_at"] is not None:
        found["cancellation_details"]["reason"] = "cancellation_requested"
    elif "cancel_at" in params or "cancel_at_period_end" in params:
        found["cancellation_details"] |= {"reason": None, "comment": None, "feedback": None}
