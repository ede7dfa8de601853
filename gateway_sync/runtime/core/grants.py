"""Grants: what a key may do at a route, and whose cells a call of it is counted in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from gateway_sync.messages import Refusal, RequestHead
from gateway_sync.policies.ip_filter import IPFilter
from gateway_sync.policies.views import NOBODY, Caller, Fields
from gateway_sync.runtime.core.access import NO_CREDITS, Verdict
from gateway_sync.runtime.core.allowances import Allowance
from gateway_sync.runtime.core.caps import CapTerms
from gateway_sync.runtime.core.limits import Terms
from gateway_sync.runtime.core.refusals import action_member

if TYPE_CHECKING:
    from gateway_sync.runtime.core.index import RouteEntry
    from gateway_sync.runtime.core.plans import PlanEntry
    from gateway_sync.runtime.core.rules import ConcurrencyRule, RateRule

SEPARATOR: Final = "\x1f"

Charge = tuple[bytes, Terms]


class Grant:
    """What a caller may do at a route, as long as no access record changes.

    Shapes: charges are ready; late ones are of rates whose subject each call tells anew; is_settled = some of the
    charges are known for sure only when the call has ended. context is the static part of a usage record, b"" for a
    caller who is nobody. fault says more on a code, action what can be done about it. networks is None where a
    credential may call from anywhere, as nearly all do.
    """

    __slots__ = (
        "action", "caller", "charges", "code", "context", "fault", "is_settled", "late", "networks", "rivals",
        "shadow_charges", "shadow_late", "valid_until_s",
    )  # fmt: skip

    def __init__(self, verdict: Verdict, route: RouteEntry, plan: Sequence[Charge] = ()) -> None:
        """plan is the cells of the subscription's plan."""
        identity = verdict.identity
        self.code = verdict.code
        self.fault = verdict.detail
        self.action = verdict.action
        self.rivals = verdict.rivals
        self.valid_until_s = verdict.valid_until_s
        self.networks = IPFilter(verdict.networks, ()) if verdict.networks else None
        self.caller = NOBODY
        self.context = b""
        if identity.credential:
            self.caller = Caller(
                identity.application,
                identity.application_name,
                identity.organization,
                identity.credential,
                verdict.subscription,
                verdict.plan,
            )
            parts = (
                *route.context,
                identity.organization,
                identity.application,
                identity.credential,
                verdict.subscription,
                verdict.plan,
            )
            self.context = SEPARATOR.join(parts).encode()
        rules = route.rules
        rates, shadow_rates = ([], []) if self.code else (rules.rates, rules.shadow_rates)
        ready, self.late = self._charges(rates, route)
        self.shadow_charges, self.shadow_late = self._charges(shadow_rates, route)
        self.charges = [*plan, *ready]
        self.is_settled = any(terms.is_settled for _, terms in plan)
        if verdict.allowance is not None and not self.code:
            since_s, calls = verdict.allowance
            self.charges.append((cell_key(f"credits:{verdict.subscription}"), Allowance(calls, since_s)))

    def _charges(self, rates: Iterable[RateRule], route: RouteEntry) -> tuple[list[Charge], list[RateRule]]:
        """Those whose subject is known, and the others. Nobody is counted by address instead."""
        caller = self.caller
        subjects = {
            "subscription": caller.subscription,
            "application": caller.application,
            "credential": caller.credential,
            "operation": route.id,
        }
        late = [rate for rate in rates if not subjects.get(rate.by)]
        ready = [
            (cell_key(f"{rate.name}:{subject}"), rate.terms) for rate in rates if (subject := subjects.get(rate.by))
        ]
        return ready, late


def plan_charges(plan: PlanEntry, verdict: Verdict, operation: str) -> list[Charge]:
    """The cells that calls of an operation under a plan are counted in: of calls and the rate, each unit, each cap."""
    calls = plan.terms_for(verdict.anchor_s, is_restricted=verdict.is_restricted)
    found = [] if calls is None else [calls]
    if plan.is_measured:
        found += plan.measured_for(verdict.anchor_s, operation, verdict.since_s)
    return [(cell_key(terms.cell_prefix + verdict.subscription), terms) for terms in found]


def late_charges(late: Iterable[RateRule], head: RequestHead, address: str) -> list[Charge]:
    """The charges of rates by header or address, for one call. Calls without the header share one count."""
    return [
        (
            cell_key(f"{rate.name}:{Fields(head.lines).get(rate.header) if rate.header else address}", is_made_up=True),
            rate.terms,
        )
        for rate in late
    ]


def limit_refusal(code: str, wait_s: int, portal_url: str, grant: Grant) -> Refusal:
    """The refusal of a call above a limit: when it may come again, and for a quota where more of it is sold."""
    if code == "credits-exhausted":
        members = action_member(portal_url, "top-up", grant.caller.subscription)
        return Refusal(code, NO_CREDITS, members=members)
    cap = next((terms for _, terms in grant.charges if terms.code == code and isinstance(terms, CapTerms)), None)
    code = code if cap is None else "quota-exceeded"
    action = "upgrade" if code == "quota-exceeded" else ""
    members = action_member(portal_url, action, grant.caller.subscription)
    return Refusal(code, "" if cap is None else cap.fault, (b"Retry-After: %d" % wait_s,), members=members)


def shadow_charges(grant: Grant, head: RequestHead, address: str) -> list[Charge]:
    """What shadow rates would count a call in."""
    return [*grant.shadow_charges, *late_charges(grant.shadow_late, head, address)]


def concurrency_key(rule: ConcurrencyRule, grant: Grant, route: RouteEntry, address: str) -> bytes:
    """The 16 bytes that name whose calls at once are counted. Nobody is counted by address."""
    caller = grant.caller
    subjects = {
        "application": caller.application,
        "credential": caller.credential,
        "subscription": caller.subscription,
        "operation": route.id,
        "version": "*",
    }
    return cell_key(f"{rule.name}/{subjects.get(rule.by) or address}")


def cell_key(text: str, *, is_made_up: bool = False) -> bytes:
    """The 16 bytes that name a subject's cell; the last bit tells subjects that callers may make up as they like."""
    key = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return key[:-1] + bytes((key[-1] | 1 if is_made_up else key[-1] & 0xFE,))
