"""The environment itself, and the policies written on it or on a version."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from gateway_sync.compiler.issuer_keys import compile_issuers, with_known_keys
from gateway_sync.policies import ACCUMULATING, KINDS, AppliedPolicy, read_policy, write_policy
from gateway_sync.problems import Problem, Where
from gateway_sync.rows import EnvironmentRow, PolicyRow
from gateway_sync.snapshot import Environment, Policy


def compile_environment(row: EnvironmentRow) -> tuple[Environment, list[Problem]]:
    """The environment with what is usable of it, and its problems."""
    problems: list[Problem] = []
    networks = []
    for block in row.allowed_networks:
        try:
            networks.append(str(ipaddress.ip_network(block, strict=False)))
        except ValueError:
            where = Where("environment", row.id, "allowed_networks")
            problems.append(
                Problem("environment.E001", f'"{block}" is not a network.', where, "Write it like 10.0.0.0/8.")
            )
    if row.address_rate_per_s < 1 or row.address_burst < 1:
        where = Where("environment", row.id, "address_rate_per_s")
        problems.append(Problem("environment.E002", "The rate of an address and its burst must be above 0.", where))
    policies, found = compile_policies(row.policies, Where("environment", row.id, "policies"), row)
    problems += found
    issuers, found = compile_issuers(row)
    environment = Environment(
        id=row.id,
        name=row.name,
        allowed_networks=tuple(sorted(set(networks))),
        allow_public_networks=row.allow_public_networks,
        forbidden_addresses=tuple(sorted(set(row.forbidden_addresses))),
        address_rate_per_s=max(1, row.address_rate_per_s),
        address_burst=max(1, row.address_burst),
        policies=policies,
        portal_url=row.portal_url.rstrip("/"),
        issuers=issuers,
        gateways=max(0, row.gateways),
        max_revocation_age_s=max(0, row.max_revocation_age_s),
    )
    return environment, problems + found


def compile_policies(
    rows: Iterable[PolicyRow], where: Where, environment: EnvironmentRow
) -> tuple[tuple[Policy, ...], list[Problem]]:
    """The usable policies in the order in which kinds act, and what is wrong with the others."""
    policies: list[Policy] = []
    problems: list[Problem] = []
    for row in rows:
        policy, found = read_policy(row.kind, row.settings, where)
        problems += found
        if policy is None:
            continue
        if row.kind not in ACCUMULATING and any(_is_same_place(policy, other) for other in policies):
            message = f'"{row.kind}" is written twice for the same operations.'
            problems.append(Problem("policy.E003", message, where, "Keep one of the two."))
            continue
        policy, found_keys = with_known_keys(policy, where, environment)
        problems += found_keys
        if policy is None:
            continue
        policies.append(Policy(row.kind, write_policy(policy)))
    return tuple(sorted(policies, key=lambda policy: KINDS.index(policy.kind))), problems


def _is_same_place(policy: AppliedPolicy, other: Policy) -> bool:
    operations = other.settings.get("operations", [])
    place = list(policy.operations), policy.is_shadow
    return policy.kind == other.kind and place == (operations, bool(other.settings.get("shadow")))
