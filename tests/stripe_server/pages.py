"""The pages a customer sees: checkout, authentication, invoices. Plain forms; they work without JavaScript.

Source: docs.stripe.com/payments/checkout, docs.stripe.com/invoicing/hosted-invoice-page,
docs.stripe.com/testing#3d-secure.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.stripe_server import cards
from tests.stripe_server.billing import collection, invoicing, payments
from tests.stripe_server.errors import StripeError
from tests.stripe_server.money import THREE_DECIMAL, ZERO_DECIMAL
from tests.stripe_server.objects import checkout_completion, payment_intents, payment_methods, setup_intents
from tests.stripe_server.objects.checkout import line_items_of
from tests.stripe_server.store import Mode, Object

BANNER = "Test payments: no money moves. This page stands in for Stripe."
_STYLE = """
:root{color-scheme:light dark}a{color:inherit}
body{background:Canvas;color:CanvasText;font:16px/1.5 system-ui,sans-serif;margin:0}
header{background:#8a5200;color:#fff;padding:.5rem 1rem;font-weight:600}
main{max-width:34rem;margin:1.5rem auto;padding:0 1rem}
label{display:block;margin:.75rem 0 .25rem}input{font:inherit;padding:.5rem;width:100%;box-sizing:border-box}
button{font:inherit;padding:.6rem 1.2rem;margin:1rem .5rem 0 0}
table{width:100%;border-collapse:collapse}td,th{text-align:left;padding:.35rem 0}
td:last-child,th:last-child{text-align:right}
[role=alert]{border-left:4px solid #b3261e;padding:.5rem 1rem}
"""


@dataclass(slots=True)
class Page:
    """What a browser gets: a page, or where to go."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def layout(title: str, content: str, *, status: int = 200) -> Page:
    """A page with the banner that says what this is."""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
        f"</head><body><header>{BANNER}</header>"
        f"<main><h1>{html.escape(title)}</h1>{content}</main></body></html>"
    )
    return Page(status, text, {"Content-Type": "text/html; charset=utf-8"})


def redirect(url: str) -> Page:
    return Page(303, "", {"Location": url})


def shown_amount(amount: int, currency: str) -> str:
    """An amount as people read it."""
    places = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    return f"{Decimal(amount).scaleb(-places):,.{places}f} {currency.upper()}"


def card_fields(values: dict[str, str]) -> str:
    """The inputs of a card."""
    fields = (("number", "Card number", "cc-number", "numeric"), ("expiry", "Expires (MM / YY)", "cc-exp", "numeric"),
              ("cvc", "Security code", "cc-csc", "numeric"), ("name", "Name on card", "cc-name", "text"))  # fmt: skip
    return "".join(
        f'<label for="{name}">{text}</label><input id="{name}" name="{name}" autocomplete="{complete}" '
        f'inputmode="{mode}" value="{html.escape(values.get(name, ""))}">'
        for name, text, complete, mode in fields
    )


def alert(message: str) -> str:
    return f'<p role="alert">{html.escape(message)}</p>' if message else ""


def _needs_holder(form: dict[str, str]) -> bool:
    number = form.get("number", "").replace(" ", "")
    return number in cards.CARDS and bool(cards.CARDS[number].authentication) and "authenticated" not in form


def challenge(form: dict[str, str]) -> Page:
    """The issuer's page, between the form and the payment."""
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in form.items()
    )
    return layout(
        "Authenticate the payment",
        f'<p>The bank of this test card asks who you are.</p><form method="post">{hidden}'
        '<button name="authenticated" value="yes">Complete authentication</button>'
        '<button name="authenticated" value="no">Fail authentication</button></form>',
    )


_FAILED = "We are unable to authenticate your payment method. Please choose a different payment method and try again."


def checkout_page(mode: Mode, session: Object, message: str = "", values: dict[str, str] | None = None) -> Page:
    """What is bought, and the card form."""
    if session["status"] != "open":
        said = "This payment is complete." if session["status"] == "complete" else "This page has expired."
        return layout("Checkout", f"<p>{said}</p>", status=410 if session["status"] == "expired" else 200)
    values = values or {}
    rows = "".join(
        f"<tr><td>{html.escape(item['description'])}</td><td>{item['quantity'] or 'by usage'}</td>"
        f"<td>{shown_amount(item['amount_total'], item['currency'])}</td></tr>"
        for item in (line_items_of(mode, {"id": session["id"]})["data"] if session["mode"] != "setup" else [])
    )
    table = f"<table><caption>Order</caption><tr><th>Item</th><th>Quantity</th><th>Amount</th></tr>{rows}</table>"
    total = session["amount_total"]
    due = f"<p>Due today: <strong>{shown_amount(total, session['currency'])}</strong></p>" if total is not None else ""
    email = values.get("email") or session["customer_email"] or ""
    address = (
        ""
        if session["customer"]
        else (
            f'<label for="email">Email</label><input id="email" name="email" type="email" autocomplete="email" '
            f'value="{html.escape(email)}" required>'
        )
    )
    card = card_fields(values) if checkout_completion.needs_card(session) else ""
    verb = {"subscription": "Subscribe", "payment": "Pay", "setup": "Save card"}[session["mode"]]
    form = (
        f'<form method="post" action="/c/pay/{session["id"]}">{address}{card}'
        f'<button name="action" value="pay">{verb}</button>'
        '<button name="action" value="cancel" formnovalidate>Cancel</button></form>'
    )
    return layout("Checkout", alert(message) + (table if rows else "") + due + form, status=402 if message else 200)


def checkout_form(state: Any, mode: Mode, key: str, form: dict[str, str]) -> Page:
    """Pay, decline or cancel."""
    session = mode.objects["checkout.session"][key]
    if form.get("action") == "cancel":
        return redirect(session["cancel_url"] or session["success_url"])
    if _needs_holder(form):
        return challenge(form)
    if form.get("authenticated") == "no":
        return checkout_page(mode, session, _FAILED, form)
    try:
        made = state.change(mode, checkout_completion.complete, key, form)
    except StripeError as error:
        return checkout_page(mode, mode.objects["checkout.session"][key], str(error), form)
    return redirect(made["success_url"].replace("{CHECKOUT_SESSION_ID}", key))


def invoice_page(mode: Mode, invoice: Object, message: str = "") -> Page:
    """The hosted invoice: its lines, and a form to pay it."""
    rows = "".join(
        f"<tr><td>{html.escape(str(line['description']))}</td><td>{line['quantity']}</td>"
        f"<td>{shown_amount(line['amount'], line['currency'])}</td></tr>"
        for line in invoicing.lines_of(mode, invoice)
    )
    due = shown_amount(invoice["amount_remaining"], invoice["currency"])
    table = (
        f"<table><tr><th>Item</th><th>Quantity</th><th>Amount</th></tr>{rows}</table><p>Status: {invoice['status']}</p>"
    )
    form = ""
    if invoice["status"] == "open":
        form = (
            f'<p>Due: <strong>{due}</strong></p><form method="post">{card_fields({})}<button>Pay {due}</button></form>'
        )
    return layout(
        f"Invoice {invoice['number'] or 'draft'}", alert(message) + table + form, status=402 if message else 200
    )


def invoice_form(state: Any, mode: Mode, key: str, form: dict[str, str]) -> Page:
    """Pay the hosted invoice with a card; the card is saved."""
    if _needs_holder(form):
        return challenge(form)
    if form.get("authenticated") == "no":
        return invoice_page(mode, mode.objects["invoice"][key], _FAILED)
    try:
        state.change(mode, _pay_invoice, key, form)
    except StripeError as error:
        return invoice_page(mode, mode.objects["invoice"][key], str(error))
    return redirect(f"/invoices/{key}")


def _pay_invoice(mode: Mode, key: str, form: dict[str, str]) -> None:
    invoice = mode.get("invoice", key)
    method = payment_methods.make(mode, cards.numbered(form.get("number", "")), details={"name": form.get("name")})
    payment_methods.attach(mode, method, mode.get("customer", invoice["customer"]))
    method["_is_set_up"] = True
    error = collection.pay(mode, invoice, method, off_session=False, is_automatic=False)
    intent = invoicing.intent_of(mode, invoice)
    if intent is not None and intent["status"] == "requires_action":
        error = payments.authenticated(mode, intent, is_successful=True)
        payment_intents.after_success(mode, intent)
    if error is not None:
        raise error


def authentication_page(mode: Mode, key: str) -> Page:
    """What `next_action.redirect_to_url` leads to."""
    kind = "setup_intent" if key.startswith("seti_") else "payment_intent"
    if mode.objects[kind][key]["status"] != "requires_action":
        return layout("Authentication", "<p>There is nothing to authenticate.</p>")
    return challenge({})


def authentication_form(state: Any, mode: Mode, key: str, form: dict[str, str]) -> Page:
    """Complete or fail, and back to `return_url`."""
    state.change(mode, _authenticate, key, form.get("authenticated") == "yes")
    kind = "setup_intent" if key.startswith("seti_") else "payment_intent"
    url = mode.objects[kind][key].get("_return_url")
    return redirect(url) if url else layout("Authentication", "<p>Done. You can close this page.</p>")


def _authenticate(mode: Mode, key: str, is_successful: bool) -> None:
    if key.startswith("seti_"):
        intent = mode.get("setup_intent", key)
        if is_successful:
            setup_intents.settle(mode, intent, mode.get("payment_method", intent["payment_method"]))
        else:
            intent |= {"status": "requires_payment_method", "next_action": None, "payment_method": None}
        return
    intent = mode.get("payment_intent", key)
    payments.authenticated(mode, intent, is_successful=is_successful)
    payment_intents.after_success(mode, intent)
