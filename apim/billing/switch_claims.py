"""Claims: of those who change one plan at the same moment one does it, and the others are told so.

Who dies on the way leaves the claim behind. After its time the next press goes on under the same idempotency key, so
what was charged is not charged again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import uuid4

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.access.models import Subscription
from apim.billing.driver import KEY_IN_USE, DriverFailed
from apim.billing.models import BillingSubscription
from apim.errors import Conflict
from apim.products.models import Plan

_CLAIM: Final = timedelta(minutes=2)  # longer than all that is asked of Stripe may take
_AT_ONCE: Final = 100
_NO_PLAN: Final = ""  # begins the claim of who takes a change back


class LeftSwitch(NamedTuple):
    """A change that was left. Shapes: plan_id "" where a change was being taken back; until names this very claim."""

    subscription_id: str
    plan_id: str
    until: datetime


@contextmanager
def claimed_switch(subscription: Subscription, plan: Plan) -> Iterator[str]:
    """What tells this change from the next one: part of its idempotency key. "" for what is not bought.

    Errors: billing.switch_under_way.
    """
    mirror = BillingSubscription.objects.filter(subscription=subscription).exclude(stripe_id="").first()
    if mirror is None:
        yield ""
        return
    claim = _take(mirror, plan)
    held = BillingSubscription.objects.filter(pk=mirror.pk, switch_claim=claim)
    try:
        yield claim.partition(":")[2]
    except DriverFailed as failure:
        if failure.is_passing or failure.code == KEY_IN_USE:  # it may be done: the next press asks by the same key
            held.update(switch_claimed_until=None)
        else:  # Stripe says the same under this key for a day
            held.update(switch_claim="", switch_claimed_until=None)
        raise
    except Exception:
        held.update(switch_claim="", switch_claimed_until=None)
        raise
    held.update(switch_claim="", switch_claimed_until=None)


@contextmanager
def claimed_undoing(mirror: BillingSubscription) -> Iterator[None]:
    """Takes the place of what an earlier try left behind: nobody goes on with that, for it is taken back.

    Errors: billing.switch_under_way.
    """
    claim = _hold(mirror, f"{_NO_PLAN}:{uuid4().hex}")
    try:
        yield
    finally:
        held = BillingSubscription.objects.filter(pk=mirror.pk, switch_claim=claim)
        held.update(switch_claim="", switch_claimed_until=None)


def left_switches(mode: str) -> list[LeftSwitch]:
    """The changes whose time is over: who made them died on the way."""
    left = BillingSubscription.objects.filter(mode=mode, switch_claimed_until__lte=timezone.now())
    found = left.order_by("switch_claimed_until").values_list("pk", "switch_claim", "switch_claimed_until")[:_AT_ONCE]
    return [LeftSwitch(key, claim.partition(":")[0], until) for key, claim, until in found if until is not None]


def drop_left(left: LeftSwitch) -> None:
    """Nobody goes on with the change: it is done, or made no more. One that is under way again is not touched."""
    same = BillingSubscription.objects.filter(pk=left.subscription_id, switch_claimed_until=left.until)
    same.update(switch_claim="", switch_claimed_until=None)


def keep_left(subscription_id: str) -> None:
    """The change is gone on with later: Stripe did not answer."""
    mirror = BillingSubscription.objects.filter(pk=subscription_id, switch_claimed_until=None)
    mirror.exclude(switch_claim="").update(switch_claimed_until=timezone.now())


def _take(mirror: BillingSubscription, plan: Plan) -> str:
    """The claim: the one that an earlier try at the same plan left behind, or a new one."""
    is_same = mirror.switch_claim.startswith(f"{plan.pk}:")
    return _hold(mirror, mirror.switch_claim if is_same else f"{plan.pk}:{uuid4().hex}")


def _hold(mirror: BillingSubscription, claim: str) -> str:
    now = timezone.now()
    free = BillingSubscription.objects.filter(pk=mirror.pk, switch_claim=mirror.switch_claim).filter(
        Q(switch_claimed_until=None) | Q(switch_claimed_until__lte=now)
    )
    if not free.update(switch_claim=claim, switch_claimed_until=now + _CLAIM):
        hint = _("Reload the page in a moment: it shows what the other one led to.")
        raise Conflict("billing.switch_under_way", _("Another change of this plan is being carried out."), hint=hint)
    return claim
