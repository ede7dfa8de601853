"""The billing portal's page: change the card, see and pay invoices. Source: docs.stripe.com/customer-management."""

from __future__ import annotations

import html
from typing import Any

from tests.stripe_server import cards
from tests.stripe_server.errors import StripeError
from tests.stripe_server.events import emit
from tests.stripe_server.objects import payment_methods
from tests.stripe_server.pages import Page, alert, card_fields, layout, redirect, shown_amount
from tests.stripe_server.store import Mode, Object


def portal_page(mode: Mode, session: Object, message: str = "") -> Page:
    """Saved cards, a form for a new one, and invoices."""
    customer = mode.objects["customer"][session["customer"]]
    default = customer["invoice_settings"]["default_payment_method"]
    marks = {default: " (default)"}
    methods = "".join(
        f"<tr><td>{each['card']['brand']} •••• {each['card']['last4']}{marks.get(each['id'], '')}</td>"
        f'<td><form method="post"><button name="remove" value="{each["id"]}">Remove</button></form></td></tr>'
        for each in mode.all("payment_method", customer=customer["id"])
    )
    invoices = "".join(
        f'<tr><td><a href="/invoices/{each["id"]}">{html.escape(str(each["number"]))}</a></td><td>{each["status"]}</td>'
        f"<td>{shown_amount(each['total'], each['currency'])}</td></tr>"
        for each in mode.all("invoice", customer=customer["id"])
        if each["number"]
    )
    back = f'<p><a href="{html.escape(session["return_url"])}">Return</a></p>' if session["return_url"] else ""
    return layout(
        "Billing",
        f"{alert(message)}<h2>Payment methods</h2><table>{methods}</table>"
        f'<h2>New card</h2><form method="post">{card_fields({})}<button>Save card</button></form>'
        f"<h2>Invoices</h2><table><tr><th>Number</th><th>Status</th><th>Total</th></tr>{invoices}</table>{back}",
        status=402 if message else 200,
    )


def portal_form(state: Any, mode: Mode, key: str, form: dict[str, str]) -> Page:
    """Save a new default card, or remove one."""
    session = mode.objects["billing_portal.session"][key]
    try:
        state.change(mode, _change, session["customer"], form)
    except StripeError as error:
        return portal_page(mode, session, str(error))
    flow = session["flow"] or {}
    after = (flow.get("after_completion") or {}).get("redirect")
    return redirect(after["return_url"] if after else f"/p/session/{key}")


def _change(mode: Mode, customer: str, form: dict[str, str]) -> None:
    owner = mode.get("customer", customer)
    if "remove" in form:
        payment_methods.detach_payment_method(mode, {}, form["remove"])
        return
    method = payment_methods.make(mode, cards.numbered(form.get("number", "")), details={"name": form.get("name")})
    payment_methods.attach(mode, method, owner)
    method["_is_set_up"] = True
    owner["invoice_settings"]["default_payment_method"] = method["id"]
    emit(mode, "customer.updated", owner)
