"""Caps: what who pays chose about spending, and what follows when the most of it is spent.

A cap holds as soon as gateways' records have come here and we have looked, some seconds late: calls of these seconds
pass and cost what they cost.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from apim.access.models import Subscription
from apim.access.services import Spent, Standing, settle_subscription
from apim.audit.actor import Actor, system_actor
from apim.audit.services import record, state_of
from apim.billing.giving import whole_amount
from apim.billing.models import BillingSubscription, SpendingControl
from apim.billing.spending import RELATED, Spending, spendings, with_spending
from apim.billing.usage_mails import tell_usage_of
from apim.billing.windows import hour_of
from apim.errors import Conflict, Invalid
from apim.pricing.money import from_minor, money_text
from apim.pricing.parts import Metered
from apim.usage.models import UsageRollup

SPENDING: Final = system_actor("spending")
_LATELY: Final = timedelta(hours=2)
_BATCH: Final = 500


def watch_spending(*, only: str = "") -> int:
    """How many subscriptions were looked at: those that were used lately, and those that something is refused to.

    Doing it twice changes nothing; a mail comes once for each threshold and period.
    """
    rows = BillingSubscription.objects.filter(with_spending())
    if only:
        rows = rows.filter(pk=only)
    else:
        used = UsageRollup.objects.filter(period="hour", at__gte=hour_of(timezone.now() - _LATELY))
        held = Q(subscription__capped_until__isnull=False) | Q(subscription__is_throttled=True)
        rows = rows.filter(Q(pk__in=used.values("subscription_id")) | held)
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), _BATCH):
        batch = BillingSubscription.objects.filter(pk__in=ids[start : start + _BATCH])
        found = spendings(batch.select_related(*RELATED))
        for spending in found:
            _hold(spending)
        tell_usage_of(found)
    return len(ids)


def set_cap(*, subscription: Subscription, amount: str, by: Actor) -> SpendingControl:
    """The wishes of who pays, with this cap in the plan's currency; "" takes it away. In force at once.

    Errors: billing.amount_wrong, billing.cap_too_low, billing.cap_useless.
    """
    terms = subscription.plan_version.terms
    if not any(isinstance(part, Metered) for part in terms.prices) or terms.prepaid is not None:
        raise Conflict(
            "billing.cap_useless", gettext("The plan charges for no usage: it cannot cost more than it says.")
        )
    cap = whole_amount(amount, terms.currency, "cap") if amount.strip() else None
    due = max(terms.recurring, terms.minimum_spend)
    if cap is not None and from_minor(cap, terms.currency) <= due:
        words = f"{money_text(due, terms.currency)} {terms.currency}"
        message = gettext("Each period costs %(words)s anyway.") % {"words": words}
        raise Invalid("billing.cap_too_low", message, hint=gettext("Choose a higher cap."), field="cap")
    control = _change(subscription, by, "billing.set_cap", cap=cap)
    watch_spending(only=subscription.pk)
    return control


def set_usage_mails(*, subscription: Subscription, wants_mails: bool, by: Actor) -> SpendingControl:
    """The wishes of who pays, with mails of usage or without."""
    return _change(subscription, by, "billing.set_usage_mails", wants_mails=wants_mails)


@transaction.atomic
def _change(subscription: Subscription, by: Actor, action: str, **changes: object) -> SpendingControl:
    control, _ = SpendingControl.objects.select_for_update(of=("self",)).get_or_create(subscription=subscription)
    before = state_of(control)
    for name, value in changes.items():
        setattr(control, name, value)
    control.save()
    after = state_of(control)
    before.pop("changed_at"), after.pop("changed_at")
    record(
        by=by,
        action=action,
        target=control,
        before=before,
        after=after,
        organization_id=subscription.organization_id,
    )
    return control


def _hold(spending: Spending) -> None:
    """Refuse or slow down calls while the most is spent, and no longer."""
    mirror, cap, subscription = spending.mirror, spending.cap, spending.mirror.subscription
    is_over = mirror.period_end is None or mirror.period_end <= timezone.now()
    is_reached = cap is not None and spending.spent >= cap.amount and not spending.is_trial and not is_over
    then = cap.then if cap is not None and is_reached else "allow"
    wanted = Spent(mirror.period_end if then == "block" else None, is_throttled=then == "throttle")
    if wanted == Spent(subscription.capped_until, is_throttled=subscription.is_throttled):
        return
    settle_subscription(subscription=subscription, standing=Standing(spent=wanted), by=SPENDING)
