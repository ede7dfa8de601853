"""TokenGrants: what a call with a token may do: the token, its client's application, that one's subscription.

Owns: the grants that were found, each for one token at one route, until the token expires or access records change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gateway_sync.policies.token_issuers import client_text
from gateway_sync.runtime.core.access import NOBODY, Records, Verdict, find_verdict
from gateway_sync.runtime.core.grants import Grant
from gateway_sync.runtime.core.tokens import Token, Verifier

if TYPE_CHECKING:
    from gateway_sync.runtime.core.index import RouteEntry

REMEMBERED_GRANTS: Final = 8192
CLIENT_RECORD: Final = "client"
_NO_CLIENT: Final = "No application has registered the client of this token."

MakeGrant = Callable[[Verdict, "RouteEntry", int], Grant]


class TokenGrants:
    """Finds and remembers them."""

    def __init__(self, hash_key: Callable[[bytes], str], make_grant: MakeGrant) -> None:
        """make_grant adds the terms of the subscription's plan to a verdict."""
        self._hash_key = hash_key
        self._make_grant = make_grant
        self._found: dict[tuple[bytes, RouteEntry], Grant] = {}

    def forget(self) -> None:
        """Access records or routes changed."""
        self._found.clear()

    def find(
        self, token: bytes, verifier: Verifier, route: RouteEntry, records: Records, environment: str, now_s: int
    ) -> Grant:
        """The grant of a token at a route."""
        name = hashlib.sha256(token).digest(), route
        grant = self._found.get(name)
        if grant is not None and grant.valid_until_s > now_s:
            return grant
        read = verifier.read(token, now_s)
        if read.fault:
            grant = self._make_grant(Verdict(NOBODY, "unauthenticated", valid_until_s=now_s), route, now_s)
            grant.fault = read.fault
            return grant
        grant = self._admitted(read, verifier, route, records, environment, now_s)
        if grant.valid_until_s > now_s:
            if len(self._found) >= REMEMBERED_GRANTS:
                self._found.clear()
            self._found[name] = grant
        return grant

    def _admitted(
        self, read: Token, verifier: Verifier, route: RouteEntry, records: Records, environment: str, now_s: int
    ) -> Grant:
        verdict = self._verdict_on(read.client, verifier, route, records, environment, now_s)
        fault = ""
        needed = verifier.policy.needed_scopes(route.id)
        if verdict.code == "unauthenticated":
            verdict, fault = Verdict(NOBODY, "forbidden", valid_until_s=read.expires_s), _NO_CLIENT
        elif not verdict.code and not read.scopes.issuperset(needed):
            verdict = Verdict(verdict.identity, "insufficient-scope", valid_until_s=verdict.valid_until_s)
            fault = " ".join(needed)
        verdict = replace(verdict, valid_until_s=min(verdict.valid_until_s, read.expires_s))
        grant = self._make_grant(verdict, route, now_s)
        grant.fault = fault or grant.fault
        grant.caller = replace(grant.caller, claims=read.claims)
        return grant

    def _verdict_on(
        self, client: str, verifier: Verifier, route: RouteEntry, records: Records, environment: str, now_s: int
    ) -> Verdict:
        """The verdict on a client: registered keys speak for whom admins let them, any for the API's organization.

        The two kinds lie under different texts, so no keys that an owner chose ever lead to a client of others.
        """
        issuer, home, registered = verifier.policy.issuer, verifier.home, verifier.registered
        if registered is not None:
            verdict = self._look_up(client_text(environment, issuer, client), route, records, now_s)
            organization = verdict.identity.organization
            if organization and (registered.is_for_all or organization in registered.organizations):
                return verdict
        if home:  # without one the text would be that of a registered issuer's client
            verdict = self._look_up(client_text(environment, issuer, client, home), route, records, now_s)
            if verdict.identity.organization == home:
                return verdict
        return Verdict(NOBODY, "unauthenticated", valid_until_s=now_s)

    def _look_up(self, text: str, route: RouteEntry, records: Records, now_s: int) -> Verdict:
        return find_verdict(records, self._hash_key(text.encode()), route.products, now_s, CLIENT_RECORD)
