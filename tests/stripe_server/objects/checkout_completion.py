"""What a customer does on the checkout page.

Source: docs.stripe.com/payments/checkout/how-checkout-works, docs.stripe.com/checkout/fulfillment.
"""

from __future__ import annotations

from tests.stripe_server import cards
from tests.stripe_server.billing import collection, invoicing, payments
from tests.stripe_server.errors import StripeError, invalid
from tests.stripe_server.events import emit
from tests.stripe_server.objects import customers, payment_methods, setup_intents, subscription_starts
from tests.stripe_server.store import Mode, Object


def needs_card(session: Object) -> bool:
    """Whether the page asks for a card."""
    return session["payment_method_collection"] == "always" or session["payment_status"] != "no_payment_required"


def complete(mode: Mode, key: str, form: dict[str, str]) -> Object:
    """The session, complete.

    Errors: StripeError with the sentence for the page, when the card is declined; nothing is changed then.
    """
    session = mode.get("checkout.session", key, status=404)
    if session["status"] != "open":
        raise invalid("You're all done here: this Checkout Session is no longer open.")
    try:
        _complete(mode, session, form)
    except StripeError as error:
        error.keeps_changes = False
        raise
    return session


def _complete(mode: Mode, session: Object, form: dict[str, str]) -> None:
    details = {"email": form.get("email") or session["customer_email"], "name": form.get("name") or None}
    method = None
    if form.get("number"):
        method = payment_methods.make(mode, cards.numbered(form["number"]), details=dict(details))
        if not cards.CARDS[method["_number"]].attaches:
            raise cards.declined(cards.CARDS[method["_number"]].decline)
    elif needs_card(session):
        raise invalid("Your card number is incomplete.", param="number")
    customer = _customer(mode, session, details)
    if customer is not None:
        session["customer"] = customer["id"]
        details = {"email": customer["email"] or details["email"], "name": details["name"] or customer["name"]}
    session["customer_details"] = details | {"address": None, "business_name": None, "individual_name": None,
                                             "phone": None, "tax_exempt": "none", "tax_ids": []}  # fmt: skip
    {"subscription": _subscribe, "payment": _pay, "setup": _set_up}[session["mode"]](mode, session, customer, method)
    session |= {"status": "complete", "url": None}
    emit(mode, "checkout.session.completed", session)


def _customer(mode: Mode, session: Object, details: Object) -> Object | None:
    if session["customer"]:
        return mode.get("customer", session["customer"])
    if session["mode"] == "setup" or (session["mode"] == "payment" and session["customer_creation"] != "always"):
        return None
    return customers.create_customer(mode, {name: value for name, value in details.items() if value})


def _subscribe(mode: Mode, session: Object, customer: Object | None, method: Object | None) -> None:
    if customer is None:
        return
    wanted = dict(session["_params"].get("subscription_data") or {})
    recurring = [item for item in session["_items"] if mode.objects["price"][item["price"]]["recurring"]]
    one_time = [item for item in session["_items"] if item not in recurring]
    specs = [{name: value for name, value in item.items() if value is not None} for item in recurring]
    if method is not None:
        payment_methods.attach(mode, method, customer)
        method["_is_set_up"] = True
    activated = _activate(mode, [*recurring, *one_time])
    made = subscription_starts.begin(
        mode,
        customer,
        wanted | {"items": specs, "add_invoice_items": one_time} if one_time else wanted | {"items": specs},
    )
    for price in activated:
        price["active"] = False
    if method is not None:
        made["default_payment_method"] = method["id"]
        made["pending_setup_intent"] = None
    session |= {"subscription": made["id"], "invoice": made["latest_invoice"]}
    invoice = mode.get("invoice", made["latest_invoice"])
    if invoice["status"] == "draft":
        _collect(mode, invoice, method)
    if session["payment_status"] != "no_payment_required":
        session["payment_status"] = "paid"


def _activate(mode: Mode, items: list[Object]) -> list[Object]:
    """Prices archived while the page was open can still be bought there, as can prices made for the session."""
    found = [mode.get("price", item["price"]) for item in items]
    archived = [price for price in found if not price["active"]]
    for price in archived:
        price["active"] = True
    return archived


def _collect(mode: Mode, invoice: Object, method: Object | None) -> None:
    """Pay the first invoice with its holder present."""
    invoicing.finalize(mode, invoice)
    if invoice["status"] == "paid":
        collection.paid(mode, invoice)
        return
    intent = invoicing.intent_of(mode, invoice)
    if intent is None or method is None:
        raise invalid("Your card number is incomplete.", param="number")
    invoice |= {"attempt_count": 1, "attempted": True}
    error = _confirm(mode, intent, method)
    if error is not None:
        raise error
    invoicing.mark_paid(mode, invoice)
    collection.paid(mode, invoice)


def _confirm(mode: Mode, intent: Object, method: Object) -> StripeError | None:
    """The page has let the holder authenticate before it sent the form."""
    error = payments.confirm(mode, intent, method, off_session=False)
    if intent["status"] == "requires_action":
        return payments.authenticated(mode, intent, is_successful=True)
    return error


def _pay(mode: Mode, session: Object, customer: Object | None, method: Object | None) -> None:
    if method is None:
        raise invalid("Your card number is incomplete.", param="number")
    wanted = session["_params"].get("payment_intent_data") or {}
    if (session["_params"].get("invoice_creation") or {}).get("enabled") and customer is not None:
        _pay_by_invoice(mode, session, customer, method)
        return
    intent = payments.create_intent(
        mode, session["amount_total"], session["currency"], customer=customer["id"] if customer else None,
        metadata=dict(wanted.get("metadata", {})), description=wanted.get("description"),
        setup_future_usage=wanted.get("setup_future_usage"),
    )  # fmt: skip
    error = _confirm(mode, intent, method)
    if error is not None:
        raise error
    _save(mode, customer, method, wanted)
    session |= {"payment_intent": intent["id"], "payment_status": "paid"}


def _save(mode: Mode, customer: Object | None, method: Object, wanted: Object) -> None:
    if customer is not None and wanted.get("setup_future_usage"):
        payment_methods.attach(mode, method, customer)
        method["_is_set_up"] = True


def _pay_by_invoice(mode: Mode, session: Object, customer: Object, method: Object) -> None:
    """Source: docs.stripe.com/payments/checkout/receipts#paid-invoices (invoice_creation)."""
    from tests.stripe_server.billing import lines  # noqa: PLC0415 -- only here a page makes lines

    now = mode.now(customer.get("test_clock"))
    made = [
        lines.one_off(mode, mode.objects["price"][item["price"]], item["quantity"], now, now)
        for item in session["_items"]
    ]
    given = session["_params"]["invoice_creation"].get("invoice_data") or {}
    invoice = invoicing.create(mode, customer, made, reason="manual", currency=session["currency"],
                               metadata=dict(given.get("metadata", {})))  # fmt: skip
    payment_methods.attach(mode, method, customer)
    method["_is_set_up"] = True
    _collect(mode, invoice, method)
    session |= {"invoice": invoice["id"], "payment_intent": invoice.get("_intent"), "payment_status": "paid"}


def _set_up(mode: Mode, session: Object, customer: Object | None, method: Object | None) -> None:
    if method is None:
        raise invalid("Your card number is incomplete.", param="number")
    wanted = session["_params"].get("setup_intent_data") or {}
    intent = setup_intents.create(mode, customer, metadata=dict(wanted.get("metadata", {})))
    intent["payment_method"] = method["id"]
    error = setup_intents.settle(mode, intent, method)
    if error is not None:
        raise error
    session |= {"setup_intent": intent["id"], "payment_status": "no_payment_required"}
