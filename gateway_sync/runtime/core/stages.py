"""Stages: what a request meets in the gateway before its steps, in order, and how each of them ended for one call.

Owns: telling it afterwards, from what was decided; nothing here decides. Stages that are policies have the kind's name,
the others are `route`, `address`, `caller`, `subscription`, `limits`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from gateway_sync.runtime.core.admission import Admission
from gateway_sync.runtime.core.rules import NO_LIMIT, Rules
from gateway_sync.runtime.core.steps import PASSED, REFUSED, BoundStep
from gateway_sync.trace_wire import UNKNOWN, PolicyMet

UNREACHED: Final = "unreached"
ROUTE, ADDRESS, IP_FILTER, KEY_AUTH, JWT = "route", "address", "ip-filter", "key-auth", "jwt"
CALLER, SUBSCRIPTION, LIMITS, SIZE, CONCURRENCY = "caller", "subscription", "limits", "size-limit", "concurrency-limit"

_OF_GRANTS: Final = {
    "forbidden": CALLER,
    "insufficient-scope": JWT,
    "address-not-allowed": CALLER,
    "overloaded": LIMITS,
}
_AFTERWARDS: Final = {"body-too-large": SIZE, "concurrency-limited": CONCURRENCY}


def stopped_at(admission: Admission, code: str) -> str:
    """The stage that refused a call before it was sent on; "" when none did."""
    refusal, grant = admission.refusal, admission.grant
    if refusal is None:
        return _AFTERWARDS.get(code, LIMITS) if code else ""
    route = admission.route
    if grant is not None:
        return _OF_GRANTS.get(refusal.code, SUBSCRIPTION)
    if route is None or (admission.version is not None and refusal is admission.version.retired):
        return ROUTE
    if refusal.code == "forbidden" and admission.version is not None:
        return IP_FILTER if admission.version.state in ("published", "deprecated") else ROUTE
    if refusal.code in ("not-found", "internal-error"):
        return ROUTE
    return _auth(route.rules) if refusal.code in ("unauthenticated", "bad-request") else ADDRESS


def stages_met(admission: Admission, stopped: str, us: int = UNKNOWN) -> list[PolicyMet]:
    """Each stage with its outcome; us is how long all of them took, told with the last one that was reached."""
    rules = admission.route.rules if admission.route is not None else None
    names = _stages_of(rules, has_grant=admission.grant is not None and bool(admission.grant.context))
    reached = names.index(stopped) if stopped in names else len(names) - 1
    met: list[PolicyMet] = []
    for place, name in enumerate(names):
        done = UNREACHED if place > reached else REFUSED if name == stopped else PASSED
        met.append(PolicyMet(name, done, us if place == reached else UNKNOWN))
    return met


def steps_met(steps: tuple[BoundStep, ...], met: int, done: str, stamps: list[int]) -> list[PolicyMet]:
    """The steps of a call that was not watched: those before the one that ended it passed, those after it were not met.

    Shapes: met is its place, done what it did; stamps are nanoseconds, the start's first, then one for each step met.
    """
    told: list[PolicyMet] = []
    times = iter([(after - before) // 1000 for before, after in pairwise(stamps)])
    for place, step in enumerate(steps):
        if step.on_request is None:
            continue
        is_met = place <= met
        outcome = done if place == met else PASSED if is_met else UNREACHED
        us = next(times, UNKNOWN) if is_met else UNKNOWN
        told.append(PolicyMet(step.kind, outcome, us, is_shadow=step.is_shadow))
    return told


def _auth(rules: Rules) -> str:
    return JWT if rules.tokens is not None else KEY_AUTH


def _stages_of(rules: Rules | None, *, has_grant: bool) -> list[str]:
    names = [ROUTE]
    if rules is None:
        return names
    names += [IP_FILTER] * bool(rules.ip_filters) + [ADDRESS, _auth(rules)]
    if has_grant or not rules.is_anonymous:
        names += [CALLER, SUBSCRIPTION]
    names.append(LIMITS)
    names += [SIZE] * (rules.max_body_bytes != NO_LIMIT) + [CONCURRENCY] * bool(rules.concurrency)
    return names
