"""Rules: what the policies of an environment and a version say about one route, found once a snapshot.

Owns: which policies hold where. All policies of an accumulating kind act, those of the environment first; of the other
kinds only the narrowest: the version's before the environment's, there the one that names the operation before a
wildcard before the whole, and of equals the one written first. Routes with the same policies share one Rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from gateway_sync.policies import ACCUMULATING, KINDS, KINDS_BY_NAME, AppliedPolicy, read_policy
from gateway_sync.policies.client_certificate import ClientCertificate
from gateway_sync.policies.concurrency_limit import ConcurrencyLimit
from gateway_sync.policies.cors import CORS
from gateway_sync.policies.ip_filter import IPFilter
from gateway_sync.policies.jwt import JWT
from gateway_sync.policies.key_auth import KeyAuth
from gateway_sync.policies.patterns import Operations
from gateway_sync.policies.rate_limit import RateLimit
from gateway_sync.policies.size_limit import SizeLimit
from gateway_sync.policies.views import RouteFacts, Unbindable
from gateway_sync.problems import Problem, Where
from gateway_sync.runtime.core.limits import Terms
from gateway_sync.runtime.core.steps import BoundStep, Closed, bind_step
from gateway_sync.runtime.core.tokens import Verifier
from gateway_sync.snapshot import API, Environment, Policy, Route, Version

NO_LIMIT: Final = -1


class RateRule:
    """A rate limit of a version. Shapes: name is the same in every worker and begins the names of its cells."""

    __slots__ = ("by", "header", "name", "terms")

    def __init__(self, version_id: str, number: int, rate: RateLimit) -> None:
        """number tells the rates of one version apart, in RateLimit fields too."""
        self.name = f"{version_id}:{number}"
        self.by = rate.by
        self.header = rate.header
        self.terms = Terms(f"{rate.by}-{number}", (rate.requests, rate.per_s, rate.burst))


class ConcurrencyRule:
    """A limit of calls at once. Shapes: name as in RateRule."""

    __slots__ = ("by", "is_shadow", "most", "name")

    def __init__(self, version_id: str, number: int, limit: ConcurrencyLimit, *, is_shadow: bool) -> None:
        """number tells those of one version apart."""
        self.name = f"{version_id}/{number}"
        self.by = limit.by
        self.most = limit.most
        self.is_shadow = is_shadow


class Rules:
    """What holds for a route.

    Shapes: max_body_bytes is NO_LIMIT when none is set; steps are in the order in which a request meets them; the
    shadows_ count and refuse nothing. is_stepped = an exchange needs more than admission and forwarding; tokens is None
    where none are read; has_requests = a step acts on requests, has_answers on answers, and they are alike when each of
    these steps is.
    """

    __slots__ = (
        "answer_bytes", "are_answers_alike", "are_requests_alike", "body_bytes", "concurrency", "has_answers",
        "has_requests", "ip_filters", "is_anonymous", "is_body_needed", "is_stepped", "key_field", "max_body_bytes",
        "rates", "reads_basic", "reads_bearer", "shadow_body_bytes", "shadow_ip_filters", "shadow_rates", "steps",
        "takes_certificates", "tokens",
    )  # fmt: skip

    def __init__(
        self, policies: Iterable[tuple[AppliedPolicy, int]], book: RuleBook, steps: tuple[BoundStep, ...]
    ) -> None:
        """policies are pairs of a policy and its number among those of its kind."""
        rates: list[RateRule] = []
        self.shadow_rates: list[RateRule] = []
        self.ip_filters: list[IPFilter] = []
        self.shadow_ip_filters: list[IPFilter] = []
        key_auth = KeyAuth()
        self.concurrency: list[ConcurrencyRule] = []
        sizes: list[int] = []
        shadow_sizes: list[int] = []
        self.tokens: Verifier | None = None
        certificates: ClientCertificate | None = None
        for policy, number in policies:
            value, is_shadow = policy.value, policy.is_shadow
            if isinstance(value, KeyAuth):
                key_auth = value
            elif isinstance(value, JWT):
                self.tokens = book.verifier_of(value)
            elif isinstance(value, ClientCertificate):
                certificates = value
            elif isinstance(value, IPFilter):
                (self.shadow_ip_filters if is_shadow else self.ip_filters).append(value)
            elif isinstance(value, SizeLimit):
                (shadow_sizes if is_shadow else sizes).append(value.max_bytes)
            elif isinstance(value, RateLimit):
                (self.shadow_rates if is_shadow else rates).append(RateRule(book.version_id, number, value))
            elif isinstance(value, ConcurrencyLimit):
                self.concurrency.append(ConcurrencyRule(book.version_id, number, value, is_shadow=is_shadow))
        self.rates = rates
        self.key_field = key_auth.header_or(book.key_header).encode()
        self.reads_bearer = key_auth.bearer
        self.reads_basic = key_auth.basic
        is_token_needed = self.tokens is not None and self.tokens.policy.is_only
        self.is_anonymous = key_auth.anonymous and not is_token_needed
        self.takes_certificates = certificates is not None and not is_token_needed
        if certificates is not None and certificates.is_only:
            self._take_nothing_else()
        self.max_body_bytes = min(sizes, default=NO_LIMIT)
        self.shadow_body_bytes = min(shadow_sizes, default=NO_LIMIT)
        self.steps = steps
        on_requests = [step for step in steps if step.on_request is not None]
        on_answers = [step for step in steps if step.on_answer is not None]
        self.has_requests, self.has_answers = bool(on_requests), bool(on_answers)
        self.are_requests_alike = all(step.is_request_alike for step in on_requests)
        self.are_answers_alike = all(step.is_answer_alike for step in on_answers)
        self.answer_bytes = max((step.answer_bytes for step in steps if not step.is_shadow), default=0)
        needed = [step.body_bytes for step in steps if step.body_bytes and not step.is_shadow]
        tried = [step.body_bytes for step in steps if step.body_bytes]
        self.body_bytes = min(needed or tried, default=0)
        self.is_body_needed = bool(needed)
        self.is_stepped = bool(steps or self.concurrency or shadow_sizes or self.shadow_rates or self.shadow_ip_filters)

    def _take_nothing_else(self) -> None:
        """Leave certificates as the one way to say who calls; no field is named "", so none is read as a key."""
        self.key_field = b""
        self.reads_bearer = self.reads_basic = self.is_anonymous = False
        self.takes_certificates = True
        self.tokens = None


class RuleBook:
    """The policies of one version, its own and the environment's."""

    def __init__(self, api: API, version: Version, environment: Environment, problems: list[Problem]) -> None:
        """Problems are added to; is_usable is False when a policy cannot be enforced, so nothing may pass."""
        self.version_id = version.id
        self.key_header = api.key_header
        self._problems = problems
        self._contracts = dict(version.contract.operations) if version.contract else {}
        self._definitions = version.contract.definitions if version.contract else ()
        self._known: dict[tuple[int, ...], Rules] = {}
        self._verifiers: dict[JWT, Verifier] = {}
        self._organization = api.organization
        self._issuers = {issuer.issuer: issuer for issuer in environment.issuers}
        read = [*self._read(environment.policies, is_own=False), *self._read(version.policies, is_own=True)]
        self.is_usable = all(policy is not None for policy, _ in read)
        written = [(policy, is_own) for policy, is_own in read if policy is not None]
        self._written = [(policy, Operations(policy.operations), is_own) for policy, is_own in written]
        self._numbers = _numbers([policy for policy, *_ in self._written])
        self.cors = next((policy.value for policy in self._holding("") if isinstance(policy.value, CORS)), None)
        self.has_ip_filters = any(
            isinstance(policy.value, IPFilter) and not policy.is_shadow for policy, *_ in self._written
        )
        self.key_fields = {
            policy.value.header_or(api.key_header).encode()
            for policy, *_ in self._written
            if isinstance(policy.value, KeyAuth)
        } | {api.key_header.lower().encode()}

    def _read(self, policies: tuple[Policy, ...], *, is_own: bool) -> Iterator[tuple[AppliedPolicy | None, bool]]:
        for written in policies:
            where = Where("version" if is_own else "environment", self.version_id if is_own else "", written.kind)
            policy, found = read_policy(written.kind, written.settings, where)
            self._problems.extend(found)
            yield policy, is_own

    def verifier_of(self, policy: JWT) -> Verifier:
        """What verifies tokens by a policy; one for all routes, so that a token is verified once."""
        if policy not in self._verifiers:
            issuer = self._issuers.get(policy.issuer) if not (policy.jwks or policy.jwks_url) else None
            # Keys, and the claim that names the client, come from one hand: else an owner could have a claim that
            # users of the issuer choose say whose call it is.
            known = replace(policy, jwks=issuer.keys, client_claim=issuer.client_claim) if issuer else policy
            self._verifiers[policy] = Verifier(known, self._organization, issuer)
        return self._verifiers[policy]

    def rules_of(self, route: Route, last: BoundStep | None = None) -> Rules:
        """What holds for a route of the version; last is a step of its own after those of the policies."""
        chosen = self._chosen(route.id)
        facts = RouteFacts(route.id, route.method, route.path, self._contracts.get(route.id), self._definitions)
        is_shared = True
        steps: list[BoundStep] = []
        for place in chosen:
            policy = self._written[place][0]
            value = self._bind(policy, facts)
            is_shared = is_shared and value is policy.value
            if value is not None and (step := bind_step(policy, value)) is not None:
                steps.append(step)
        if last is not None:
            is_shared = False
            steps.append(last)
        known = self._known.get(chosen) if is_shared else None
        if known is None:
            known = Rules([(self._written[place][0], self._numbers[place]) for place in chosen], self, tuple(steps))
            if is_shared:
                self._known[chosen] = known
        return known

    def _bind(self, policy: AppliedPolicy, facts: RouteFacts) -> object | None:
        """What acts on the route; where the policy cannot, the route is closed: it is never gone round."""
        try:
            return KINDS_BY_NAME[policy.kind].bind(policy.value, facts)
        except Unbindable as error:
            message = f'"{policy.kind}" cannot act on {facts.id}, which is closed: {error}.'
            self._problems.append(Problem("policy.E007", message, Where("version", self.version_id, policy.kind)))
            return Closed()

    def _holding(self, route_id: str) -> list[AppliedPolicy]:
        return [self._written[place][0] for place in self._chosen(route_id)]

    def _chosen(self, route_id: str) -> tuple[int, ...]:
        """The places of the policies that hold for an operation, in the order in which kinds act."""
        ranked: list[tuple[int, int, int, int]] = []  # kind, scope, narrowness, place
        best: dict[tuple[str, bool], tuple[int, int, int]] = {}  # a shadow replaces nothing
        for place, (policy, operations, is_own) in enumerate(self._written):
            rank = operations.rank(route_id)
            if rank is None:
                continue
            if policy.kind in ACCUMULATING:
                ranked.append((KINDS.index(policy.kind), is_own, -rank, place))
            else:
                narrowness = (not is_own, rank, place)
                key = policy.kind, policy.is_shadow
                best[key] = min(best.get(key, narrowness), narrowness)
        ranked += [(KINDS.index(kind), 0, 0, place) for (kind, _), (_, _, place) in best.items()]
        return tuple(place for *_, place in sorted(ranked))


def _numbers(policies: list[AppliedPolicy]) -> list[int]:
    """The number of each policy among those of its kind, by which its counts are found again."""
    return [sum(other.kind == policy.kind for other in policies[:place]) for place, policy in enumerate(policies)]
