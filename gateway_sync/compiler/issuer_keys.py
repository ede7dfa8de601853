"""Issuers and their keys: those that admins registered, and the fetched keys of policies that name others.

Owns: whose keys speak for whom. Keys that an owner chose are put into the policy, which then identifies applications of
the API's own organization alone. A policy without keys of its own stays without: gateways take those of the
registration, so that no revision of an owner holds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway_sync.policies import AppliedPolicy
from gateway_sync.policies.jwt import JWT, key_source
from gateway_sync.policies.web_keys import WebKeyInvalid, joined_key_sets
from gateway_sync.problems import Problem, Where
from gateway_sync.rows import EnvironmentRow, IssuerKeysRow, IssuerRow
from gateway_sync.snapshot import Issuer

_LISTED = 5


def compile_issuers(row: EnvironmentRow) -> tuple[tuple[Issuer, ...], list[Problem]]:
    """The registered issuers with the keys that are known of them; warnings where they are missing or old."""
    issuers: list[Issuer] = []
    problems: list[Problem] = []
    for one in sorted(row.issuers, key=lambda one: one.issuer):
        where = Where("environment", row.id, f"issuers.{one.name}")
        keys, found = _keys_of(one.jwks, one.source, row.issuer_keys, where)
        problems += found
        organizations = () if one.is_for_all else tuple(sorted(one.organizations))
        issuers.append(Issuer(one.issuer, keys, one.client_claim, one.is_for_all, organizations))
    return tuple(issuers), problems


def with_known_keys(
    policy: AppliedPolicy, where: Where, environment: EnvironmentRow
) -> tuple[AppliedPolicy | None, list[Problem]]:
    """The policy as gateways get it: without keys where the registered ones are meant, else with its own ones.

    Shapes: None when nobody could ever know its keys.
    """
    value = policy.value
    if not isinstance(value, JWT):
        return policy, []
    registered = next((row for row in environment.issuers if row.issuer == value.issuer), None)
    if registered is not None and not value.jwks and value.jwks_url in ("", registered.jwks_url):
        problems = []
        if value.client_claim not in ("", registered.client_claim):
            meant = f'"{registered.client_claim}"' if registered.client_claim else "azp, else client_id"
            message = f"Where the client id of {value.issuer} is was said when it was registered: {meant}."
            problems.append(Problem("jwt.W006", message, _at(where, "clientClaim"), "Leave clientClaim out."))
        return replace(policy, value=replace(value, jwks_url="")), problems
    source = key_source(value)
    if not value.jwks and not source:
        message = f'The issuer "{value.issuer}" is not registered here, and its keys cannot be found.'
        hint = f"{_registered(environment.issuers)} Or give jwks or jwksURL; discovery needs an https issuer."
        return None, [Problem("jwt.E003", message, _at(where, "issuer"), hint)]
    problems = [_own_keys_problem(value, registered, where, environment.issuers)]
    keys, found = _keys_of(value.jwks, source, environment.issuer_keys, _at(where, "jwksURL"))
    return replace(policy, value=replace(value, jwks=keys)), problems + found


def _own_keys_problem(value: JWT, registered: IssuerRow | None, where: Where, issuers: Iterable[IssuerRow]) -> Problem:
    """Says that tokens of keys that an owner chose speak for the owner's applications alone."""
    alone = "its tokens identify applications of your own organization only"
    if registered is not None:
        message = f"The policy brings its own keys for {value.issuer}, so {alone}."
        return Problem("jwt.W004", message, _at(where, "jwks"), "Leave jwks and jwksURL out: its keys are registered.")
    message = f"The issuer {value.issuer} is not registered here, so {alone}."
    hint = f"Ask an administrator to register it. {_registered(issuers)}"
    return Problem("jwt.W005", message, _at(where, "issuer"), hint)


def _registered(issuers: Iterable[IssuerRow]) -> str:
    names = sorted(row.issuer for row in issuers)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"Registered: {', '.join(names[:_LISTED])}{more}." if names else "No issuer is registered yet."


def _at(where: Where, field: str) -> Where:
    return Where(where.kind, where.id, ".".join(part for part in (where.field, "jwt", field) if part))


def _keys_of(own: str, source: str, issuer_keys: Iterable[IssuerKeysRow], where: Where) -> tuple[str, list[Problem]]:
    """The keys that were written and those that were fetched."""
    if not source:
        return own, []
    row = next((row for row in issuer_keys if row.source == source), None)
    if row is None:
        message = f"The keys of {source} were not fetched yet; until then its tokens are refused."
        return own, [] if own else [Problem("jwt.W001", message, where, "This takes up to a minute.")]
    problems = []
    if row.fault:
        outcome = "the keys of before stay in force" if row.keys else "its tokens are refused"
        message = f"The keys of {source} could not be fetched, {outcome}: {row.fault.rstrip('.')}."
        problems.append(Problem("jwt.W002", message, where, "It is tried again each minute."))
    try:
        return joined_key_sets(own, row.keys), problems
    except WebKeyInvalid as error:
        return own, [*problems, Problem("jwt.W003", f"The fetched keys are not used: {error}", where)]
