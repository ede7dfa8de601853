"""Standing: a subscription of ours made to stand as Stripe says it stands now. The only writer of the read models.

Every event, the nightly repair and the clock of dunning come here: what Stripe holds is read anew, so the order in
which they come does not matter, and doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from apim.access.models import Subscription
from apim.access.services import Standing, end_subscription, settle_subscription
from apim.audit.actor import Actor, system_actor
from apim.audit.services import record, state_of
from apim.billing.clocks import time_of
from apim.billing.coming import Coming, follow, going_on, keep_coming, pending_invoice, read_coming
from apim.billing.connection import Connection, account_of
from apim.billing.driver import Object
from apim.billing.folding import Fold, at, fold
from apim.billing.items import version_of_items
from apim.billing.models import BillingSubscription, Customer
from apim.billing.windows import note_version
from apim.errors import Invalid
from apim.pricing.changes import is_cheaper
from apim.products.models import PlanVersion

BILLING: Final = system_actor("billing")
OUR_ID: Final = "apim_subscription"  # in the metadata of what we make at Stripe
OUR_VERSION: Final = "apim_plan_version"
_OWED: Final = ("open", "uncollectible")  # what is written off was not paid
_TRIES: Final = 5
_IN_FORCE: Final = (Subscription.Lifecycle.ACTIVE, Subscription.Lifecycle.CANCELED, Subscription.Lifecycle.PAUSED)


class Unmatched(Exception):
    """Stripe speaks of something that is not ours, or not known here. The words say what."""


def sync_subscription(connection: Connection, stripe_id: str) -> BillingSubscription:
    """Our subscription, standing as Stripe says now.

    Errors: Unmatched; DriverFailed.

    The state is read outside of any transaction. Whoever was overtaken by another reader meanwhile reads again, so an
    older state never overwrites a newer one.
    """
    for _ in range(_TRIES):
        version = _version_of(connection, stripe_id)
        found = connection.driver.find("subscription", stripe_id)
        invoices = [
            each
            for status in _OWED
            for each in connection.driver.list("invoice", {"subscription": stripe_id, "status": status})
            if each["id"] != pending_invoice(found)
        ]
        account_of(connection)  # asked now and kept: within the transaction nobody is
        now = time_of(connection, _text(found.get("test_clock")))
        coming = read_coming(connection, found)
        mirror = _settle(connection, found, invoices, version, now=now, coming=coming)
        if mirror is not None:
            return mirror
    raise Unmatched("Others change this subscription all the time.")


def _version_of(connection: Connection, stripe_id: str) -> int | None:
    """The state of the read model before Stripe is asked; None before the first."""
    known = BillingSubscription.objects.filter(mode=connection.mode, stripe_id=stripe_id)
    return known.values_list("version", flat=True).first()


@transaction.atomic
def _settle(
    connection: Connection,
    found: Object,
    invoices: list[Object],
    version: int | None,
    *,
    now: datetime,
    coming: Coming | None,
) -> BillingSubscription | None:
    """The read model after the state was taken in; None when another was quicker."""
    subscription, mirror = _match(connection, found)
    if mirror.stripe_id and mirror.version != version:
        return None
    if _is_first_payment_open(subscription, found):
        return _keep_what_runs(mirror, found)
    before = subscription.plan_version
    dunning = before.terms.dunning
    standing = going_on(
        fold(
            found, invoices, dunning=dunning, now=now, patient_until=mirror.grace_until, known_since=mirror.unpaid_since
        ),
        coming,
    )
    was_pausing = mirror.is_pausing
    begun = standing.period_start if standing.period_start != mirror.period_start else None
    _keep_standing(mirror, found, standing)
    bought_id = (found.get("metadata") or {}).get(OUR_VERSION, "")
    bought = version_of_items(connection, found["items"]["data"]) or PlanVersion.objects.filter(id=bought_id).first()
    keep_coming(subscription, coming)
    if follow(subscription, found, standing, by=BILLING):
        return mirror
    apply_fold(subscription, standing, bought=bought, is_pause_ours=was_pausing, by=BILLING)
    subscription.refresh_from_db(fields=["plan_version"])
    note_version(subscription, before, since=begun or now)
    return mirror


def _keep_standing(mirror: BillingSubscription, found: Object, standing: Fold) -> None:
    """Save in the read model what was found, and what follows from it."""
    mirror.stripe_id, mirror.status = found["id"], found["status"]
    mirror.started_at = at(found.get("start_date"))
    mirror.period_start, mirror.period_end = standing.period_start, standing.period_end
    mirror.trial_end, mirror.cancel_at = standing.trial_end, standing.ends_at
    mirror.unpaid_since = standing.unpaid_since
    mirror.is_pausing = standing.lifecycle == "paused"
    mirror.session_id = mirror.session_url = ""
    if standing.unpaid_since is None:
        mirror.told_stage = ""
    mirror.version += 1
    mirror.test_clock = _text(found.get("test_clock"))
    mirror.synced_at = timezone.now()
    mirror.save()


def _is_first_payment_open(subscription: Subscription, found: Object) -> bool:
    """True while what is in force for nothing waits for the first payment of a plan with prices, or never got it."""
    is_free = subscription.payment == Subscription.Payment.NONE and subscription.lifecycle in _IN_FORCE
    return is_free and found["status"] in ("incomplete", "incomplete_expired")


def _keep_what_runs(mirror: BillingSubscription, found: Object) -> BillingSubscription:
    """The read model of a purchase that may still be paid; of one that was not paid in time, it can be bought anew."""
    is_over = found["status"] == "incomplete_expired"
    mirror.stripe_id, mirror.status = ("", "") if is_over else (found["id"], found["status"])
    mirror.session_id = mirror.session_url = ""
    mirror.version += 1
    mirror.synced_at = timezone.now()
    mirror.save()
    return mirror


def apply_fold(
    subscription: Subscription, standing: Fold, *, bought: PlanVersion | None, is_pause_ours: bool, by: Actor
) -> None:
    """Make the subscription stand so. What an owner paused stays paused; what is over stays over.

    Shapes: bought is the plan version that is paid for, so the one that is granted.
    """
    if not subscription.is_live:
        return
    if standing.lifecycle == "ended":
        settle_subscription(subscription=subscription, standing=Standing(payment=standing.payment), by=by)
        end_subscription(subscription=subscription, by=by, reason=standing.reason)
        return
    lifecycle: str | None = standing.lifecycle
    is_paused_by_owner = subscription.lifecycle == Subscription.Lifecycle.PAUSED and not is_pause_ours
    if lifecycle == subscription.lifecycle and standing.ends_at == subscription.ends_at:
        lifecycle = None
    if is_paused_by_owner or _waits_for_owner(subscription):
        lifecycle = None
    settle_subscription(
        subscription=subscription,
        standing=Standing(
            payment=standing.payment,
            lifecycle=lifecycle,
            ends_at=standing.ends_at,
            anchor=standing.anchor,
            plan_version=bought if standing.payment == "ok" or _costs_less(bought, subscription) else None,
        ),
        by=by,
        reason=standing.reason,
    )


def _costs_less(bought: PlanVersion | None, subscription: Subscription) -> bool:
    """True when less is granted than before: that holds though its first invoice is not paid yet."""
    return bought is not None and bought.is_priced and is_cheaper(bought.terms, subscription.plan_version.terms)


def _waits_for_owner(subscription: Subscription) -> bool:
    return subscription.lifecycle == Subscription.Lifecycle.PENDING and not subscription.awaits_payment


def _match(connection: Connection, found: Object) -> tuple[Subscription, BillingSubscription]:
    """Our subscription, locked, by the id that we wrote into Stripe's. Errors: Unmatched."""
    our_id = (found.get("metadata") or {}).get(OUR_ID, "")
    subscription = (
        Subscription.objects.select_for_update(of=("self",))
        .select_related("plan_version", "requested_plan_version")
        .filter(id=our_id)
        .first()
    )
    if subscription is None:
        raise Unmatched(f"{found['id']} names no subscription of ours.")
    customer = Customer.objects.filter(mode=connection.mode, stripe_id=_text(found.get("customer"))).first()
    if customer is None or customer.organization_id != subscription.organization_id:
        raise Unmatched(f"{found['id']} is paid by another customer than the organization of {our_id}.")
    account = account_of(connection)  # known since the checkout: nobody is asked within the transaction
    place = {"mode": connection.mode, "account_id": account}
    mirror, _ = BillingSubscription.objects.get_or_create(subscription=subscription, defaults=place)
    if mirror.mode != connection.mode or mirror.account_id not in ("", account):
        raise Unmatched(f"{our_id} is billed in {mirror.mode} mode, or at another account.")
    mirror.account_id = account
    if mirror.stripe_id and mirror.stripe_id != found["id"]:
        if found["status"] in ("canceled", "incomplete_expired"):
            raise Unmatched(f"{found['id']} was bought beside {mirror.stripe_id} and is over.")
        raise Unmatched(f"{found['id']} was bought beside {mirror.stripe_id}: cancel and refund one of them at Stripe.")
    return subscription, mirror


def set_patience(*, mirror: BillingSubscription, until: datetime | None, by: Actor, reason: str) -> None:
    """Give a payer until then before anything is refused; None takes it back. Errors: billing.reason_missing."""
    if not reason.strip():
        raise Invalid("billing.reason_missing", gettext("Say why."), field="reason")
    before = state_of(mirror)
    mirror.grace_until = until
    mirror.save(update_fields=["grace_until"])
    record(
        by=by,
        action="billing.set_patience",
        target=mirror,
        before=before,
        after=state_of(mirror),
        organization_id=mirror.subscription.organization_id,
        reason=reason,
    )


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("id", ""))
    return str(value or "")
