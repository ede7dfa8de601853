"""Admission: everything that is decided from the head of a request before anything is counted or sent.

The order of checks is fixed: path, routing (404, 405, 410), CORS preflight, addresses, authentication, subscription;
then the shell charges the limits that an Admission names, and checks the body's size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway_sync.messages import Refusal, RequestHead
from gateway_sync.policies.client_certificate import certificate_text
from gateway_sync.runtime.core.access import NOBODY, Records, Verdict, find_verdict
from gateway_sync.runtime.core.addresses import AddressLimit
from gateway_sync.runtime.core.grants import SEPARATOR, Grant, plan_charges
from gateway_sync.runtime.core.index import Index, RouteEntry, VersionEntry
from gateway_sync.runtime.core.keys import CERTIFICATE_MARK, KEY_PREFIX, challenge, scope_challenge, take_key, wanted_of
from gateway_sync.runtime.core.limits import NS
from gateway_sync.runtime.core.paths import canonical_path, is_query
from gateway_sync.runtime.core.plans import PlanEntry
from gateway_sync.runtime.core.refusals import action_member
from gateway_sync.runtime.core.routing import Match, find_route, match_route
from gateway_sync.runtime.core.token_grants import CLIENT_RECORD, TokenGrants

__all__ = ["SEPARATOR", "Admission", "Gate"]

REMEMBERED_GRANTS: Final = 16_384
REMEMBERED_PLANS: Final = 65_536
UNCONFIRMED: Final = "credential-unconfirmed"
_NOT_NOW: Final = Refusal(
    UNCONFIRMED, "This gateway is cut off from what knows of revoked credentials.", (b"Retry-After: 5",)
)
_ELSEWHERE: Final = "This credential may be used from certain networks only, and this address is in none of them."


class Admission:
    """The outcome: refusal is None when the request may go on.

    Shapes: path is canonical; grant is None when the caller is unknown; preflight holds the field lines of a 204.
    """

    __slots__ = ("grant", "path", "preflight", "refusal", "route", "version")

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.path = b""
        self.route: RouteEntry | None = None
        self.version: VersionEntry | None = None
        self.grant: Grant | None = None
        self.refusal: Refusal | None = None
        self.preflight: tuple[bytes, ...] | None = None


class Gate:
    """Admits requests by one index and one state of the access records; remembers what it found."""

    def __init__(self, index: Index, records: Records, hash_key: Callable[[bytes], str], pseudonym: bytes) -> None:
        """hash_key gives the keyed hash that credentials are stored under; pseudonym names this gateway in Via."""
        self.index = index
        self.pseudonym = pseudonym
        self.is_confirmed = True  # somebody vouches for the records: credentials may be looked up
        self._records = records
        self._hash_key = hash_key
        self._grants: dict[tuple[bytes, RouteEntry], Grant] = {}
        self._token_grants = TokenGrants(hash_key, self._grant_of)
        self._last_plans: dict[str, PlanEntry] = {}
        self._addresses = _address_limit(index)

    def use(self, index: Index) -> None:
        """Work by another index from now on."""
        before, environment = self.index.environment, index.environment
        if (before.address_rate_per_s, before.address_burst) != (
            environment.address_rate_per_s,
            environment.address_burst,
        ):
            self._addresses = _address_limit(index)
        self.index = index
        self.forget()

    def use_records(self, records: Records) -> None:
        """Look callers up in other records from now on."""
        self._records = records
        self.forget()

    def confirm(self, *, is_confirmed: bool) -> None:
        """Take credentials from now on, or refuse them; what needs none goes on."""
        self.is_confirmed = is_confirmed
        self.forget()

    def forget(self) -> None:
        """Access records changed: look them up again."""
        self._grants.clear()
        self._token_grants.forget()

    def admit(self, head: RequestHead, address: str, now_ns: int) -> Admission:
        """The decision on one request."""
        admission = Admission()
        path = canonical_path(head.target_path)
        if path is None or (head.query and not is_query(head.query)):
            admission.refusal = Refusal(
                "bad-request", "The path or query holds characters that are not allowed.", is_closing=True
            )
            return admission
        admission.path = path
        route = find_route(self.index, head.method, path)
        if route is not None and route.version.is_plain and not head.via:
            admission.route, admission.version = route, route.version
        else:
            match = match_route(self.index, head.method, path)
            admission.version = match.version
            route = admission.route = match.route
            self._check_rare(admission, match, head, address)
            if admission.refusal is not None or admission.preflight is not None or route is None:
                return admission
        refusal = self._addresses.refusal(address, now_ns)
        key = b""
        if refusal is None and head.keys is not None:
            key, refusal = take_key(head, route.rules)
        if refusal is not None:
            admission.refusal = refusal
            return admission
        grant = self._grants.get((key, route))
        now_s = now_ns // NS
        if grant is None or grant.valid_until_s <= now_s:
            grant = self._find_grant(key, route, now_s)
        if grant.code:
            self._refuse(admission, grant, address, now_ns, is_keyed=bool(key) and key[:1] != CERTIFICATE_MARK)
        else:
            admission.grant = grant
            if grant.networks is not None and not grant.networks.admits(address):
                admission.refusal = Refusal("address-not-allowed", _ELSEWHERE)
        return admission

    def still_admits(self, head: RequestHead, address: str, now_ns: int) -> bool:
        """True when a call that was admitted once would be now; head's lines may get some of its keys.

        What others at its address fail at is not held against it, nor does its end count against the address.
        """
        addresses, self._addresses = self._addresses, AddressLimit(0, 1)
        try:
            return self.admit(head, address, now_ns).refusal is None
        finally:
            self._addresses = addresses

    def _refuse(self, admission: Admission, grant: Grant, address: str, now_ns: int, *, is_keyed: bool) -> None:
        """Say what the verdict on the key says; who is nobody is counted against the address."""
        route = admission.route
        if grant.code == UNCONFIRMED:
            admission.refusal = _NOT_NOW
            return
        if grant.code == "insufficient-scope" and route is not None:
            admission.grant = grant
            detail = f"It must have: {grant.fault}."
            admission.refusal = Refusal(grant.code, detail, (scope_challenge(route, grant.fault),))
            return
        if grant.code != "unauthenticated" or route is None:
            admission.grant = grant
            members = action_member(self.index.environment.portal_url, grant.action, grant.caller.subscription)
            wait = (b"Retry-After: %d" % max(1, grant.valid_until_s - now_ns // NS),)
            admission.refusal = Refusal(
                grant.code, grant.fault, wait if grant.code == "quota-exceeded" else (), members=members
            )
            return
        self._addresses.count(address, now_ns)
        fields = (*challenge(route, grant.fault), *self._addresses.fields(address, now_ns))
        admission.refusal = Refusal(grant.code, grant.fault if is_keyed else wanted_of(route), fields)

    def _check_rare(self, admission: Admission, match: Match, head: RequestHead, address: str) -> None:
        version = match.version
        if self.pseudonym in head.via:
            admission.refusal = Refusal("bad-request", "The request runs in a circle.", status=508)
        elif version is None:
            admission.refusal = Refusal("not-found")
        elif version.state == "retired":
            admission.refusal = version.retired
        elif version.state not in ("published", "deprecated"):
            admission.refusal = Refusal("forbidden", "This version is blocked.")
        elif head.method == b"OPTIONS" and head.preflight_method and version.cors and (match.route or match.allowed):
            origin = head.origin.decode("latin-1")
            wanted = head.preflight_headers.decode("latin-1")
            fields = version.cors.preflight_fields(origin, wanted) if version.cors.admits(origin) else ()
            admission.preflight = tuple(f"{name}: {value}".encode("latin-1") for name, value in fields)
        elif match.route is None and match.allowed:
            admission.refusal = Refusal("method-not-allowed", fields=(b"Allow: " + b", ".join(match.allowed),))
        elif match.route is None:
            admission.refusal = Refusal("not-found")
        elif not version.book.is_usable:
            admission.refusal = Refusal(
                "internal-error", "A policy of this version cannot be enforced here.", status=503
            )
        elif not all(rule.admits(address) for rule in match.route.rules.ip_filters):
            admission.refusal = Refusal("forbidden", "This address may not call.")

    def _find_grant(self, key: bytes, route: RouteEntry, now_s: int) -> Grant:
        if key and not self.is_confirmed:  # never remembered, so that calls come here for as long as it lasts
            if not route.rules.is_anonymous:
                return Grant(Verdict(NOBODY, UNCONFIRMED, valid_until_s=now_s), route)
            key = b""
        tokens = route.rules.tokens
        if key[:1] == CERTIFICATE_MARK:
            return self._certificate_grant(key, route, now_s)
        if key and tokens is not None and not key.startswith(KEY_PREFIX):
            environment = self.index.environment.id
            return self._token_grants.find(key, tokens, route, self._records, environment, now_s)
        if key and (tokens is None or not tokens.policy.is_only):
            verdict = find_verdict(self._records, self._hash_key(key), route.products, now_s)
        elif route.rules.is_anonymous:
            return self._remember(key, route, Grant(Verdict(NOBODY, ""), route))
        else:
            verdict = Verdict(NOBODY, "unauthenticated", valid_until_s=now_s)
        grant = self._grant_of(verdict, route, now_s)
        return self._remember(key, route, grant) if grant.valid_until_s > now_s else grant

    def _certificate_grant(self, key: bytes, route: RouteEntry, now_s: int) -> Grant:
        """The grant of a client certificate; one that no application registered says nothing of who calls."""
        text = certificate_text(self.index.environment.id, key[1:].hex())
        key_hash = self._hash_key(text.encode())
        verdict = find_verdict(self._records, key_hash, route.products, now_s, CLIENT_RECORD)
        if verdict.code == "unauthenticated":
            return self._find_grant(b"", route, now_s)
        return self._remember(key, route, self._grant_of(verdict, route, now_s))

    def _grant_of(self, verdict: Verdict, route: RouteEntry, now_s: int) -> Grant:
        """The verdict with the terms of the subscription's plan."""
        plan = self._find_plan(verdict) if not verdict.code else None
        if not verdict.code and plan is None:
            # The record came before the snapshot that holds its plan; without terms nothing is admitted.
            verdict = Verdict(verdict.identity, "overloaded", valid_until_s=now_s)
        return Grant(verdict, route, plan_charges(plan, verdict, route.id) if plan is not None else ())

    def _remember(self, key: bytes, route: RouteEntry, grant: Grant) -> Grant:
        if len(self._grants) >= REMEMBERED_GRANTS:
            self._grants.clear()
        self._grants[key, route] = grant
        return grant

    def _find_plan(self, verdict: Verdict) -> PlanEntry | None:
        """The terms of the subscription's plan. While the new ones are on their way: those it had last.

        Who does not know these, as after a start, goes by the newest terms of the plan that are here.
        """
        plan = self.index.plans.get(verdict.plan)
        if plan is None:
            return self._last_plans.get(verdict.subscription) or self.index.newest_plans.get(verdict.plan_name)
        if len(self._last_plans) >= REMEMBERED_PLANS:
            self._last_plans.clear()
        self._last_plans[verdict.subscription] = plan
        return plan


def _address_limit(index: Index) -> AddressLimit:
    return AddressLimit(index.environment.address_rate_per_s, index.environment.address_burst)
