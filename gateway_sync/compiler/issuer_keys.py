"""The fetched keys of issuers, put into the policies that asked for them: a gateway never fetches any."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway_sync.policies import AppliedPolicy
from gateway_sync.policies.jwt import JWT, key_source
from gateway_sync.policies.web_keys import WebKeyInvalid, joined_key_sets
from gateway_sync.problems import Problem, Where
from gateway_sync.rows import IssuerKeysRow

_FIELD = "jwt.jwksURL"


def with_fetched_keys(
    policy: AppliedPolicy, where: Where, issuer_keys: Iterable[IssuerKeysRow]
) -> tuple[AppliedPolicy, list[Problem]]:
    """The policy with its own keys and those of its source; warnings where they are missing or old."""
    value = policy.value
    if not isinstance(value, JWT) or not (source := key_source(value)):
        return policy, []
    place = Where(where.kind, where.id, ".".join(part for part in (where.field, _FIELD) if part))
    row = next((row for row in issuer_keys if row.source == source), None)
    if row is None:
        message = f"The keys of {source} were not fetched yet; until then its tokens are refused."
        return policy, [] if value.jwks else [Problem("jwt.W001", message, place, "This takes up to a minute.")]
    problems = []
    if row.fault:
        outcome = "the keys of before stay in force" if row.keys else "its tokens are refused"
        message = f"The keys of {source} could not be fetched, {outcome}: {row.fault.rstrip('.')}."
        problems.append(Problem("jwt.W002", message, place, "It is tried again each minute."))
    try:
        keys = joined_key_sets(value.jwks, row.keys)
    except WebKeyInvalid as error:
        return policy, [*problems, Problem("jwt.W003", f"The fetched keys are not used: {error}", place)]
    return replace(policy, value=replace(value, jwks=keys)), problems
