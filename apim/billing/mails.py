"""Mails to who pays: a trial that is about to end, a payment that its holder has to confirm. Each is sent once."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apim.access.models import Subscription
from apim.accounts.links import absolute_url
from apim.accounts.models import Membership
from apim.billing.connection import Connection
from apim.billing.driver import Object
from apim.billing.folding import moment_of
from apim.billing.models import BillingSubscription, Customer, Invoice
from apim.notifications.posting import post


@transaction.atomic
def tell_trial_end(subscription_id: str) -> bool:
    """True when the payer was told now that the trial ends, and what follows; once for each end that was agreed."""
    mirror = (
        BillingSubscription.objects.select_for_update(of=("self",))
        .select_related("subscription__plan_version__plan", "subscription__product")
        .get(subscription_id=subscription_id)
    )
    if mirror.trial_end is None or mirror.told_trial_end == mirror.trial_end or mirror.status != "trialing":
        return False
    mirror.told_trial_end = mirror.trial_end
    mirror.save(update_fields=["told_trial_end"])
    subscription = mirror.subscription
    trial = subscription.plan_version.terms.trial
    is_paused = trial is not None and trial.on_end_without_card == "pause"
    paused = _("Without a card calls are refused until there is one.")
    ended = _("Without a card the subscription ends.")
    post(
        "billing.trial_ends",
        to=addresses_of(subscription.organization_id),
        values={
            "product": subscription.product,
            "plan": subscription.plan_version.plan,
            "day": f"{mirror.trial_end:%Y-%m-%d}",
            "time": f"{mirror.trial_end:%H:%M}",
            "without_card": paused if is_paused else ended,
            "link": absolute_url(f"/my/subscriptions/{subscription.id}/card"),
        },
    )
    return True


@transaction.atomic
def tell_action_required(stripe_id: str) -> bool:
    """True when the payer was asked now to confirm a payment at their bank; once for each attempt."""
    invoice = Invoice.objects.select_for_update().get(stripe_id=stripe_id)
    if invoice.status != Invoice.OPEN or invoice.told_attempts >= max(invoice.attempts, 1):
        return False
    invoice.told_attempts = max(invoice.attempts, 1)
    invoice.save(update_fields=["told_attempts"])
    post(
        "billing.action_required",
        to=addresses_of(invoice.organization_id),
        values={"invoice": invoice, "link": invoice.hosted_url},
    )
    return True


def release_checkout(connection: Connection, session_id: str) -> bool:
    """True when a checkout that ran out unused was forgotten now, and who opened it was reminded.

    One that was closed because another took its place is none: that happened within its time.
    """
    session = connection.driver.find("checkout.session", session_id)
    if session["status"] != "expired" or moment_of(session["expires_at"]) > timezone.now():
        return False
    return _remind(connection, session)


@transaction.atomic
def _remind(connection: Connection, session: Object) -> bool:
    waiting = BillingSubscription.objects.filter(mode=connection.mode, session_id=session["id"], stripe_id="")
    if not waiting.update(session_id="", session_url=""):
        return False
    wish = Subscription.objects.with_names().filter(billing__mode=connection.mode, id=session["client_reference_id"])
    subscription = wish.filter(awaits_payment=True, lifecycle__in=Subscription.LIVE).first()
    if subscription is None:
        return False
    post(
        "billing.still_waits",
        to=addresses_of(subscription.organization_id),
        values={"product": subscription.product, "link": absolute_url(f"/my/subscriptions/{subscription.id}/pay")},
    )
    return True


def lacks_card(mirror: BillingSubscription) -> bool:
    """True when Stripe said that who pays for the subscription has no card any more."""
    payer = Customer.objects.filter(organization=mirror.subscription.organization_id, mode=mirror.mode, has_card=False)
    return bool(mirror.stripe_id) and payer.exists()


def addresses_of(organization_id: str) -> list[str]:
    """Who is told of what an organization pays: its members."""
    members = Membership.objects.filter(organization=organization_id, user__is_active=True)
    return list(members.order_by("created_at").values_list("user__email", flat=True))
