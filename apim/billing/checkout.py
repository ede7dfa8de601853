"""Buying: a hosted checkout for a subscription that waits for payment, opened once and closed when it is over.

What a browser says when it comes back is never trusted: the subscription begins when Stripe says that it is paid.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from apim.access.models import Subscription
from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.connection import Connection, account_of, find_connection, require_connection
from apim.billing.credits.closing import close_stale_top_ups, close_top_ups
from apim.billing.customers import ensure_customer
from apim.billing.driver import DriverFailed, provider_failed
from apim.billing.folding import subscription_id_of
from apim.billing.models import BillingSubscription, Invoice
from apim.billing.sessions import checkout_params
from apim.billing.standing import Unmatched, sync_subscription
from apim.errors import Conflict
from apim.products.models import PlanVersion

logger = logging.getLogger(__name__)


def open_checkout(*, subscription: Subscription, return_url: str, cancel_url: str, by: Actor) -> str:
    """The address of a hosted page on which the subscription is bought; the one that is open for it already is closed.

    Errors: billing.not_connected, billing.not_sellable, billing.nothing_to_pay, billing.already_bought,
    billing.invoice_unpaid, billing.bought_elsewhere, billing.other_currency, billing.checkout_open,
    billing.provider_failed.
    """
    connection = require_connection()
    subscription = Subscription.objects.with_names().get(pk=subscription.pk)  # another tab may have been quicker
    version = _wanted(subscription)
    _require_paid(connection, subscription.organization)
    require_apart(connection, subscription, version)
    _require_currency(connection, subscription, version)
    try:
        customer = ensure_customer(connection, subscription.organization)
        mirror = _mirror_of(connection, subscription)
        _close_open_session(connection, mirror)
        _close_top_ups(connection, subscription)
        trial = None if had_trial(subscription) else version.terms.trial
        params = checkout_params(connection, subscription, version, customer=customer, trial=trial)
        params |= {"success_url": return_url, "cancel_url": cancel_url}
        key = f"apim:checkout:{subscription.id}:{mirror.version}:{timezone.now().timestamp():.6f}"
        session = connection.driver.make("checkout.session", params, key=key)
    except DriverFailed as failure:
        raise provider_failed(failure) from failure
    if not _remember(subscription, session, instead_of=mirror.session_id, by=by):
        _give_up(connection, session)
    return str(session["url"])


def had_trial(subscription: Subscription) -> bool:
    """True when the organization has tried the product: who cancels and comes back begins no other trial."""
    tried = BillingSubscription.objects.exclude(trial_end=None).exclude(subscription=subscription)
    return tried.filter(
        subscription__organization=subscription.organization_id, subscription__product=subscription.product_id
    ).exists()


def close_checkout(subscription: Subscription) -> None:
    """Nobody can buy the subscription any more. Errors: billing.provider_failed, billing.already_bought."""
    connection = find_connection()
    mirror = BillingSubscription.objects.filter(subscription=subscription).exclude(session_id="").first()
    if connection is None:
        return
    try:
        if mirror is not None:
            _close_open_session(connection, mirror)
        _close_top_ups(connection, subscription)
    except DriverFailed as failure:
        raise provider_failed(failure) from failure


def close_what_is_over(connection: Connection) -> int:
    """How many checkouts were closed because what they sell has ended or was rejected: nobody pays for that.

    So are the pages of top-ups, and those of another plan than is wanted now.
    """
    over = BillingSubscription.objects.filter(
        mode=connection.mode,
        subscription__lifecycle__in=(Subscription.Lifecycle.ENDED, Subscription.Lifecycle.REJECTED),
    )
    closed = close_stale_top_ups(connection)
    for mirror in over.exclude(session_id=""):
        try:
            session = connection.driver.find("checkout.session", mirror.session_id)
            if session["status"] == "open":
                connection.driver.act("checkout.session", mirror.session_id, "expire", {})
                closed += 1
            elif session.get("subscription"):
                sync_subscription(connection, subscription_id_of("checkout.session", session))
        except (DriverFailed, Unmatched) as fault:
            logger.warning("checkout %s could not be closed: %s", mirror.session_id, fault)
            continue
        same = BillingSubscription.objects.filter(pk=mirror.pk, session_id=mirror.session_id)
        same.update(session_id="", session_url="")
    return closed


def look_after_checkout(subscription: Subscription) -> None:
    """Take in what was bought on the checkout that is open, should its events be late or never come.

    Errors: none; a provider that does not answer leaves it to the events.
    """
    connection = find_connection()
    mirror = BillingSubscription.objects.filter(subscription=subscription, stripe_id="").exclude(session_id="").first()
    if connection is None or mirror is None:
        return
    try:
        session = connection.driver.find("checkout.session", mirror.session_id)
        if session["status"] == "complete" and session.get("subscription"):
            sync_subscription(connection, subscription_id_of("checkout.session", session))
    except (DriverFailed, Unmatched) as failure:
        logger.info("checkout %s is left to its events: %s", mirror.session_id, failure)


def _wanted(subscription: Subscription) -> PlanVersion:
    """The plan version to be bought."""
    if not subscription.is_live or not subscription.awaits_payment:
        raise Conflict(
            "billing.nothing_to_pay",
            gettext("The subscription of %(subscription)s does not wait for a payment.")
            % {"subscription": subscription},
            hint=gettext("Reload the page to see its state now."),
        )
    return subscription.requested_plan_version or subscription.plan_version


def _require_paid(connection: Connection, organization: Organization) -> None:
    """Refuse to sell on to who has not paid: else one leaves with each unpaid invoice and begins anew."""
    unpaid = Invoice.objects.filter(organization=organization, mode=connection.mode, attempts__gt=0)
    if unpaid.filter(status__in=("open", "uncollectible"), amount_remaining__gt=0).exists():
        raise Conflict(
            "billing.invoice_unpaid",
            gettext("An invoice of %(organization)s has not been paid.") % {"organization": organization},
            hint=gettext("Pay it first: the page Billing leads to it."),
        )


def require_apart(connection: Connection, subscription: Subscription, version: PlanVersion) -> None:
    """Refuse what would be billed twice: a meter counts for an organization and a product, not for an environment."""
    if not any(hasattr(part, "meter") for part in version.terms.prices):
        return
    others = BillingSubscription.objects.filter(
        mode=connection.mode,
        subscription__organization=subscription.organization_id,
        subscription__product=subscription.product_id,
        subscription__lifecycle__in=Subscription.LIVE,
    ).exclude(subscription=subscription)
    other = others.exclude(stripe_id="").select_related("subscription__environment").first()
    if other is not None:
        raise Conflict(
            "billing.bought_elsewhere",
            gettext("It is paid for in %(environment)s already, and the usage of both would be billed twice.")
            % {"environment": other.subscription.environment},
            hint=gettext("Choose a plan without usage prices here, or cancel the other one first."),
        )


def _require_currency(connection: Connection, subscription: Subscription, version: PlanVersion) -> None:
    """Refuse a second currency: Stripe bills a customer in one while anything of another is open.

    Source: docs.stripe.com/billing/customer#currency.
    """
    bought = BillingSubscription.objects.filter(
        mode=connection.mode,
        subscription__organization=subscription.organization_id,
        subscription__lifecycle__in=Subscription.LIVE,
    ).exclude(subscription=subscription)
    for other in bought.exclude(stripe_id="").select_related("subscription__plan_version", "subscription__product"):
        theirs = other.subscription.plan_version.terms.currency
        if theirs != version.terms.currency:
            raise Conflict(
                "billing.other_currency",
                gettext(
                    "%(organization)s pays %(product)s in %(theirs)s, and this plan is in %(currency)s: "
                    "one organization pays in one currency."
                )
                % {
                    "organization": subscription.organization,
                    "product": other.subscription.product,
                    "theirs": theirs,
                    "currency": version.terms.currency,
                },
                hint=gettext("Choose a plan in %(theirs)s, or cancel what is paid in %(theirs)s first.")
                % {"theirs": theirs},
            )


def _mirror_of(connection: Connection, subscription: Subscription) -> BillingSubscription:
    """The read model that a checkout is remembered in. What was begun elsewhere is forgotten."""
    place = {"mode": connection.mode, "account_id": account_of(connection)}
    mirror, _ = BillingSubscription.objects.get_or_create(subscription=subscription, defaults=place)
    if mirror.stripe_id:
        raise _bought_already()
    if (mirror.mode, mirror.account_id) != (place["mode"], place["account_id"]):
        is_elsewhere = mirror.mode != place["mode"] or mirror.account_id != ""
        mirror.mode, mirror.account_id = place["mode"], place["account_id"]
        if is_elsewhere:
            mirror.session_id = mirror.session_url = ""
        mirror.save(update_fields=["mode", "account_id", "session_id", "session_url"])
    return mirror


def _bought_already() -> Conflict:
    return Conflict(
        "billing.already_bought",
        gettext("It was bought a moment ago."),
        hint=gettext("The page goes on by itself when Stripe has told us."),
    )


def _close_open_session(connection: Connection, mirror: BillingSubscription) -> None:
    """One open checkout a subscription: two tabs never buy it twice."""
    if not mirror.session_id:
        return
    session = connection.driver.find("checkout.session", mirror.session_id)
    if session["status"] == "open":
        connection.driver.act("checkout.session", mirror.session_id, "expire", {})
    elif session["status"] == "complete":
        raise _bought_already()


def _close_top_ups(connection: Connection, subscription: Subscription) -> None:
    """Nobody pays for credits beside what is bought now. Errors: DriverFailed; billing.already_bought."""
    try:
        if not close_top_ups(connection, subscription):
            raise _bought_already()
    except Unmatched as fault:
        raise provider_failed(fault) from fault


def _give_up(connection: Connection, session: Mapping[str, Any]) -> None:
    """Another tab was quicker: nobody can buy by this checkout. Errors: billing.checkout_open."""
    try:
        connection.driver.act("checkout.session", str(session["id"]), "expire", {})
    except DriverFailed as failure:
        raise provider_failed(failure) from failure
    raise Conflict(
        "billing.checkout_open",
        gettext("Another tab has just gone on to the payment."),
        hint=gettext("Pay there, or try again here: the other one is closed then."),
    )


@transaction.atomic
def _remember(subscription: Subscription, session: Mapping[str, Any], *, instead_of: str, by: Actor) -> bool:
    """True when the checkout is the one that is open now; False when another one took its place meanwhile."""
    mirror = BillingSubscription.objects.select_for_update().get(subscription=subscription)
    if mirror.stripe_id or mirror.session_id != instead_of:
        return False
    mirror.session_id, mirror.session_url = session["id"], session["url"] or ""
    mirror.save(update_fields=["session_id", "session_url"])
    record(
        by=by,
        action="billing.open_checkout",
        target=mirror,
        after={"session": session["id"]},
        organization_id=subscription.organization_id,
    )
    return True
