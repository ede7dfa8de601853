"""Settling: a top-up made to stand as its payment stands at Stripe now; the one place that grants what was bought.

Every event about it comes here and reads the session, the payment, its refunds and disputes anew, so the order in which
events come does not matter, and doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from apim.access.models import Subscription
from apim.billing.alarms import drop_alarm, raise_alarm
from apim.billing.connection import Connection
from apim.billing.credits.allowing import BILLING
from apim.billing.credits.drawing import draw_usage
from apim.billing.credits.ledger import Gift, grant_credits, lock_account, take_back
from apim.billing.credits.starting import start_credits
from apim.billing.credits.terms import end_of_purchase
from apim.billing.driver import Object
from apim.billing.models import BillingAlarm, BillingSubscription, CreditAccount, CreditGrant, TopUp
from apim.billing.standing import Unmatched
from apim.pricing.money import from_minor, money_text

OUR_TOP_UP: Final = "apim_top_up"  # in the metadata of sessions and payments at Stripe
_TRIES: Final = 5
_GIVEN_BACK: Final = ("succeeded", "pending", "requires_action")  # of refunds; others gave nothing
_OVER: Final = ("canceled", "incomplete_expired")
# Kept in English, said in the language of who reads it.
_UNASKED: Final = gettext_noop("Bought unasked.")
_DISPUTED: Final = gettext_noop("Disputed.")
_REFUNDED: Final = gettext_noop("Refunded.")
_STOPPED: Final = gettext_noop("A payment is disputed.")
_NOT_TAKEN: Final = ("won", "warning_needs_response", "warning_under_review", "warning_closed", "prevented")


@dataclass(frozen=True, slots=True)
class Paid:
    """What Stripe says of a top-up now. Shapes: state as in TopUp; amounts in minor units; card "" = none kept."""

    state: str
    intent_id: str
    amount: int = 0
    given_back: int = 0
    is_disputed: bool = False
    card: str = ""
    error: str = ""


def find_top_up(connection: Connection, kind: str, found: Mapping[str, Any]) -> TopUp | None:
    """The top-up that an object of an event is about; None for everything else."""
    top_ups = TopUp.objects.filter(mode=connection.mode)
    if named := (found.get("metadata") or {}).get(OUR_TOP_UP):
        return top_ups.filter(id=named).first()
    if kind == "checkout.session":
        return top_ups.filter(session_id=found.get("id") or "none").first()
    return top_ups.filter(intent_id=_intent_of(kind, found) or "none").first()


def follow_top_up(connection: Connection, found: Mapping[str, Any]) -> str:
    """What an object of an event led to, or "" where it is about no top-up. Errors: Unmatched; DriverFailed."""
    kind = str(found.get("object", ""))
    top_up = find_top_up(connection, kind, found)
    if top_up is None:
        return ""
    top_up = sync_top_up(connection, top_up, intent_id=_intent_of(kind, found))
    return f"The top-up {top_up} is {top_up.state}."


def _intent_of(kind: str, found: Mapping[str, Any]) -> str:
    return _id_of(found.get("id") if kind == "payment_intent" else found.get("payment_intent"))


def sync_top_up(connection: Connection, top_up: TopUp, *, intent_id: str = "") -> TopUp:
    """The top-up, standing as its payment stands now. Errors: Unmatched; DriverFailed.

    Shapes: intent_id is the payment, where it is known and the top-up may not name it yet.
    What Stripe says is read outside of any transaction; whoever was overtaken meanwhile reads again.
    """
    for _ in range(_TRIES):
        version = TopUp.objects.values_list("version", flat=True).get(pk=top_up.pk)
        paid = _read(connection, TopUp.objects.get(pk=top_up.pk), intent_id)
        settled = _settle(connection, top_up.pk, paid, version)
        if settled is not None:
            return settled
    raise Unmatched("Others change this top-up all the time.")


def _read(connection: Connection, top_up: TopUp, intent_id: str) -> Paid:
    """The session first, for it names the payment; a top-up bought unasked has no session."""
    intent_id = top_up.intent_id or intent_id
    if top_up.session_id:
        session = connection.driver.find("checkout.session", top_up.session_id)
        intent_id = _id_of(session.get("payment_intent")) or intent_id
        if not intent_id or session["payment_status"] == "unpaid":
            state = TopUp.State.EXPIRED if session["status"] == "expired" else TopUp.State.OPEN
            return Paid(state, intent_id)
    if not intent_id:
        return Paid(top_up.state, "")
    intent = connection.driver.find("payment_intent", intent_id)
    if intent["status"] != "succeeded":
        error = ((intent.get("last_payment_error") or {}).get("message")) or ""
        is_over = intent["status"] == "canceled" or (top_up.kind == TopUp.Kind.AUTOMATIC and error)
        return Paid(TopUp.State.FAILED if is_over else TopUp.State.OPEN, intent_id, error=error)
    refunds = connection.driver.list("refund", {"payment_intent": intent_id})
    disputes = list(connection.driver.list("dispute", {"payment_intent": intent_id}))
    taken = [each for each in disputes if each["status"] not in _NOT_TAKEN]
    given_back = sum(each["amount"] for each in refunds if each["status"] in _GIVEN_BACK)
    given_back += sum(each["amount"] for each in taken)
    return Paid(
        TopUp.State.PAID,
        intent_id,
        amount=intent["amount_received"],
        given_back=min(given_back, intent["amount_received"]),
        is_disputed=bool(taken),
        card=_card_of(intent),
    )


def _card_of(intent: Object) -> str:
    """The card that may be charged unasked: kept by who paid with it."""
    return _id_of(intent.get("payment_method")) if intent.get("setup_future_usage") == "off_session" else ""


@transaction.atomic
def _settle(connection: Connection, top_up_id: str, paid: Paid, version: int) -> TopUp | None:
    """The top-up after what Stripe said was taken in; None when another was quicker."""
    subscription_id = TopUp.objects.values_list("subscription_id", flat=True).get(pk=top_up_id)
    subscription, account = lock_account(subscription_id)
    top_up = TopUp.objects.select_for_update(of=("self",)).select_related("bought").get(pk=top_up_id)
    if top_up.version != version:
        return None
    top_up.version += 1
    top_up.state, top_up.intent_id, top_up.error = paid.state, paid.intent_id, paid.error[:500]
    if paid.state == TopUp.State.PAID:
        if top_up.amount != paid.amount:
            raise Unmatched(f"{top_up.id} was paid with {paid.amount} and not {top_up.amount}.")
        why = "" if top_up.grants.exists() else _obstacle_to_grant(subscription)
        if why:
            _take_in_too_late(connection, top_up, paid, why=why)
        else:
            _take_in(subscription, account, top_up, paid)
    top_up.save()
    return top_up


def _obstacle_to_grant(subscription: Subscription) -> str:
    """What happened before it was paid, so that credits would be good for nothing: a sentence, or "" for good ones."""
    if not subscription.is_live:
        return "A top-up was paid after its subscription had ended."
    bought = BillingSubscription.objects.filter(subscription=subscription).exclude(stripe_id="")
    if bought.exclude(status__in=_OVER).exists():  # a plan begun by credits would stand over what Stripe bills
        return "A top-up was paid after another plan was bought, which Stripe bills."
    return ""


def _take_in_too_late(connection: Connection, top_up: TopUp, paid: Paid, *, why: str) -> None:
    """Nothing can be called with credits of a subscription that is over: have an admin give the money back."""
    top_up.paid_at = top_up.paid_at or timezone.now()
    top_up.given_back, top_up.error = paid.given_back, why
    owed = paid.amount - paid.given_back
    if not owed:
        drop_alarm(connection, BillingAlarm.Kind.PAID_TOO_LATE, paid.intent_id)
        return
    money = f"{money_text(from_minor(owed, top_up.currency), top_up.currency)} {top_up.currency}"
    text = (
        why,
        f"Refund {money} of the payment {paid.intent_id} at Stripe: no credits were granted for it.",
        f"The subscription is that of {top_up.subscription}.",
    )
    raise_alarm(connection, BillingAlarm.Kind.PAID_TOO_LATE, paid.intent_id, "\n".join(text))


def _take_in(subscription: Subscription, account: CreditAccount, top_up: TopUp, paid: Paid) -> None:
    """Grant what was paid, take back what was given back, and tell gateways."""
    top_up.paid_at = top_up.paid_at or timezone.now()
    if subscription.is_live and (subscription.awaits_payment or account.started_at is None):
        subscription = start_credits(subscription, account, top_up.bought, by=BILLING)
    is_first = not CreditGrant.objects.filter(subscription=subscription, top_up__isnull=False).exists()
    grant_credits(
        account,
        Gift(
            CreditGrant.Source.PURCHASE if is_first else CreditGrant.Source.TOP_UP,
            top_up.amount,
            f"top-up:{top_up.id}",
            end_of_purchase(top_up.bought.terms, top_up.paid_at),
            top_up,
            reason=_UNASKED if top_up.kind == TopUp.Kind.AUTOMATIC else "",
            made_by=top_up.made_by,
        ),
    )
    if paid.given_back or top_up.given_back:
        take_back(account, top_up, paid.given_back, _DISPUTED if paid.is_disputed else _REFUNDED)
    top_up.given_back = paid.given_back
    if paid.card and top_up.keeps_card:
        account.payment_method = paid.card
    if paid.is_disputed and account.automatic_amount:
        account.automatic_amount, account.automatic_note = 0, _STOPPED
    account.save(update_fields=["payment_method", "automatic_amount", "automatic_note"])
    draw_usage(subscription.id)  # what was used beyond the balance is known by now; gateways are told


def _id_of(reference: object) -> str:
    return str(reference.get("id", "")) if isinstance(reference, Mapping) else str(reference or "")
