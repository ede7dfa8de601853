"""Acts: what a rehearsal's customer does in each step, and how things must stand after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from apim.billing.cards import follow_card
from apim.billing.catalogue import price_of
from apim.billing.dunning import follow_clock
from apim.billing.folding import payment_of, stage_of
from apim.billing.giving import Wish
from apim.billing.invoices import sync_invoice
from apim.billing.models import Invoice
from apim.billing.reconciling import rate_invoice
from apim.billing.refunding import carry_out, give_back
from apim.billing.rehearsing.calls import PASSES, ask_gateway
from apim.billing.rehearsing.scene import ACTOR, BROKEN_CARD, GOOD_CARD, set_scene, use_card
from apim.billing.rehearsing.telling import tell
from apim.billing.rehearsing.using import go_beyond, use_some
from apim.billing.rehearsing.walk import StepFailed, Walk
from apim.billing.standing import OUR_ID, OUR_VERSION, sync_subscription
from apim.pricing.closing import is_arrears
from apim.pricing.parts import Flat, Setup

_SOON: Final = timedelta(hours=2)  # Stripe keeps a renewal's invoice as a draft for an hour
_HOUR: Final = timedelta(hours=1)

Act = Callable[[Walk], str]  # why the step does not apply; "" when it was taken


def wait_for_payment(walk: Walk) -> str:
    """Nothing is granted before it is bought."""
    set_scene(walk)
    tell(walk, lifecycle="pending", payment="none")
    ask_gateway(walk, "subscription-pending")
    return ""


def try_it(walk: Walk) -> str:
    """A trial lets calls through and costs nothing."""
    if walk.terms.trial is None:
        return "The plan has no trial."
    _buy(walk)
    _look(walk)
    tell(walk, lifecycle="active", payment="ok")
    ask_gateway(walk, PASSES)
    return ""


def pay(walk: Walk) -> str:
    """The first payment, at once or when the trial ends."""
    if not walk.rehearsal.stripe_id:
        _buy(walk)
    _look(walk)
    if (trial_end := walk.mirror.trial_end) is not None:
        walk.advance(trial_end + _SOON)
        _look(walk)
    tell(walk, lifecycle="active", payment="ok")
    ask_gateway(walk, PASSES)
    return ""


def fail_card(walk: Walk) -> str:
    """The period ends, its invoice is due, and the card is declined."""
    card = use_card(walk, BROKEN_CARD)
    walk.connection.driver.change("subscription", walk.rehearsal.stripe_id, {"default_payment_method": card})
    walk.note("From now on every charge of the customer's card is declined.")
    end = walk.mirror.period_end
    if end is None:
        raise StepFailed("Stripe has not said when the period ends.")
    walk.advance(end + _SOON)
    _look(walk)
    return _tell_unpaid(walk)


def stay_in_grace(walk: Walk) -> str:
    """Days pass; nothing is refused yet."""
    return _owe(walk, 0.25, timedelta(0))


def be_restricted(walk: Walk) -> str:
    """In the second half of the grace calls pass at a quarter of the plan's rate."""
    return _owe(walk, 0.5, _HOUR)


def be_suspended(walk: Walk) -> str:
    """After the grace calls are refused; keys stay."""
    return _owe(walk, 1.0, _HOUR, is_end=True)


def recover(walk: Walk) -> str:
    """A new card pays what is open, and calls pass again."""
    use_card(walk, GOOD_CARD)
    for sentence in follow_card(walk.connection, walk.rehearsal.customer_id).splitlines():
        walk.note(sentence)
    _look(walk)
    tell(walk, lifecycle="active", payment="ok")
    ask_gateway(walk, PASSES)
    return ""


def get_money_back(walk: Walk) -> str:
    """What was paid last is given back, with a credit note; access does not hang on it."""
    paid = Invoice.objects.filter(
        subscription_id=walk.rehearsal.subscription_ref, status="paid", amount_paid__gt=0
    ).first()
    if paid is None:
        return "Nothing was paid."
    row = give_back(invoice=paid, wish=Wish(), reason="Rehearsed.", key=walk.rehearsal.id, by=ACTOR)
    row = carry_out(row.id)
    if row.state != row.State.DONE:
        raise StepFailed(f"The refund is {row.state}: {row.error or 'Stripe has not answered yet'}.")
    walk.note(f"Stripe gave back what was paid, by credit note {row.number or row.stripe_id}.")
    _look(walk)
    tell(walk, lifecycle="active", payment="ok")
    ask_gateway(walk, PASSES)
    return ""


ACTS: Final[Mapping[str, Act]] = {
    "waiting": wait_for_payment,
    "trial": try_it,
    "paid": pay,
    "usage": use_some,
    "overage": go_beyond,
    "failed-card": fail_card,
    "grace": stay_in_grace,
    "restricted": be_restricted,
    "suspended": be_suspended,
    "recovered": recover,
    "refunded": get_money_back,
}


def _buy(walk: Walk) -> None:
    """Stripe has the subscription, as the hosted checkout makes it."""
    rehearsal, version = walk.rehearsal, walk.rehearsal.plan_version
    if rehearsal.stripe_id:
        return
    customer = walk.connection.driver.find("customer", rehearsal.customer_id)
    params: dict[str, Any] = {
        "customer": rehearsal.customer_id,
        "items": [],
        "add_invoice_items": [],
        "default_payment_method": customer["invoice_settings"]["default_payment_method"],
        "metadata": {OUR_ID: rehearsal.subscription_ref, OUR_VERSION: version.id},
    }
    for part in version.terms.prices:
        if is_arrears(part):
            continue  # a line that we put on the draft of each invoice
        item: dict[str, Any] = {"price": price_of(walk.connection, rehearsal.product, version, part)}
        if isinstance(part, Flat | Setup):
            item["quantity"] = 1
        params["add_invoice_items" if isinstance(part, Setup) else "items"].append(item)
    if version.terms.trial is not None:
        params["trial_period_days"] = version.terms.trial.days
    made = walk.connection.driver.make("subscription", params, key=f"apim:{rehearsal.id}:subscription")
    rehearsal.stripe_id = made["id"]
    rehearsal.save(update_fields=["stripe_id"])
    walk.note(f"Stripe made the subscription {made['id']}.")


def _look(walk: Walk) -> None:
    """Everything here stands as Stripe says now, as its events would make it; those may come before or after."""
    sync_subscription(walk.connection, walk.rehearsal.stripe_id)
    for found in walk.connection.driver.list("invoice", {"subscription": walk.rehearsal.stripe_id}):
        invoice = sync_invoice(walk.connection, found["id"])
        if invoice.status != "draft":
            rate_invoice(invoice)
    sync_subscription(walk.connection, walk.rehearsal.stripe_id)


def _owe(walk: Walk, share: float, more: timedelta, *, is_end: bool = False) -> str:
    """So much of the grace has passed, by our own clock of dunning."""
    grace = walk.terms.dunning.grace_days
    if not grace and not is_end:
        return "The plan gives no grace."
    since = walk.mirror.unpaid_since
    if since is None:
        raise StepFailed("Nothing is owed.")
    walk.advance(since + timedelta(days=grace) * share + more)
    follow_clock(walk.connection)
    _look(walk)
    return _tell_unpaid(walk)


def _tell_unpaid(walk: Walk) -> str:
    payment = payment_of(stage_of(_age(walk, walk.now()), walk.terms.dunning))
    tell(walk, lifecycle="active", payment=payment)
    ask_gateway(walk, "payment-required" if payment == "suspended" else PASSES)
    return ""


def _age(walk: Walk, now: datetime) -> timedelta:
    since = walk.mirror.unpaid_since
    if since is None:
        raise StepFailed("The invoice was paid, or not tried: nothing is owed.")
    return now - since
