"""Moving subscribers to another version of their plan: with a day, a mail to those affected, and a way back.

What nobody bills has the version at once, or from the day on. What Stripe bills gets it with its first renewal from
the day on, so nobody's begun period changes; apim.billing.migrating sees to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from apim.access.models import Subscription
from apim.accounts.links import absolute_url
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.catalogue import check_sellable
from apim.billing.connection import find_connection, is_connected, require_connection
from apim.billing.credits.terms import obstacle_to_credits
from apim.billing.mails import addresses_of
from apim.billing.migrating import advance_members, move_unbilled
from apim.billing.models import BillingSubscription, MigrationMember, PlanMigration
from apim.notifications.posting import post
from apim.pricing.terms import Terms
from apim.products.models import PlanVersion
from apim.ui.prices import headline


class Moved(NamedTuple):
    """Who moved, who will, and who cannot. Shapes: ids of subscriptions; failed tells why."""

    moved: list[str]
    scheduled: list[str]
    failed: Mapping[str, str]


def move_subscriptions(
    *,
    version: PlanVersion,
    by: Actor,
    subscription_ids: Sequence[str],
    not_before: datetime | None = None,
    words: str = "",
) -> Moved:
    """The subscriptions on the version: at once what nobody bills and no day is said for, else from then on.

    Shapes: not_before None = now, so with the next renewal of what Stripe bills; words stand in the mail.
    Errors: those of migrate_subscriptions; billing.not_sellable when Stripe bills some and cannot bill the version.
    """
    staying = Subscription.objects.live().filter(id__in=subscription_ids, plan_version__plan=version.plan_id)
    chosen = list(staying.exclude(plan_version=version).select_related("plan_version", "product").order_by("id"))
    mirrors = {each.subscription_id: each for each in _billed(chosen)}
    if mirrors:
        require_connection()
        if version.is_priced:
            check_sellable(version)
    failed = obstacles_to(version, chosen)
    able = [each for each in chosen if each.id not in failed]
    later = [each for each in able if each.id in mirrors or not_before is not None]
    at_once = [each.id for each in able if each not in later]
    with transaction.atomic():
        moved = move_unbilled(version=version, by=by, subscription_ids=at_once) if at_once else []
        members = _plan(later, version, not_before or timezone.now(), words=words, by=by) if later else []
    advance_members(find_connection(), members)
    ids = {member.subscription_id for member in members}
    return Moved(
        [each for each in subscription_ids if each in set(moved)],
        [each for each in subscription_ids if each in ids],
        failed,
    )


def obstacles_to(version: PlanVersion, subscriptions: Sequence[Subscription]) -> dict[str, str]:
    """Why each of these cannot be moved to the version, in words; who can be moved is not in it.

    Shapes: subscriptions come with their plan_version. Two queries.
    """
    billed = {each.subscription_id for each in _billed(subscriptions)}
    members = MigrationMember.objects.filter(subscription__in=[each.id for each in subscriptions])
    moving = set(members.filter(state__in=MigrationMember.OPEN).values_list("subscription_id", flat=True))
    found = {}
    for each in subscriptions:
        why = "It is being moved already: take that back first." if each.id in moving else ""
        found[each.id] = why or _obstacle(each, version, is_billed=each.id in billed)
    return {identifier: why for identifier, why in found.items() if why}


def _billed(chosen: Iterable[Subscription]) -> list[BillingSubscription]:
    return list(BillingSubscription.objects.filter(subscription__in=[each.id for each in chosen]).exclude(stripe_id=""))


def _obstacle(subscription: Subscription, version: PlanVersion, *, is_billed: bool) -> str:
    """Why a subscription cannot be moved; "" when it can."""
    before, after = subscription.plan_version.terms, version.terms
    if is_billed and not version.is_priced:
        return gettext("It is paid at Stripe and the new version is free: cancel it there first.")
    if before.prepaid or after.prepaid:
        return _obstacle_to_credits(before, after)
    if is_billed:
        if before.interval != after.interval:
            text = gettext("It is paid by the %(before)s, the new version by the %(after)s.")
            return text % _intervals(before, after)
        if before.currency == after.currency:
            return ""
        return gettext("It is paid in %(currency)s.") % {"currency": before.currency}
    is_pending = subscription.lifecycle == Subscription.Lifecycle.PENDING
    if version.is_priced and is_connected() and not is_pending and subscription.payment == Subscription.Payment.NONE:
        return gettext("It costs nothing now; the new one would be paid by nobody.")
    return ""


_INTERVALS = {
    "day": gettext_lazy("day"),
    "week": gettext_lazy("week"),
    "month": gettext_lazy("month"),
    "year": gettext_lazy("year"),
}


def _intervals(before: Terms, after: Terms) -> dict[str, str]:
    return {"before": str(_INTERVALS[before.interval]), "after": str(_INTERVALS[after.interval])}


def _obstacle_to_credits(before: Terms, after: Terms) -> str:
    """Credits go on only as they are: drawn in their own currency, period by period."""
    if after.prepaid is None:
        return gettext(
            "It is paid by credits and the new version is not: let its holder cancel it and choose the other one."
        )
    if before.prepaid is None:
        return gettext(
            "The new version is paid by credits, which it has none of: let its holder cancel and subscribe again."
        )
    if before.currency != after.currency:
        text = gettext("Its credits are in %(before)s, the new version's prices in %(after)s.")
        return text % {"before": before.currency, "after": after.currency}
    if before.interval != after.interval:
        text = gettext("Its credits are drawn by the %(before)s, those of the new version by the %(after)s.")
        return text % _intervals(before, after)
    return obstacle_to_credits(after)


def _plan(
    subscriptions: Sequence[Subscription], version: PlanVersion, not_before: datetime, *, words: str, by: Actor
) -> list[MigrationMember]:
    """The migration, remembered, and a mail to those affected."""
    migration = PlanMigration.objects.create(version=version, not_before=not_before, words=words, created_by=by.label)
    members = [MigrationMember(migration=migration, subscription=each) for each in subscriptions]
    MigrationMember.objects.bulk_create(members)
    for each in subscriptions:
        _tell(each, version, not_before, words)
    after = {"version": version.number, "from": not_before.isoformat(), "subscriptions": len(members)}
    record(
        by=by,
        action="plan.migrate",
        target=migration,
        after=after,
        organization_id=version.plan.organization_id,
    )
    return list(migration.members.select_related("subscription__plan_version", "migration__version"))


def _tell(subscription: Subscription, version: PlanVersion, not_before: datetime, words: str) -> None:
    plan = version.plan
    before = subscription.plan_version.terms
    post(
        "billing.plan_changes",
        to=addresses_of(subscription.organization_id),
        values={
            "product": subscription.product,
            "plan": plan,
            "day": f"{not_before:%Y-%m-%d}",
            "now": lambda: headline(before),
            "then": lambda: headline(version.terms),
            "words": f"\n{words.strip()}\n" if words.strip() else "",
            "link": absolute_url(f"/my/subscriptions/{subscription.id}"),
        },
    )
