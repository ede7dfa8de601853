"""The lines of an invoice, before they belong to one.

Source: docs.stripe.com/api/invoice-line-item/object, docs.stripe.com/billing/subscriptions/prorations.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from tests.stripe_server.billing.amounts import parts_of, total_of
from tests.stripe_server.billing.usage import used
from tests.stripe_server.money import round_line
from tests.stripe_server.store import Mode, Object


def price_of(mode: Mode, item: Object) -> Object:
    return mode.objects["price"][item["price"]]


def is_metered(mode: Mode, item: Object) -> bool:
    return bool(price_of(mode, item)["recurring"]["usage_type"] == "metered")


def product_name(mode: Mode, price: Object) -> str:
    return str(mode.objects["product"][price["product"]]["name"])


def advance(mode: Mode, item: Object, start: int, end: int) -> list[Object]:
    """A licensed item's lines for a period to come."""
    return _parts(mode, item, Decimal(item["quantity"]), start, end)


def trial(mode: Mode, item: Object, start: int, end: int) -> list[Object]:
    """The line of nothing that a trial period has."""
    price = price_of(mode, item)
    text = f"Trial period for {product_name(mode, price)}"
    return [_line(price, 0, Decimal(item["quantity"] or 0), Decimal(0), text, start, end, item)]


def arrears(mode: Mode, item: Object, customer: str, start: int, end: int) -> list[Object]:
    """A metered item's lines for a period that is over."""
    price = price_of(mode, item)
    start = max(start, item.get("_usage_from") or start)
    if start >= end:
        return []  # billed already, when the price changed
    quantity = used(mode, price, customer, start, end)
    return _parts(mode, item, quantity, start, end)


def _parts(mode: Mode, item: Object, quantity: Decimal, start: int, end: int) -> list[Object]:
    price = price_of(mode, item)
    name, per = product_name(mode, price), _per(price)
    return [
        _line(
            price, part.amount, part.quantity, part.unit_amount,
            f"{part.quantity} \u00d7 {name} ({part.note + ' ' if part.note else ''}at {per})",
            start, end, item,
        )
        for part in parts_of(price, quantity)
    ]  # fmt: skip


def proration(mode: Mode, item: Object, *, at: int, is_credit: bool) -> Object | None:
    """The credit for unused time, or the charge for the time that remains, of a licensed item.

    Source: docs.stripe.com/billing/subscriptions/prorations#how-prorations-work: to the second.
    """
    price = price_of(mode, item)
    start, end = item["current_period_start"], item["current_period_end"]
    if end <= start or at >= end:
        return None
    whole = total_of(price, Decimal(item["quantity"]))
    if is_credit and item.get("_paid") is not None:
        whole = item["_paid"]  # flexible billing mode: what was debited is credited
    share = Decimal(whole) * (end - max(at, start)) / (end - start)
    amount = round_line(share, price["currency"])
    day = datetime.fromtimestamp(at, UTC).strftime("%d %b %Y")
    name = product_name(mode, price)
    times = f"{item['quantity']} \u00d7 " if item["quantity"] != 1 else ""
    text = f"Unused time on {times}{name} after {day}" if is_credit else f"Remaining time on {times}{name} after {day}"
    unit = Decimal(price["unit_amount_decimal"] or 0)
    signed = -amount if is_credit else amount
    made = _line(price, signed, Decimal(item["quantity"]), unit, text, max(at, start), end, item)
    made["_is_proration"] = True
    return made


def one_off(mode: Mode, price: Object, quantity: int, start: int, end: int, metadata: Object | None = None) -> Object:
    """The line of a price that does not recur."""
    amount = total_of(price, Decimal(quantity))
    made = _line(
        price, amount, Decimal(quantity), Decimal(price["unit_amount_decimal"] or 0), product_name(mode, price),
        start, end, None,
    )  # fmt: skip
    return made | {"metadata": metadata or {}, "discountable": True}


def _per(price: Object) -> str:
    recurring = price.get("recurring") or {}
    unit = price.get("unit_amount_decimal")
    amount = f"{unit} {price['currency'].upper()}" if unit is not None else price["currency"].upper()
    return f"{amount} / {recurring.get('interval', 'once')}"


def _line(
    price: Object, amount: int, quantity: Decimal, unit: Decimal | None, text: str, start: int, end: int,
    item: Object | None,
) -> Object:  # fmt: skip
    whole = int(quantity)
    return {
        "amount": amount,
        "subtotal": amount,
        "currency": price["currency"],
        "description": text,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "metadata": dict(item["metadata"]) if item else {},
        "period": {"start": start, "end": end},
        "pretax_credit_amounts": [],
        "pricing": {
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": None if unit is None else format(unit.normalize(), "f"),
        },
        "quantity": whole,
        "quantity_decimal": format(quantity.normalize(), "f") if quantity else "0",
        "taxes": [],
        "_item": item["id"] if item else None,
        "_subscription": item["subscription"] if item else None,
        "_is_proration": False,
    }
