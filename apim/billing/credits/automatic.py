"""Buying unasked: below a balance that the subscriber chose, a top-up is charged to the card that they kept.

The top-up is written before Stripe is asked, and asked for under its own id: whatever dies in between, one is bought.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext

from apim.access.models import Subscription
from apim.accounts.links import absolute_url
from apim.accounts.models import Membership
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.connection import Connection
from apim.billing.credits.allowing import BILLING
from apim.billing.credits.buying import check_credits, check_offered
from apim.billing.credits.ledger import lock_account
from apim.billing.credits.settling import OUR_TOP_UP, sync_top_up
from apim.billing.customers import find_customer
from apim.billing.driver import KEY_IN_USE, DriverFailed
from apim.billing.models import CreditAccount, TopUp
from apim.billing.standing import OUR_ID, Unmatched
from apim.errors import Conflict, Invalid
from apim.notifications.posting import post
from apim.ui.said import said

logger = logging.getLogger(__name__)

_SAME_KEY: Final = timedelta(hours=23)  # Stripe knows an idempotency key for 24 hours at least
_CLAIM: Final = timedelta(minutes=2)  # longer than Stripe is waited for


@transaction.atomic
def set_automatic(*, subscription: Subscription, below: int, amount: int, monthly_cap: int, by: Actor) -> CreditAccount:
    """The account, by which top-ups are bought unasked from now on; amount 0 = no more.

    Errors: billing.no_credits, billing.amount_not_offered, billing.no_card_kept, billing.cap_too_low,
    billing.threshold_negative.
    """
    version = check_credits(subscription)
    _, account = lock_account(subscription.id)
    if amount:
        check_offered(version, amount)
        if not account.payment_method:
            hint = gettext("Buy one top-up and let its card be kept.")
            raise Conflict("billing.no_card_kept", gettext("There is no card to charge."), hint=hint)
        if monthly_cap < amount:
            hint = gettext("Raise it, or choose a smaller top-up.")
            raise Invalid(
                "billing.cap_too_low", gettext("The cap is below one top-up."), field="monthly_cap", hint=hint
            )
        if below < 0:
            raise Invalid(
                "billing.threshold_negative",
                gettext("A balance is not below zero."),
                field="below",
                hint=gettext("Say 0."),
            )
    before = _chosen(account)
    account.automatic_below, account.automatic_amount = below, amount
    account.automatic_monthly_cap, account.automatic_note = monthly_cap, ""
    account.save(update_fields=["automatic_below", "automatic_amount", "automatic_monthly_cap", "automatic_note"])
    record(
        by=by,
        action="credits.set_automatic",
        target=account,
        before=before,
        after=_chosen(account),
        organization_id=subscription.organization_id,
    )
    return account


def buy_due(connection: Connection) -> int:
    """How many top-ups were bought unasked; those that were begun and not finished are finished first."""
    open_ones = TopUp.objects.filter(kind=TopUp.Kind.AUTOMATIC, state=TopUp.State.OPEN, mode=connection.mode)
    bought = sum(
        _claim(each) and _pay(connection, each) for each in open_ones.select_related("subscription__organization")
    )
    low = CreditAccount.objects.filter(
        automatic_amount__gt=0,
        balance__lt=F("automatic_below"),
        subscription__lifecycle__in=(Subscription.Lifecycle.ACTIVE, Subscription.Lifecycle.CANCELED),
    )
    for pk in list(low.values_list("pk", flat=True)):
        top_up = _begin(connection, pk)
        bought += top_up is not None and _pay(connection, top_up)
    return bought


def left_of_month(account: CreditAccount) -> int:
    """How much may still be bought unasked in this month, by UTC."""
    spent = TopUp.objects.of_month().filter(subscription=account.pk, created_at__gte=_month())
    return account.automatic_monthly_cap - (spent.aggregate(sum=Sum("amount"))["sum"] or 0)


def _begin(connection: Connection, subscription_id: str) -> TopUp | None:
    """A top-up to be bought now; None when it is not wanted any more, or would be above the cap."""
    try:
        with transaction.atomic():
            subscription, account = lock_account(subscription_id)
            customer = find_customer(connection, subscription.organization)
            is_wanted = account.automatic_amount > 0 and account.balance < account.automatic_below
            if subscription.plan_version.terms.prepaid is None:
                return None  # nothing is drawn on credits any more
            if not is_wanted or customer is None or customer.is_top_up_frozen:
                return None
            if left_of_month(account) < account.automatic_amount:
                return None
            return TopUp.objects.create(
                subscription=subscription,
                mode=connection.mode,
                kind=TopUp.Kind.AUTOMATIC,
                bought=subscription.plan_version,
                currency=account.currency,
                amount=account.automatic_amount,
                made_by=BILLING.label,
                claimed_until=timezone.now() + _CLAIM,
            )
    except IntegrityError:
        return None  # another one is on its way


def _claim(top_up: TopUp) -> bool:
    """True when nobody else is asking Stripe to charge it: one who has died is waited for no longer than a claim."""
    now = timezone.now()
    free = TopUp.objects.filter(Q(claimed_until=None) | Q(claimed_until__lte=now), state=TopUp.State.OPEN)
    return bool(free.filter(pk=top_up.pk).update(claimed_until=now + _CLAIM))


def _pay(connection: Connection, top_up: TopUp) -> bool:
    """True when it is paid. A card that does not pay turns buying unasked off, and its payer is told.

    The top-up is claimed, and can be claimed by others afterwards.
    """
    try:
        return _charge(connection, top_up)
    finally:
        TopUp.objects.filter(pk=top_up.pk).update(claimed_until=None)


def _charge(connection: Connection, top_up: TopUp) -> bool:
    account = CreditAccount.objects.get(pk=top_up.subscription_id)
    if not top_up.intent_id and timezone.now() - top_up.created_at > _SAME_KEY:
        _turn_off(top_up, "Stripe did not answer for a day: look there whether it was paid.")
        return False
    try:
        if not top_up.intent_id:
            customer = find_customer(connection, top_up.subscription.organization)
            params = {
                "amount": top_up.amount,
                "currency": top_up.currency.lower(),
                "customer": customer.stripe_id if customer else "",
                "payment_method": account.payment_method,
                "off_session": True,
                "confirm": True,
                "description": f"Credits for {top_up.subscription.product}",
                "metadata": {OUR_ID: top_up.subscription_id, OUR_TOP_UP: top_up.id},
            }
            made = connection.driver.make("payment_intent", params, key=f"apim:top-up:{top_up.id}")
            TopUp.objects.filter(pk=top_up.pk).update(intent_id=made["id"])
        settled = sync_top_up(connection, top_up)
    except DriverFailed as failure:
        if failure.is_passing or failure.code == KEY_IN_USE:
            logger.warning("top-up %s waits: %s", top_up.id, failure)
        else:
            _turn_off(top_up, str(failure))
        return False
    except Unmatched as fault:
        logger.warning("top-up %s waits: %s", top_up.id, fault)
        return False
    if settled.state == TopUp.State.FAILED:
        _turn_off(settled, settled.error or "The card was declined.")
    return settled.state == TopUp.State.PAID


@transaction.atomic
def _turn_off(top_up: TopUp, why: str) -> None:
    """Nothing is bought unasked until the subscriber wants it again; a mail says so."""
    subscription, account = lock_account(top_up.subscription_id)
    TopUp.objects.filter(pk=top_up.pk, state=TopUp.State.OPEN).update(state=TopUp.State.FAILED, error=why[:500])
    before = _chosen(account)
    account.automatic_amount, account.automatic_note = 0, why[:500]
    account.save(update_fields=["automatic_amount", "automatic_note"])
    record(
        by=BILLING,
        action="credits.automatic_failed",
        target=account,
        before=before,
        after=_chosen(account),
        organization_id=subscription.organization_id,
        reason=why[:255],
    )
    members = Membership.objects.filter(organization=subscription.organization_id, user__is_active=True)
    link = absolute_url(f"/my/subscriptions/{subscription.id}/credits")
    post(
        "billing.credits_not_bought",
        to=members.values_list("user__email", flat=True),
        values={"product": subscription.product, "why": lambda: said(why), "link": link},
    )


def _chosen(account: CreditAccount) -> dict[str, int]:
    return {
        "below": account.automatic_below,
        "amount": account.automatic_amount,
        "monthly_cap": account.automatic_monthly_cap,
    }


def _month() -> datetime:
    return timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
