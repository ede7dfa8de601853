"""Judging: what a gateway decides about a call from what the log kept of it, by the gateway's own code. Pure.

The log keeps method, path, size and who called, and neither fields, query, body nor address. What turns on those is
told apart: such a call may be answered otherwise, and others of its kind as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway_sync.messages import Refusal
from gateway_sync.policies.views import Answer, Caller, RequestView
from gateway_sync.runtime.core.access import find_verdict
from gateway_sync.runtime.core.refusals import status_of
from gateway_sync.runtime.core.routing import match_route
from gateway_sync.runtime.core.rules import NO_LIMIT

if TYPE_CHECKING:
    from gateway_sync.runtime.core.access import Records
    from gateway_sync.runtime.core.index import Index, RouteEntry
    from gateway_sync.runtime.core.rules import Rules

_ANY_METHOD: Final = "*"
_CLOSED_STATUS: Final = 503


class Call(NamedTuple):
    """A call of the log. Shapes: path is the public one; key is what its caller is found by in the records."""

    id: int
    method: str
    path: str
    key: str
    request_bytes: int


class States(NamedTuple):
    """The two sides: the state in force, the one that is asked about, and who may call what in both."""

    now: Index
    then: Index
    records: Records


class Outcome(NamedTuple):
    """What is decided about a call.

    Shapes: kind = "forwarded", "answered" (by a policy) or "refused"; status is 0 for what the service answers; policy
    is the kind that decides; turns_on is what the log does not keep and the decision turns on, "" when it is certain.
    """

    kind: str
    status: int = 0
    code: str = ""
    operation: str = ""
    policy: str = ""
    turns_on: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One call, what is decided about it now and what would be."""

    call: Call
    now: Outcome
    then: Outcome

    @property
    def is_certain(self) -> bool:
        """False when it turns on what the log does not keep."""
        return not self.then.turns_on


def differences(calls: Iterable[Call], states: States, now_s: int) -> list[Difference]:
    """The calls that would be decided otherwise, in their order."""
    found = []
    for call in calls:
        route, refused = _routed(states.now, call)
        current = refused or _decided(call, route, states.records, now_s)
        route_then, refused = _routed(states.then, call)
        wanted = refused or _decided(call, route_then, states.records, now_s)
        if wanted.kind != "refused" and route is not None and route_then is not None:
            wanted = _asked_otherwise(route, route_then) or wanted
        if wanted != current:
            found.append(Difference(call, _likely(current), wanted))
    return found


def _likely(outcome: Outcome) -> Outcome:
    """What is answered now: a call that was made has most likely what its service asks for."""
    return Outcome("forwarded", operation=outcome.operation) if outcome.turns_on else outcome


def _routed(index: Index, call: Call) -> tuple[RouteEntry | None, Outcome | None]:
    """The operation, or why there is none."""
    method = b"GET" if call.method == _ANY_METHOD else call.method.encode()
    match = match_route(index, method, call.path.encode())
    version = match.version
    if version is None:
        return None, Outcome("refused", 404, "not-found")
    if version.state == "retired":
        return None, Outcome("refused", status_of(version.retired), version.retired.code)
    if match.route is None:
        code = "method-not-allowed" if match.allowed else "not-found"
        return None, Outcome("refused", status_of(Refusal(code)), code)
    if not version.book.is_usable:
        return None, Outcome("refused", _CLOSED_STATUS, "internal-error", match.route.id)
    return match.route, None


def _decided(call: Call, route: RouteEntry | None, records: Records, now_s: int) -> Outcome:
    """What follows for a call that has an operation."""
    if route is None:
        return Outcome("refused", 404, "not-found")
    rules = route.rules
    verdict = find_verdict(records, call.key, route.products, now_s)
    if verdict.code and not rules.is_anonymous:
        return Outcome("refused", status_of(Refusal(verdict.code)), verdict.code, route.id)
    if rules.max_body_bytes != NO_LIMIT and call.request_bytes > rules.max_body_bytes:
        return Outcome("refused", status_of(Refusal("body-too-large")), "body-too-large", route.id)
    identity = verdict.identity
    caller = Caller(identity.application, identity.application_name, identity.organization, identity.credential)
    return _stepped(call, route, caller)


def _stepped(call: Call, route: RouteEntry, caller: Caller) -> Outcome:
    """What the steps make of it that need no body: an answer in the service's place, a refusal, or nothing."""
    prefix = route.version.prefix.decode()
    path = call.path.removeprefix(prefix) or "/"
    view = RequestView(call.method, path, "", [], prefix=prefix, operation=route.id, caller=caller)
    for step in route.rules.steps:
        if step.on_request is None or step.is_shadow or step.body_bytes:
            continue
        outcome = step.on_request(view)
        if isinstance(outcome, Answer):
            return Outcome("answered", outcome.status, "", route.id, step.kind)
        if isinstance(outcome, Refusal):
            return Outcome("refused", status_of(outcome), outcome.code, route.id, step.kind, "fields")
    return Outcome("forwarded", operation=route.id)


def _asked_otherwise(now: RouteEntry, then: RouteEntry) -> Outcome | None:
    """A refusal that threatens because more is asked of a call than now."""
    before, after = now.rules, then.rules
    if _ways(before) - _ways(after):
        return Outcome("refused", 401, "unauthenticated", then.id, "", "key")
    if after.ip_filters and after.ip_filters != before.ip_filters:
        return Outcome("refused", 403, "forbidden", then.id, "ip-filter", "address")
    judging = {step.kind for step in before.steps if step.body_bytes and not step.is_shadow}
    for step in after.steps:
        if step.body_bytes and not step.is_shadow and step.on_request is not None and step.kind not in judging:
            return Outcome("refused", 400, "invalid-request", then.id, step.kind, "body")
    return None


def _ways(rules: Rules) -> frozenset[str]:
    """How callers may say who they are."""
    ways = {f"field {rules.key_field.decode()}"} if rules.key_field else set()
    if rules.reads_bearer:
        ways.add("bearer")
    if rules.reads_basic:
        ways.add("basic")
    if rules.takes_certificates:
        ways.add("certificate")
    if rules.tokens is not None:
        ways.add(f"tokens of {rules.tokens.policy.issuer}")
        if rules.tokens.policy.is_only:
            ways -= {f"field {rules.key_field.decode()}", "bearer", "basic"}
    return frozenset(ways)
