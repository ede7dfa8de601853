"""Buying credits: a hosted checkout for a top-up. What a browser says when it comes back is never trusted."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apim.access.models import Subscription
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.connection import Connection, require_connection
from apim.billing.credits.drawing import draw_usage
from apim.billing.credits.ledger import lock_account
from apim.billing.credits.settling import OUR_TOP_UP, sync_top_up
from apim.billing.credits.starting import start_credits
from apim.billing.credits.terms import included_of, obstacle_to_credits, offers_of, wanted_version
from apim.billing.customers import ensure_customer
from apim.billing.driver import DriverFailed, provider_failed
from apim.billing.models import TopUp
from apim.billing.standing import OUR_ID, Unmatched
from apim.errors import Conflict, Invalid
from apim.listing import enumerated
from apim.pricing.money import from_minor, money_text
from apim.products.models import PlanVersion


def open_top_up(
    *, subscription: Subscription, amount: int, keeps_card: bool, return_url: str, cancel_url: str, by: Actor
) -> TopUp:
    """The top-up with the address of the hosted page on which it is paid, `session_url`.

    Shapes: amount in minor units, one that the plan offers; keeps_card = the card may be charged unasked later.
    Errors: billing.not_connected, billing.no_credits, billing.amount_not_offered, billing.not_sellable,
    billing.provider_failed.
    """
    connection = require_connection()
    version = check_credits(subscription)
    check_offered(version, amount)
    with transaction.atomic():
        top_up = TopUp.objects.create(
            subscription=subscription,
            mode=connection.mode,
            kind=TopUp.Kind.CHECKOUT,
            bought=version,
            currency=version.terms.currency,
            amount=amount,
            keeps_card=keeps_card,
            made_by=by.label,
        )
        record(
            by=by,
            action="credits.open_top_up",
            target=top_up,
            after={"amount": amount, "currency": top_up.currency},
            organization_id=subscription.organization_id,
        )
    try:
        params = _session_params(connection, subscription, top_up)
        params |= {"success_url": return_url, "cancel_url": cancel_url}
        session = connection.driver.make("checkout.session", params, key=f"apim:top-up:{top_up.id}")
    except DriverFailed as failure:
        TopUp.objects.filter(pk=top_up.pk).update(state=TopUp.State.FAILED, error=str(failure)[:500])
        raise provider_failed(failure) from failure
    top_up.session_id, top_up.session_url = session["id"], session["url"] or ""
    top_up.save(update_fields=["session_id", "session_url"])
    return top_up


@transaction.atomic
def start_with_included(*, subscription: Subscription, by: Actor) -> Subscription:
    """The subscription, in force with the credits that its plan includes, without a payment.

    Errors: billing.no_credits, billing.not_sellable, billing.nothing_included.
    """
    version = check_credits(subscription)
    if not included_of(version.terms) or not subscription.awaits_payment:
        raise Conflict("billing.nothing_included", _("The plan begins with a top-up."), hint=_("Choose an amount."))
    subscription, account = lock_account(subscription.id)
    subscription = start_credits(subscription, account, version, by=by)
    draw_usage(subscription.id)
    return subscription


def look_after_top_ups(subscription: Subscription) -> None:
    """Ask Stripe itself about the top-ups that are open: who came back waits for no event. Errors: none."""
    try:
        connection = require_connection()
        lately = TopUp.objects.filter(subscription=subscription, state=TopUp.State.OPEN, mode=connection.mode)
        for top_up in lately.exclude(session_id="")[:5]:
            sync_top_up(connection, top_up)
    except (Conflict, DriverFailed, Unmatched):
        return  # the event will come


def check_credits(subscription: Subscription) -> PlanVersion:
    """The prepaid plan version that credits are bought for. Errors: billing.no_credits, billing.not_sellable."""
    version = wanted_version(subscription)
    is_waiting = subscription.lifecycle == Subscription.Lifecycle.PENDING and not subscription.awaits_payment
    if version.terms.prepaid is None or not subscription.is_live or is_waiting:
        raise Conflict(
            "billing.no_credits",
            _("The subscription of %(subscription)s takes no credits.") % {"subscription": subscription},
            hint=_("Credits are bought for a live subscription to a prepaid plan."),
        )
    if why := obstacle_to_credits(version.terms):
        raise Conflict("billing.not_sellable", why, hint=_("Ask the owner of the product."))
    return version


def check_offered(version: PlanVersion, amount: int) -> None:
    """Refuse an amount that the plan does not sell. Errors: Invalid billing.amount_not_offered."""
    offers = offers_of(version.terms)
    if amount not in offers:
        currency = version.terms.currency
        words = enumerated(money_text(from_minor(each, currency), currency) for each in offers)
        raise Invalid(
            "billing.amount_not_offered",
            _("The plan offers no top-up of this amount in %(currency)s.") % {"currency": currency},
            field="amount",
            hint=_("One of %(words)s.") % {"words": words},
        )


def _session_params(connection: Connection, subscription: Subscription, top_up: TopUp) -> dict[str, Any]:
    """Source: docs.stripe.com/api/checkout/sessions/create (mode `payment`, price_data, setup_future_usage)."""
    metadata = {OUR_ID: subscription.id, OUR_TOP_UP: top_up.id}
    intent: dict[str, Any] = {"metadata": metadata, "description": f"Credits for {subscription.product}"}
    if top_up.keeps_card:
        intent["setup_future_usage"] = "off_session"
    price = {
        "currency": top_up.currency.lower(),
        "unit_amount": top_up.amount,
        "product_data": {"name": f"Credits for {subscription.product}"},
    }
    return {
        "mode": "payment",
        "customer": ensure_customer(connection, subscription.organization),
        "client_reference_id": subscription.id,
        "line_items": [{"price_data": price, "quantity": 1}],
        "metadata": metadata,
        "payment_intent_data": intent,
        "billing_address_collection": "required",
        "customer_update": {"address": "auto", "name": "auto"},
        "tax_id_collection": {"enabled": True},
    }
