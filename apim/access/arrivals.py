"""What comes along when an application goes to another organization: subscriptions, keys, and what each costs whom.

Owns: these decisions, without writing anything. Must not know: offers, pages.

Money stays exact because a subscription never changes hands. Gateways write the subscription that admitted a call on
the call's record, and usage is billed by that: what was used before is the old payer's, what is used after the new
one's, call by call. A subscription that is paid for is never begun for somebody who did not buy it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from apim.access.models import Application, Credential, Subscription
from apim.accounts.models import Organization
from apim.products.models import Plan, PlanVersion

_Lifecycle = Subscription.Lifecycle
_IN_FORCE = (_Lifecycle.ACTIVE, _Lifecycle.CANCELED)


class Fate(StrEnum):
    """What becomes of the application's part in a subscription."""

    FOLLOWS = "follows"  # a subscription of the same plan begins for the new organization
    JOINS = "joins"  # it goes on under the subscription that the new organization has
    WAITS = "waits"  # the new organization must subscribe by itself first
    STAYS = "stays"  # it was never granted: it is left behind


class Obstacle(StrEnum):
    """Why the new organization must subscribe by itself first."""

    PAID = "paid"
    APPROVAL = "approval"  # its owner decides about each subscriber
    CLOSED = "closed"  # the plan is not for everybody
    NOT_READY = "not_ready"  # its own subscription lets no call pass


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides a subscription's fate. Shapes: own_lifecycle "" = the new organization has none of its own."""

    lifecycle: str
    is_paid: bool = False
    is_manual: bool = False
    is_open: bool = True
    own_lifecycle: str = ""
    is_own_suspended: bool = False


def fate_of(terms: Terms) -> tuple[Fate, Obstacle | None]:
    """The fate, and the obstacle of what waits."""
    if terms.lifecycle == _Lifecycle.PENDING:
        return Fate.STAYS, None
    if terms.own_lifecycle:
        is_ready = terms.own_lifecycle in _IN_FORCE and not terms.is_own_suspended
        return (Fate.JOINS, None) if is_ready else (Fate.WAITS, Obstacle.NOT_READY)
    if terms.is_paid:
        return Fate.WAITS, Obstacle.PAID
    if terms.is_manual:
        return Fate.WAITS, Obstacle.APPROVAL
    return (Fate.FOLLOWS, None) if terms.is_open else (Fate.WAITS, Obstacle.CLOSED)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One subscription that the application is part of. Shapes: own is that of the new organization, if it has one."""

    subscription: Subscription
    fate: Fate
    obstacle: Obstacle | None = None
    own: Subscription | None = None

    @property
    def is_paid(self) -> bool:
        """True where its organization goes on paying for it."""
        return _is_paid(self.subscription)


@dataclass(frozen=True, slots=True)
class Luggage:
    """All that comes along. Shapes: keys are those that live; left_keys are clients that the new side cannot have."""

    arrivals: tuple[Arrival, ...]
    keys: tuple[Credential, ...]
    left_keys: tuple[Credential, ...]

    @property
    def obstacles(self) -> tuple[Arrival, ...]:
        """What has to be mended before the application can go."""
        return tuple(each for each in self.arrivals if each.fate == Fate.WAITS)

    @property
    def digest(self) -> str:
        """What somebody agreed to, as a short text: another one means that something changed since they looked."""
        parts = [
            f"{each.subscription.pk}:{each.fate}:{each.subscription.plan_version_id}:{each.own and each.own.pk}"
            f":{each.own and each.own.plan_version_id}"
            for each in self.arrivals
        ]
        parts += [f"+{each.pk}" for each in self.keys] + [f"-{each.pk}" for each in self.left_keys]
        return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]


def luggage_of(application: Application, organization: Organization | None) -> Luggage:
    """What would go along now, in a fixed number of queries. None = to somebody who has nothing yet."""
    held = list(application.subscriptions.live().with_names().order_by("created_at", "id"))
    keys = list(application.credentials.live().select_related("environment", "registration").order_by("created_at"))
    own = _own_of(organization, held)
    open_plans = _open_plans(organization, held)
    arrivals = []
    for each in held:
        mine = own.get((each.product_id, each.environment_id))
        fate, obstacle = fate_of(
            Terms(
                lifecycle=each.lifecycle,
                is_paid=_is_paid(each),
                is_manual=each.plan_version.approval == PlanVersion.Approval.MANUAL,
                is_open=organization is None or each.plan_version.plan_id in open_plans,
                own_lifecycle=mine.lifecycle if mine else "",
                is_own_suspended=mine is not None and mine.payment == Subscription.Payment.SUSPENDED,
            )
        )
        arrivals.append(Arrival(each, fate, obstacle, mine))
    left = [each for each in keys if each.is_client and not _is_known_to(each, organization)]
    return Luggage(tuple(arrivals), tuple(each for each in keys if each not in left), tuple(left))


def _own_of(organization: Organization | None, held: Iterable[Subscription]) -> dict[tuple[str, str], Subscription]:
    if organization is None:
        return {}
    products = {each.product_id for each in held}
    rows = Subscription.objects.live().filter(organization=organization, product__in=products).with_names()
    return {(each.product_id, each.environment_id): each for each in rows}


def _open_plans(organization: Organization | None, held: Iterable[Subscription]) -> set[str]:
    if organization is None:
        return set()
    plans = {each.plan_version.plan_id for each in held}
    return set(Plan.objects.open_to(organization).filter(id__in=plans).values_list("id", flat=True))


def _is_paid(subscription: Subscription) -> bool:
    has_payment = subscription.payment != Subscription.Payment.NONE or subscription.awaits_payment
    return has_payment or subscription.plan_version.is_priced


def _is_known_to(client: Credential, organization: Organization | None) -> bool:
    """False for a client of an issuer of the old organization's own, and of one that is not for the new one."""
    registration = client.registration
    return registration is not None and (organization is None or registration.is_open_to(organization.pk))
