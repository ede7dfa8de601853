"""Migrating: each subscription of a migration gets its version with its first renewal from the day on, or is let be.

A member waits until the period that ends on or after the day; then Stripe is told of the renewal, and what it says
afterwards decides. Every step looks at what is there, so a try that died is simply made again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.access.services import migrate_subscriptions
from apim.audit.actor import Actor, system_actor
from apim.audit.services import record
from apim.billing.connection import Connection, require_connection
from apim.billing.credits.drawing import draw_before_move, tell_of_credits
from apim.billing.driver import DriverFailed, provider_failed
from apim.billing.items import version_of_items
from apim.billing.models import BillingSubscription, MigrationMember, PlanChange, PlanMigration
from apim.billing.schedules import let_go, schedule_version
from apim.billing.standing import Unmatched, sync_subscription
from apim.errors import Conflict, DomainError
from apim.products.models import Plan, PlanVersion

logger = logging.getLogger(__name__)

_State = MigrationMember.State
_BY = system_actor("migration")
_NOTE_AT_MOST = 500


def advance_migrations(connection: Connection | None) -> int:
    """How many members moved on."""
    return advance_members(connection, _open_members().order_by("id"))


def advance_members(connection: Connection | None, members: Iterable[MigrationMember]) -> int:
    """How many of these moved on; what fails is noted with its member and tried again."""
    return sum(_try(connection, member) for member in members)


@transaction.atomic
def move_unbilled(*, version: PlanVersion, by: Actor, subscription_ids: Sequence[str]) -> list[str]:
    """The ids of those that have the version now. What credits pay for is drawn by the old prices until then.

    Errors: those of migrate_subscriptions.
    """
    Plan.objects.select_for_update().get(pk=version.plan_id)  # plan, subscriptions, environments: in this order
    ids = sorted(subscription_ids)
    prepaid = [each for each in ids if draw_before_move(each, version)]
    moved = migrate_subscriptions(version=version, by=by, subscription_ids=ids)
    for each in prepaid:
        tell_of_credits(each)
    return moved


def undo_migration(*, migration: PlanMigration, by: Actor) -> int:
    """How many members stay with the version they have: all that it was not applied to yet.

    Errors: billing.nothing_to_undo, billing.provider_failed; who was undone before it stays so.
    """
    members = list(_open_members().filter(migration=migration))
    if not members:
        hint = _("Everybody has the new version, or has left.")
        raise Conflict("billing.nothing_to_undo", _("Nothing of this migration is still to come."), hint=hint)
    for member in members:
        is_late = member.state == _State.SCHEDULED and not _unschedule(member)
        _settle(member, _State.APPLIED if is_late else _State.UNDONE)
    count = migration.members.filter(state=_State.UNDONE).count()
    record(
        by=by,
        action="plan.undo_migration",
        target=migration,
        after={"subscriptions": count},
        organization_id=migration.version.plan.organization_id,
    )
    return count


def _open_members() -> QuerySet[MigrationMember]:
    members = MigrationMember.objects.filter(state__in=MigrationMember.OPEN)
    return members.select_related("subscription__plan_version", "subscription__product", "migration__version__plan")


def _try(connection: Connection | None, member: MigrationMember) -> bool:
    """True when the member is in another state now. What is refused to one holds up nobody else."""
    try:
        return _advance(connection, member)
    except DomainError as refused:
        logger.warning("subscription %s is not moved yet: %s", member.subscription_id, refused)
        if refused.code == "access.plan_version_not_active":
            why = "Another one replaced it before the day, so this subscription keeps what it has."
            note = f"{refused}\n{why}"
            return _settle(member, _State.LEFT, note=note)
        note = f"{refused}\n{refused.hint}".strip()
        MigrationMember.objects.filter(pk=member.pk).update(note=note[:_NOTE_AT_MOST])
        return False


def _advance(connection: Connection | None, member: MigrationMember) -> bool:
    """True when the member is in another state now."""
    subscription, version = member.subscription, member.migration.version
    if subscription.plan_version_id == version.id:
        return _settle(member, _State.APPLIED)
    if not subscription.is_live or subscription.plan_version.plan_id != version.plan_id:
        return _settle(member, _State.LEFT)
    mirror = BillingSubscription.objects.filter(subscription=subscription).exclude(stripe_id="").first()
    if mirror is None:
        return _apply_unbilled(member)
    if connection is None or mirror.mode != connection.mode or mirror.period_end is None:
        return False
    change = PlanChange.objects.filter(subscription=subscription).select_related("to_version").first()
    if change is not None and change.to_version_id == version.id:
        return member.state != _State.SCHEDULED and _settle(member, _State.SCHEDULED, mirror=mirror)
    if change is not None or mirror.period_end < member.migration.not_before or mirror.cancel_at is not None:
        return False  # they change or leave by themselves, or it is not time yet
    return _schedule(connection, member, mirror)


def _apply_unbilled(member: MigrationMember) -> bool:
    """What nobody bills has the version from the day on."""
    if timezone.now() < member.migration.not_before:
        return False
    move_unbilled(version=member.migration.version, by=_BY, subscription_ids=[member.subscription_id])
    return _settle(member, _State.APPLIED)


def _schedule(connection: Connection, member: MigrationMember, mirror: BillingSubscription) -> bool:
    """True when Stripe knows of the renewal by the version."""
    version = member.migration.version
    try:
        found = connection.driver.find("subscription", mirror.stripe_id)
        if found["status"] not in ("active", "past_due") or found.get("pending_update"):
            return False
        if version_of_items(connection, found["items"]["data"]) != version:
            found = let_go(connection, found)  # of a schedule whose last change holds already
            schedule_version(connection, member.subscription.product, version, found)
        mirror = sync_subscription(connection, mirror.stripe_id)
    except (DriverFailed, Unmatched) as failure:
        logger.warning("subscription %s is not moved yet: %s", member.subscription_id, failure)
        MigrationMember.objects.filter(pk=member.pk).update(note=f"Stripe says: {failure}"[:_NOTE_AT_MOST])
        return False
    return _settle(member, _State.SCHEDULED, mirror=mirror)


def _unschedule(member: MigrationMember) -> bool:
    """True when Stripe renews by the version in force again; False when the renewal was quicker."""
    connection = require_connection()
    mirror = BillingSubscription.objects.get(subscription=member.subscription_id)
    try:
        found = connection.driver.find("subscription", mirror.stripe_id)
        is_renewed = version_of_items(connection, found["items"]["data"]) == member.migration.version
        change = PlanChange.objects.filter(subscription=member.subscription_id).first()
        if not is_renewed and change is not None and change.to_version_id == member.migration.version_id:
            let_go(connection, found)
        sync_subscription(connection, mirror.stripe_id)
    except (DriverFailed, Unmatched) as failure:
        raise provider_failed(failure) from failure
    return not is_renewed


@transaction.atomic
def _settle(member: MigrationMember, state: str, *, mirror: BillingSubscription | None = None, note: str = "") -> bool:
    """True when this call moved the member to the state: another one may have been quicker."""
    locked = MigrationMember.objects.select_for_update().get(pk=member.pk)
    if locked.state not in MigrationMember.OPEN or locked.state == state:
        return False
    locked.state, locked.note = state, note[:_NOTE_AT_MOST]
    if mirror is not None:
        locked.renews_at = mirror.period_end
    if state not in MigrationMember.OPEN:
        locked.settled_at = timezone.now()
    locked.save(update_fields=["state", "note", "renews_at", "settled_at"])
    return True
