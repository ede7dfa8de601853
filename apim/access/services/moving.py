"""The move itself: the application, its part in subscriptions and its keys go to another organization at one moment.

Owns: the rows and their locks. Must not know: who offered it to whom, mails.

Locks are taken in one order, the same as elsewhere: application, offer, person, organizations, subscriptions,
credentials, environments. What was read before its lock is read again, so nothing moves that was not shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from apim.access import records
from apim.access.arrivals import Arrival, Fate, Luggage, Obstacle, luggage_of
from apim.access.models import Application, ApplicationTransfer, Credential, Subscription
from apim.access.services.credentials import IssuedKey, close, roll_credential
from apim.access.telling import tell_subscription
from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict
from apim.gateways.models import AccessRecord, Environment

_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Locked:
    """What a move touches, held until the commit. Shapes: organization is the new one."""

    transfer: ApplicationTransfer
    application: Application
    organization: Organization
    user: User
    subscription_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did. Shapes: issued are new keys, each shown this once."""

    application: Application
    issued: tuple[IssuedKey, ...]


def check_movable(application: Application) -> None:
    """Refuse what an administrator stopped: a suspension is not shaken off by another owner.

    Errors: Conflict access.application_suspended, access.organization_suspended.
    """
    if application.state == Application.State.SUSPENDED:
        raise Conflict(
            "access.application_suspended",
            gettext("%(application)s is suspended, so it cannot be handed over.") % {"application": application},
            hint=gettext("Ask the administrators to resume it first."),
        )
    _check_active(application.organization)


def _check_active(organization: Organization) -> None:
    if organization.state == Organization.State.SUSPENDED:
        raise Conflict(
            "access.organization_suspended",
            gettext("%(organization)s is suspended.") % {"organization": organization},
            hint=gettext("Ask the administrators to resume it first."),
        )


def lock_for_move(transfer: ApplicationTransfer, organization: Organization, user: User) -> Locked:
    """All rows of the move but environments, held; runs inside the caller's transaction."""
    application = Application.objects.select_for_update(no_key=True).get(pk=transfer.application_id)
    transfer = ApplicationTransfer.objects.select_for_update().get(pk=transfer.pk)
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    ids = sorted({application.organization_id, organization.pk})
    held = {each.pk: each for each in Organization.objects.select_for_update(no_key=True).filter(id__in=ids)}
    application.organization = held[application.organization_id]
    transfer.application, transfer.source = application, application.organization
    mine = Q(applications=application) | Q(organization=organization)
    live = Subscription.objects.live().filter(mine).values("id")
    subscriptions = list(Subscription.objects.select_for_update().filter(id__in=live).order_by("id"))
    list(application.credentials.live().select_for_update().order_by("id"))
    ids_held = frozenset(each.pk for each in subscriptions)
    return Locked(transfer, application, held[organization.pk], user, ids_held)


def move_application(locked: Locked, *, agreed: str, overlap_s: int | None, by: Actor) -> Moved:
    """The application in its new organization, told to every gateway; runs inside the caller's transaction."""
    application, organization = locked.application, locked.organization
    source = application.organization
    check_movable(application)
    _check_active(organization)
    if source.pk == organization.pk:
        raise Conflict("access.transfer_same", gettext("It belongs to this organization already."))
    luggage, held = luggage_of(application, organization), locked.subscription_ids
    _require_agreed(luggage, agreed or luggage.digest)
    if not {each.pk for arrival in luggage.arrivals for each in (arrival.subscription, arrival.own) if each} <= held:
        raise _changed()  # one took the place of another between its lock and here
    list(Environment.objects.select_for_update(no_key=True).order_by("id"))  # before keys take single ones
    left = [each.pk for each in luggage.left_keys]
    reason = "its application belongs to another organization now"  # programs read it
    close(Credential.objects.filter(pk__in=left), state=Credential.State.REVOKED, by=by, reason=reason)
    application.organization, application.team = organization, ""  # its team is of the organization left
    application.name = _free_name(application.name, organization)
    application.save(update_fields=["organization", "team", "name", "updated_at"])
    begun, left_behind = _move_subscriptions(application, luggage.arrivals, by=by)
    left_behind |= _leave_what_is_over(application, source)
    Credential.objects.filter(pk__in=[each.pk for each in luggage.keys]).update(creator=locked.user)
    issued = _roll(luggage.keys, application, overlap_s, locked.user, by=by)
    # What begins is told first: a gateway that has read half of it lets calls pass still.
    records.emit(
        records.Affected(
            organizations=Organization.objects.filter(pk=organization.pk),
            applications=Application.objects.filter(pk=application.pk),
            subscriptions=Subscription.objects.filter(pk__in=begun),
            credentials=Credential.objects.filter(application=application).live(),
        )
    )
    records.emit(records.Affected(subscriptions=Subscription.objects.filter(pk__in=left_behind)))
    return Moved(application, issued)


def _require_agreed(luggage: Luggage, agreed: str) -> None:
    if luggage.obstacles:
        first = luggage.obstacles[0]
        raise Conflict("access.transfer_blocked", blocked_by(first), hint=mended_by(first))
    if agreed != luggage.digest:
        raise _changed()


def _changed() -> Conflict:
    return Conflict(
        "access.transfer_changed",
        gettext("What comes along has changed since you looked."),
        hint=gettext("Read it again, then accept."),
    )


def blocked_by(arrival: Arrival) -> str:
    """Why the application cannot go yet, in a sentence."""
    sentences = {
        Obstacle.PAID: gettext("The subscription to %(product)s is paid for by who has it, so it is not handed over."),
        Obstacle.APPROVAL: gettext("The owner of %(product)s decides about each subscriber."),
        Obstacle.CLOSED: gettext("The plan of %(product)s is not on offer for the organization."),
        Obstacle.NOT_READY: gettext("The organization's own subscription to %(product)s lets no call pass now."),
    }
    return sentences[arrival.obstacle or Obstacle.PAID] % {"product": arrival.subscription.product}


def mended_by(arrival: Arrival) -> str:
    """What either side can do about it, in a sentence."""
    if arrival.obstacle == Obstacle.NOT_READY:
        return gettext("See to that subscription first.")
    return gettext("Subscribe to it first, for the new organization; or its present owner takes the application out.")


def _move_subscriptions(
    application: Application, arrivals: tuple[Arrival, ...], *, by: Actor
) -> tuple[set[str], set[str]]:
    """The ids of the subscriptions that the application is part of from now on, and of those that it was part of."""
    begun, left_behind = set(), set()
    for arrival in arrivals:
        old, name = arrival.subscription, {"application": application.name}
        old.applications.remove(application)
        record(by=by, action="subscription.withdraw_application", target=old, before=name)
        left_behind.add(old.pk)
        if arrival.fate == Fate.FOLLOWS:
            begun.add(_follow(old, application, by=by).pk)
        elif arrival.fate == Fate.JOINS and arrival.own is not None:
            arrival.own.applications.add(application)
            record(by=by, action="subscription.add_application", target=arrival.own, after=name)
            begun.add(arrival.own.pk)
    return begun, left_behind


def _follow(old: Subscription, application: Application, *, by: Actor) -> Subscription:
    """A subscription on the same terms, which stands as the old one does: what is paused stays paused."""
    following = Subscription(
        organization=application.organization,
        product=old.product,
        environment=old.environment,
        plan_version=old.plan_version,
        lifecycle=old.lifecycle,
        reason=old.reason,
        ends_at=old.ends_at,
        requested_by=by.label,
    )
    following.save(force_insert=True)
    following.applications.add(application)
    after = state_of(following) | {"application": application.name, "instead_of": old.pk}
    record(by=by, action="subscription.create", target=following, after=after)
    tell_subscription("subscription.approved", following)
    return following


def _leave_what_is_over(application: Application, source: Organization) -> set[str]:
    """Take the application out of what is over already; the ids of those whose reason gateways still tell."""
    over = list(application.subscriptions.filter(organization=source).values_list("id", flat=True))
    application.subscriptions.remove(*Subscription.objects.filter(id__in=over))
    known = AccessRecord.objects.filter(kind=AccessRecord.Kind.SUBSCRIPTION, key__in=over)
    return {key for key, body in known.values_list("key", "body") if body is not None}


def _roll(
    keys: tuple[Credential, ...], application: Application, overlap_s: int | None, user: User, *, by: Actor
) -> tuple[IssuedKey, ...]:
    if overlap_s is None:
        return ()
    api_keys = [each for each in keys if each.kind == Credential.Kind.API_KEY]
    _end_rolled(api_keys, overlap_s, by=by)
    rollable = [each for each in api_keys if each.state == Credential.State.ACTIVE]
    for each in rollable:
        each.application = application
    return tuple(roll_credential(credential=each, by=by, overlap_s=overlap_s, creator=user) for each in rollable)


def _end_rolled(keys: Iterable[Credential], overlap_s: int, *, by: Actor) -> None:
    """End keys that were rolled before, by the same moment as those rolled now: the old side knows them as well."""
    ends_at = timezone.now() + timedelta(seconds=overlap_s)
    rolling = [each for each in keys if each.state == Credential.State.ROLLING]
    late = Credential.objects.filter(pk__in=[each.pk for each in rolling if (each.expires_at or ends_at) >= ends_at])
    if overlap_s:
        late.update(expires_at=ends_at)
    else:
        close(late, state=Credential.State.REVOKED, by=by, reason="Its new owner replaced it.")


def _free_name(name: str, organization: Organization) -> str:
    """The name, with a number behind it where the organization has it already."""
    taken = set(organization.applications.values_list("name", flat=True))
    number, wanted = 2, name
    while wanted in taken:
        wanted, number = f"{name[: _LONGEST_NAME - 5]}-{number}", number + 1
    return wanted
