"""Switching: another plan for what is paid already, told to Stripe; ours follows what Stripe then says.

A dearer plan holds at once and only if it is paid: until then Stripe keeps it as a pending update, and forgets it. A
cheaper plan holds with the next period, by a schedule; a free one follows a cancellation. `change` of the plan that is
left may say otherwise. Before its time each can be taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from apim.access.models import Subscription
from apim.access.services import offered_terms
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.catalogue import check_sellable
from apim.billing.checkout import require_apart
from apim.billing.clocks import time_of
from apim.billing.coming import OUR_NEXT
from apim.billing.connection import Connection, require_connection
from apim.billing.driver import DriverFailed, Object, provider_failed
from apim.billing.invoices import OUR_PART
from apim.billing.items import changed_items, version_of_items
from apim.billing.metering import tell_last_usage
from apim.billing.models import BillingSubscription, OutgoingUsage, PlanChange, UsageCut
from apim.billing.schedules import let_go, schedule_version
from apim.billing.standing import OUR_VERSION, Unmatched, sync_subscription
from apim.billing.switch_charges import begun_period, extra_charge
from apim.billing.switch_claims import claimed_switch, claimed_undoing
from apim.errors import Conflict
from apim.pricing.changes import USED_QUOTA, is_cheaper
from apim.pricing.terms import Terms
from apim.products.models import Plan, PlanVersion

_SHOWN_FOR: Final = timedelta(minutes=15)  # how long a charge that was shown is asked for as it was shown


@dataclass(frozen=True, slots=True)
class Switch:
    """What a change of plan would be. Shapes: at = when it would hold."""

    subscription: Subscription
    version: PlanVersion
    is_downgrade: bool
    is_immediate: bool
    is_trial: bool
    at: datetime

    @property
    def is_charged(self) -> bool:
        """True when something may be asked for or given back at once."""
        return self.is_immediate and not self.is_trial


def is_switchable(subscription: Subscription) -> bool:
    """True when a change of its plan is a change at Stripe, not a new purchase."""
    return BillingSubscription.objects.filter(subscription=subscription).exclude(stripe_id="").exists()


def plan_switch(connection: Connection, subscription: Subscription, plan: Plan) -> Switch:
    """What choosing the plan would do now. Nothing is changed.

    Errors: those of offered_terms; billing.plan_in_force, billing.switch_needs_approval, billing.not_sellable,
    billing.invoice_unpaid, billing.cancelled, billing.change_awaits_payment, billing.currency_differs,
    billing.bought_elsewhere, billing.not_bought.
    """
    subscription = Subscription.objects.with_names().get(pk=subscription.pk)
    mirror = BillingSubscription.objects.filter(subscription=subscription).exclude(stripe_id="").first()
    if mirror is None or mirror.period_end is None:
        raise Conflict(
            "billing.not_bought", _("Nothing is paid for it yet."), hint=_("Choose the plan and pay for it.")
        )
    _check_state(subscription)
    if subscription.plan_version.plan_id == plan.pk:
        raise Conflict(
            "billing.plan_in_force", _("The plan %(plan)s is in force already.") % {"plan": plan}, field="plan"
        )
    version = offered_terms(subscription.product, plan, subscription.organization)
    old, new = subscription.plan_version.terms, version.terms
    _check_terms(version, old)
    if new.is_priced:
        require_apart(connection, subscription, version)
    is_trial = mirror.status == "trialing"
    is_downgrade = is_cheaper(new, old)
    moment = old.change.downgrade if is_downgrade else old.change.upgrade
    is_immediate = new.is_priced and (is_trial or moment == "immediate")
    at = time_of(connection, mirror.test_clock) if is_immediate else mirror.period_end
    return Switch(subscription, version, is_downgrade, is_immediate, is_trial, at)


def switch_plan(
    *, subscription: Subscription, plan: Plan, by: Actor, version_id: str = "", shown_at: int | None = None
) -> Switch:
    """The change, told to Stripe: in force, waiting for its payment, or to come with the next period.

    Shapes: version_id and shown_at (Unix time) of the preview that was agreed to; what is charged for the rest of the
    period is counted from then.
    Errors: those of plan_switch; billing.terms_changed, billing.switch_under_way, billing.provider_failed. Asking
    twice charges once.
    """
    connection = require_connection()
    try:
        with claimed_switch(subscription, plan) as claim:
            switch = plan_switch(connection, subscription, plan)
            if version_id and version_id != switch.version.id:
                raise Conflict(
                    "billing.terms_changed",
                    _("The plan %(plan)s has just changed.") % {"plan": plan},
                    hint=_("Look at it again."),
                )
            mirror = BillingSubscription.objects.get(subscription=subscription)
            found = connection.driver.find("subscription", mirror.stripe_id)
            if version_of_items(connection, found["items"]["data"]) != switch.version:  # else another tab was quicker
                _check_pending(found)
                key = f"apim:switch:{subscription.id}:{switch.version.id}:{claim}"
                _act(connection, switch, found, shown_at, key=key)
            sync_subscription(connection, mirror.stripe_id)
    except (DriverFailed, Unmatched) as failure:
        raise provider_failed(failure) from failure
    after = {"plan": plan.name, "version": switch.version.number, "at_once": switch.is_immediate}
    organization_id = subscription.organization_id
    record(by=by, action="billing.switch_plan", target=mirror, after=after, organization_id=organization_id)
    return switch


def undo_switch(*, subscription: Subscription, by: Actor) -> None:
    """The plan in force stays: what waits for payment is forgotten, what would come with the next period does not.

    Errors: billing.nothing_to_undo, billing.not_yours_to_undo, billing.switch_under_way, billing.provider_failed.
    """
    connection = require_connection()
    change = find_change(subscription)
    if change is None:
        raise Conflict("billing.nothing_to_undo", _("No change of plan is on its way."), hint=_("Reload the page."))
    if change.to_version.plan_id == subscription.plan_version.plan_id:
        hint = _("Choose another plan, or cancel the subscription.")
        raise Conflict("billing.not_yours_to_undo", _("The owner of the product changes this plan."), hint=hint)
    mirror = BillingSubscription.objects.get(subscription=subscription)
    try:
        with claimed_undoing(mirror):
            found = connection.driver.find("subscription", mirror.stripe_id)
            if found.get("pending_update"):
                connection.driver.act("invoice", str(found["latest_invoice"]), "void_invoice", {})
            else:
                let_go(connection, found)
            sync_subscription(connection, mirror.stripe_id)
    except (DriverFailed, Unmatched) as failure:
        raise provider_failed(failure) from failure
    before = {"plan": change.to_version.plan.name, "version": change.to_version.number}
    organization_id = subscription.organization_id
    record(by=by, action="billing.undo_switch", target=mirror, before=before, organization_id=organization_id)


def find_change(subscription: Subscription) -> PlanChange | None:
    """What is on its way; None for nothing."""
    changes = PlanChange.objects.select_related("to_version__plan", "subscription__plan_version")
    return changes.filter(subscription=subscription).first()


def _act(connection: Connection, switch: Switch, found: Object, shown_at: int | None, *, key: str) -> None:
    """Tell Stripe. What was to come so far is let go last, so that a refusal leaves it as it is."""
    product, version = switch.subscription.product, switch.version
    if not version.is_priced:
        params = {"cancel_at_period_end": True, "metadata": {OUR_NEXT: version.id}}
        connection.driver.change("subscription", let_go(connection, found)["id"], params)
    elif not switch.is_immediate:
        schedule_version(connection, product, version, let_go(connection, found))
    elif switch.is_trial:
        params = {
            "items": changed_items(connection, product, version, found),
            "proration_behavior": "none",
            "metadata": {OUR_VERSION: version.id},
        }
        connection.driver.change("subscription", let_go(connection, found)["id"], params)
    else:
        at = _moment_of(switch, found, shown_at)
        _tell_usage(connection, switch.subscription)
        params = update_params(connection, switch, found, at)
        let_go(connection, found)
        next_minute = (timezone.now() + timedelta(minutes=1)).replace(second=0, microsecond=0)
        UsageCut.objects.get_or_create(subscription=switch.subscription, at=next_minute)
        _charge(connection, switch, found["id"], params, key=key)


def _tell_usage(connection: Connection, subscription: Subscription) -> None:
    """What was used so far is told, to be billed by the old plan; what follows counts from the next minute on.

    Errors: billing.usage_untold; nothing has changed then.
    """
    tell_last_usage(connection, subscription.id)
    untold = OutgoingUsage.objects.filter(window__subscription=subscription, state=OutgoingUsage.State.DUE)
    if untold.exists():
        hint = _("Try again in a few minutes.")
        raise Conflict("billing.usage_untold", _("What was used so far could not be told to Stripe."), hint=hint)


def _charge(connection: Connection, switch: Switch, stripe_id: str, params: dict[str, Any], *, key: str) -> None:
    """The change that is paid at once; an answer that was lost is looked up. Errors: DriverFailed."""
    try:
        connection.driver.change("subscription", stripe_id, params, key=key)
    except DriverFailed:
        found = connection.driver.find("subscription", stripe_id)
        asked = (found.get("pending_update") or {}).get("subscription_items") or found["items"]["data"]
        if version_of_items(connection, asked) != switch.version:
            raise


def update_params(connection: Connection, switch: Switch, found: Object, at: datetime) -> dict[str, Any]:
    """The update that takes effect only if it is paid.

    Source: docs.stripe.com/billing/subscriptions/pending-updates-reference.
    """
    params: dict[str, Any] = {
        "items": changed_items(connection, switch.subscription.product, switch.version, found),
        "payment_behavior": "pending_if_incomplete",
        "proration_behavior": "always_invoice",
        "proration_date": int(at.timestamp()),
    }
    if extra := extra_charge(switch.subscription, found, at):
        product = found["items"]["data"][0]["price"]["product"]
        price = {"currency": found["currency"], "product": product, "unit_amount": extra}
        params["add_invoice_items"] = [{"price_data": price, "quantity": 1, "metadata": {OUR_PART: USED_QUOTA}}]
    return params


def _moment_of(switch: Switch, found: Object, shown_at: int | None) -> datetime:
    """From when the rest of the period is charged: as it was shown, when that is not long ago."""
    if shown_at is None:
        return switch.at.replace(microsecond=0)
    shown = datetime.fromtimestamp(shown_at, UTC)
    is_recent = switch.at - _SHOWN_FOR <= shown <= switch.at and shown >= begun_period(found, shown).start
    return shown if is_recent else switch.at.replace(microsecond=0)


def _check_state(subscription: Subscription) -> None:
    lifecycle = subscription.lifecycle
    if lifecycle == Subscription.Lifecycle.CANCELED:
        hint = _("Take the cancellation back first.")
        raise Conflict("billing.cancelled", _("The subscription ends with its period."), hint=hint)
    if lifecycle != Subscription.Lifecycle.ACTIVE:
        message = _("The subscription is %(lifecycle)s, so its plan is not changed.") % {"lifecycle": lifecycle}
        raise Conflict("billing.not_in_force", message, hint=_("Subscribe again, or have it resumed first."))
    if subscription.payment != Subscription.Payment.OK:
        hint = _("Pay it first: the page Billing leads to it.")
        raise Conflict("billing.invoice_unpaid", _("An invoice has not been paid."), hint=hint)
    change = find_change(subscription)
    if change is not None and change.kind == PlanChange.Kind.AWAITS_PAYMENT:
        raise _awaits_payment()


def _check_terms(version: PlanVersion, old: Terms) -> None:
    new = version.terms
    if version.approval == PlanVersion.Approval.MANUAL:
        hint = _("Ask the owner of the product, or cancel this plan to the end of its period and choose the other one.")
        message = _(
            "The plan %(plan)s needs its owner's approval, which nobody asks for while another one is paid."
        ) % {"plan": version.plan}
        raise Conflict("billing.switch_needs_approval", message, hint=hint, field="plan")
    if not new.is_priced:
        return
    check_sellable(version)
    hint = _("Cancel this plan to the end of its period, then choose the other one.")
    if new.prepaid or old.prepaid:
        raise Conflict("billing.credits_stay", _("Prepaid plans are not switched."), hint=hint, field="plan")
    if new.currency != old.currency:
        message = _("This plan is paid in %(currency)s, the other one in %(currency2)s.") % {
            "currency": old.currency,
            "currency2": new.currency,
        }
        raise Conflict("billing.currency_differs", message, hint=hint, field="plan")


def _check_pending(found: Object) -> None:
    """Stripe knows of a change that we do not know of yet."""
    if found.get("pending_update"):
        raise _awaits_payment()


def _awaits_payment() -> Conflict:
    hint = _("Pay it, or take it back, on the page of the subscription.")
    return Conflict("billing.change_awaits_payment", _("Another change of plan waits for its payment."), hint=hint)
