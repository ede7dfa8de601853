"""Resuming: a trial that ended without a card goes on once there is one, and only after the first payment was made.

Source: docs.stripe.com/billing/subscriptions/trials/free-trials (resume a paused subscription): a card that is added
does not resume anything by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.utils import timezone

from apim.billing.connection import Connection
from apim.billing.driver import DriverFailed, Object
from apim.billing.models import BillingSubscription, CreditAccount, Customer, TopUp
from apim.billing.standing import sync_subscription

logger = logging.getLogger(__name__)

NOTHING: Final = "Nothing depends on it here."
_PAUSED: Final = "paused"
_WITHOUT_CARD: Final = ("trialing", _PAUSED)
_PAGE_LASTS: Final = timedelta(hours=24)  # of a checkout, unless another time was asked for


def take_in_card(connection: Connection, customer_id: str, attached: str = "") -> str:
    """What a card of the customer led to: English sentences, one a line.

    Shapes: attached = the id of a card that was saved just now, which may be nobody's default yet.
    Errors: DriverFailed; Unmatched. A card that is declined is none: it waits for another one.
    """
    payer = Customer.objects.filter(mode=connection.mode, stripe_id=customer_id).first()
    if payer is None:
        return NOTHING
    cards = [each["id"] for each in connection.driver.list("payment_method", {"customer": customer_id})]
    Customer.objects.filter(pk=payer.pk).update(has_card=bool(cards))
    if not cards:
        return f"{payer.organization_id} has no card now."
    bought = BillingSubscription.objects.filter(
        mode=connection.mode, subscription__organization=payer.organization_id
    ).exclude(stripe_id="")
    if attached not in cards or _is_of_a_checkout(connection, bought, payer, attached):
        attached = ""
    without = bought.filter(status__in=_WITHOUT_CARD).values_list("stripe_id", flat=True)
    told = [resume_with_card(connection, stripe_id, attached) for stripe_id in without]
    return "\n".join(filter(None, told)) or NOTHING


def resume_with_card(connection: Connection, stripe_id: str, attached: str = "") -> str:
    """What became of a trial for which there may be a card now, in words; "" when there is none.

    Errors: DriverFailed; Unmatched.
    """
    driver = connection.driver
    found = driver.find("subscription", stripe_id)
    if found["status"] not in _WITHOUT_CARD:
        return ""
    chosen = card_of(driver.find("customer", _text(found["customer"]))["invoice_settings"])
    card = chosen or attached or card_of(found)
    if not card:
        return ""
    if card != card_of(found) and (card_of(found) or not chosen):  # else Stripe takes the customer's own by itself
        driver.change("subscription", stripe_id, {"default_payment_method": card})
    if found["status"] != _PAUSED:
        return f"{stripe_id} is charged from the card when its trial ends."
    why = _pay_first_invoice(connection, found, card)
    mirror = sync_subscription(connection, stripe_id)
    return f"{mirror.subscription_id} is {mirror.status} at Stripe.\n{why}".strip()


def _pay_first_invoice(connection: Connection, found: Object, card: str) -> str:
    """Why the trial does not go on; "" when it does. Another card is another try, the same one is none."""
    driver, stripe_id = connection.driver, str(found["id"])
    latest = driver.find("invoice", _text(found["latest_invoice"])) if found.get("latest_invoice") else None
    try:
        if latest is None or latest["status"] != "open":
            params = {"payment_behavior": "resume_on_payment_success"}
            key = f"apim:resume:{stripe_id}:{_text(found.get('latest_invoice'))}:{card}"
            resumed = driver.act("subscription", stripe_id, "resume", params, key=key)
            latest = driver.find("invoice", _text(resumed["latest_invoice"]))
        if latest["status"] == "open":
            key = f"apim:pay:{latest['id']}:{card}"
            driver.act("invoice", latest["id"], "pay", {"payment_method": card}, key=key)
    except DriverFailed as failure:
        if failure.is_passing:
            raise
        logger.info("subscription %s stays paused: %s", stripe_id, failure)
        return str(failure)
    return ""


def _is_of_a_checkout(
    connection: Connection, bought: QuerySet[BillingSubscription], payer: Customer, card: str
) -> bool:
    """True for the card of a purchase: who buys another product has not asked for the trial to go on."""
    if not card:
        return False
    opened = BillingSubscription.objects.filter(
        mode=connection.mode, subscription__organization=payer.organization_id, stripe_id=""
    )
    if opened.exclude(session_id="").exists() or _is_for_top_ups(connection, payer, card):
        return True
    others = bought.exclude(status__in=(_PAUSED, "canceled", "incomplete_expired"))
    return any(
        card_of(connection.driver.find("subscription", stripe_id)) == card
        for stripe_id in others.values_list("stripe_id", flat=True)
    )


def _is_for_top_ups(connection: Connection, payer: Customer, card: str) -> bool:
    """True for a card that was kept to buy credits. Its event may come before that of the top-up, and long after it."""
    kept_for = CreditAccount.objects.filter(subscription__organization=payer.organization_id)
    if kept_for.filter(payment_method=card).exists():
        return True
    top_ups = TopUp.objects.filter(
        mode=connection.mode, subscription__organization=payer.organization_id, keeps_card=True
    )
    lately = top_ups.filter(
        created_at__gte=timezone.now() - _PAGE_LASTS, state__in=(TopUp.State.OPEN, TopUp.State.PAID)
    )
    return lately.exists()


def card_of(settings: Mapping[str, Any]) -> str:
    """The id of the default card that a subscription or a customer's settings name; "" for none."""
    return _text((settings or {}).get("default_payment_method"))


def _text(reference: object) -> str:
    if isinstance(reference, Mapping):
        return str(reference.get("id", ""))
    return str(reference or "")
