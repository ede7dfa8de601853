"""What one quota counted, through changes of the plan: gateways go on with it where the next plan has such a quota.

A call counts for a quota when the version that it was made under had one of the same window and unit, and costs what
that version says. So a quota that a new plan brings begins empty here as it does at gateways. One of a subscription's
own periods begins anew when it begins to be billed, for then it has another anchor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import F, Q, Sum

from apim.access.models import Subscription
from apim.products.limits import BYTES, UNITS, interval_of, is_anchored, unit_of
from apim.products.models import PlanVersion
from apim.usage.models import PlanMove, UsageRollup
from apim.usage.plan_moves import CHARGED
from gateway_sync.policies.patterns import weight_of

_Kind = tuple[bool, str, str]


def spent_alike(since: Q, quotas: Mapping[Subscription, Mapping[str, Any]]) -> Mapping[str, int]:
    """What each quota counted since its window began, by the subscription's id; 0 for what is not there.

    Shapes: since tells the roll-ups; the quotas count one unit, a subscription has its plan_version. Two queries, and
    one where somebody called under another version than today's.
    """
    today = {subscription.id: subscription.plan_version for subscription in quotas}
    kinds = {each.id: _kind(quota, each.plan_version) for each, quota in quotas.items()}
    billed = {each.id for each in quotas if each.billing_anchor and each.plan_version.is_priced}
    unit = next((unit for _, _, unit in kinds.values()), "")
    counted = list(_counted(since & CHARGED & Q(subscription_id__in=list(today)), unit))
    others = {version for _, version, _, _ in counted} - {"", *(each.id for each in today.values())}
    known = {each.id: each for each in today.values()} | (PlanVersion.objects.in_bulk(others) if others else {})
    found: defaultdict[str, int] = defaultdict(int)
    for subscription, version_id, operation, amount in counted:
        version = known.get(version_id) or today[subscription]
        kind, alike = kinds[subscription], {_kind(quota, version) for quota in version.quotas}
        is_from_before = kind[0] and subscription in billed and not version.is_priced
        if version is not today[subscription] and (kind not in alike or is_from_before):
            continue
        found[subscription] += amount * (weight_of(version.weights, operation) if unit == UNITS else 1)
    return found


def _kind(quota: Mapping[str, Any], version: PlanVersion) -> _Kind:
    """What tells a quota's count at gateways."""
    return is_anchored(quota), interval_of(quota, version.pricing), unit_of(quota)


def _counted(met: Q, unit: str) -> Iterable[tuple[str, str, str, int]]:
    """(subscription, plan version, operation, amount), of which some are taken off."""
    amount = Sum(F("request_bytes") + F("response_bytes")) if unit == BYTES else Sum("calls")
    by = ("operation",) if unit == UNITS else ()
    rows = UsageRollup.objects.filter(met).order_by().values_list("subscription_id", "plan_version_id", *by)
    for subscription, version, *operation, sum_ in rows.annotate(amount=amount):
        yield subscription, version, "".join(operation), int(sum_)
    moves = PlanMove.objects.filter(met).order_by()
    columns = ("subscription_id", "plan_version_id", "named_version_id", *by)
    for subscription, version, named, *operation, sum_ in moves.values_list(*columns).annotate(amount=amount):
        yield subscription, version, "".join(operation), int(sum_)
        yield subscription, named, "".join(operation), -int(sum_)
