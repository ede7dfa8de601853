"""Plans: what the subscriptions of a plan version are measured against, made at its first use.

Calls and the rate are counted in one cell of a subscription; units, bytes, what caps count and each anchored quota in
one of its own.
"""

from __future__ import annotations

from typing import Final

from gateway_sync.policies.patterns import weight_of
from gateway_sync.runtime.core.anchored import AnchoredTerms
from gateway_sync.runtime.core.caps import CapTerms, weight_in
from gateway_sync.runtime.core.limits import BYTES, CALLS, UNITS, Terms
from gateway_sync.runtime.core.windows import BILLING_PERIOD
from gateway_sync.snapshot import Cap, Plan, Quota

RESTRICTED_PART: Final = 4  # who is restricted has a quarter of the plan's rate
RESTRICTED_RATE: Final = (5, 1, 5)  # of plans without one
REMEMBERED_TERMS: Final = 4096
ANCHORED: Final = "anchored"


class PlanEntry:
    """The terms of a plan version.

    Shapes: is_measured = it has quotas of units or bytes too, anchored ones, or caps of meters; is_served_unrecorded =
    calls pass that cannot be recorded.
    """

    __slots__ = (
        "_anchored", "_by_unit", "_plan", "_terms", "id", "is_by_period", "is_measured", "is_served_unrecorded",
    )  # fmt: skip

    def __init__(self, plan: Plan) -> None:
        """What is asked for is made at its first use."""
        self.id = plan.id
        self.is_served_unrecorded = plan.is_served_unrecorded
        self._anchored = [quota for quota in plan.quotas if quota.window == ANCHORED]
        others = [quota for quota in plan.quotas if quota.window != ANCHORED]
        self.is_by_period = bool(plan.caps) or any(quota.per == BILLING_PERIOD for quota in others)
        self._by_unit = {unit: [quota for quota in others if quota.unit == unit] for unit in (CALLS, UNITS, BYTES)}
        self.is_measured = bool(self._by_unit[UNITS] or self._by_unit[BYTES] or self._anchored or plan.caps)
        self._plan = plan
        self._terms: dict[tuple[object, ...], Terms | None] = {}

    def terms_for(self, anchor_s: int, *, is_restricted: bool) -> Terms | None:
        """What a subscription's calls are measured against; None without limits.

        Shapes: anchor_s is when its billing periods began; restricted is who paid late.
        """
        return self._remembered(CALLS, anchor_s, is_restricted=is_restricted)

    def measured_for(self, anchor_s: int, operation: str, since_s: int = 0) -> list[Terms]:
        """What else a call of the operation is measured against: units, of which it costs some, bytes, and caps.

        Shapes: since_s is what anchored quotas are counted from.
        """
        cost = weight_of(self._plan.weights, operation) if self._plan.weights else 1
        found: list[Terms | None] = [self._anchored_to(quota, since_s, cost) for quota in self._anchored]
        found += [self._remembered(unit, anchor_s, cost=cost) for unit in (UNITS, BYTES) if self._by_unit[unit]]
        weighed = ((cap, weight_in(cap, operation)) for cap in self._plan.caps)
        found += [self._capped(cap, weight, anchor_s) for cap, weight in weighed if weight]
        return [terms for terms in found if terms is not None]

    def _remembered(self, unit: str, anchor_s: int, *, is_restricted: bool = False, cost: int = 1) -> Terms | None:
        name = (unit, anchor_s if self.is_by_period else 0, is_restricted, cost)
        if name not in self._terms:
            self._remember(name, self._make(unit, anchor_s, is_restricted=is_restricted, cost=cost))
        return self._terms[name]

    def _anchored_to(self, quota: Quota, since_s: int, cost: int) -> Terms | None:
        interval = self._plan.interval if quota.per == BILLING_PERIOD else quota.per
        cost = cost if quota.unit == UNITS else 1
        name = (ANCHORED, interval, quota.unit, since_s, cost)
        if name not in self._terms:
            is_lent = self._plan.is_postpaid or self._plan.is_sharing
            terms = AnchoredTerms(quota.requests, interval, since_s, unit=quota.unit, cost=cost, is_lent=is_lent)
            self._remember(name, terms)
        return self._terms[name]

    def _capped(self, cap: Cap, weight: int, anchor_s: int) -> Terms | None:
        name = ("cap", cap.meter, anchor_s, weight)
        if name not in self._terms:
            is_lent = self._plan.is_postpaid or self._plan.is_sharing
            self._remember(name, CapTerms(cap, weight, (self._plan.interval, anchor_s), is_lent=is_lent))
        return self._terms[name]

    def _remember(self, name: tuple[object, ...], terms: Terms | None) -> None:
        if len(self._terms) >= REMEMBERED_TERMS:
            self._terms.clear()
        self._terms[name] = terms

    def _make(self, unit: str, anchor_s: int, *, is_restricted: bool, cost: int) -> Terms | None:
        plan = self._plan
        rate = (plan.rate.requests, plan.rate.per_s, plan.rate.burst) if plan.rate and unit == CALLS else None
        if is_restricted:
            rate = (rate[0], rate[1] * RESTRICTED_PART, max(1, rate[2] // RESTRICTED_PART)) if rate else RESTRICTED_RATE
        hard = [(quota.requests, quota.per) for quota in self._by_unit[unit] if quota.on_exceed == "block"]
        soft = [(quota.requests, quota.per) for quota in self._by_unit[unit] if quota.on_exceed != "block"]
        if not rate and not hard and not soft:
            return None
        return Terms(
            "rate",
            rate,
            hard,
            plan.timezone,
            soft_quotas=soft,
            billing=(plan.interval, anchor_s),
            is_lent=plan.is_postpaid or plan.is_sharing,
            unit=unit,
            cost=cost,
        )
