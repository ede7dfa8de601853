"""Bindings: policies against the operations that they are for, and what they need of the version's document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway_sync.compiler.routes import names_any
from gateway_sync.policies import DESCRIPTIONS, KINDS_BY_NAME, AppliedPolicy, read_policy
from gateway_sync.policies.contracts import Contract, OperationContract
from gateway_sync.policies.patterns import Operations
from gateway_sync.policies.views import RouteFacts, Unbindable
from gateway_sync.problems import Problem, Where
from gateway_sync.rows import EnvironmentRow, VersionRow
from gateway_sync.snapshot import Policy, Route

_FAULTS_TOLD = 5  # of one policy: the others are of the same make


def compile_contract(
    row: VersionRow, environment: EnvironmentRow, policies: Iterable[Policy], routes: Sequence[Route]
) -> tuple[Contract | None, list[Problem]]:
    """What of the contract the policies need, and the policies that cannot act where they should."""
    where = Where("version", row.id, "policies")
    own = [policy for each in policies if (policy := read_policy(each.kind, each.settings, where)[0])]
    shared = [policy for each in environment.policies if (policy := read_policy(each.kind, each.settings, where)[0])]
    problems: list[Problem] = []
    contract = _needed(row.contract, [*own, *shared], routes)
    for policy in own:
        problems += _pattern_problems(policy, routes, where)
        if DESCRIPTIONS[policy.kind].contract and row.contract is None:
            message = f'"{policy.kind}" goes by the version\'s OpenAPI document, and there is none.'
            problems.append(Problem("policy.E008", message, where, "Import one, or leave the policy out."))
    for policy in [*own, *shared]:
        problems += _binding_problems(policy, routes, contract, where)
    return contract, problems


def _pattern_problems(policy: AppliedPolicy, routes: Sequence[Route], where: Where) -> list[Problem]:
    """A warning for each pattern that names no operation."""
    return [
        Problem(
            "policy.W001", f'"{text}", of {policy.kind}, names no operation.', where, "Check the method and the path."
        )
        for text in policy.operations
        if routes and not names_any(text, routes)
    ]


def _binding_problems(
    policy: AppliedPolicy, routes: Sequence[Route], contract: Contract | None, where: Where
) -> list[Problem]:
    """Binds the policy as a gateway will."""
    problems: list[Problem] = []
    operations = dict(contract.operations) if contract is not None else {}
    definitions = contract.definitions if contract is not None else ()
    chosen = Operations(policy.operations)
    for route in routes:
        if chosen.rank(route.id) is None or len(problems) == _FAULTS_TOLD:
            continue
        facts = RouteFacts(route.id, route.method, route.path, operations.get(route.id), definitions)
        try:
            KINDS_BY_NAME[policy.kind].bind(policy.value, facts)
        except Unbindable as error:
            message = f'"{policy.kind}" cannot act on {route.id}: {error}.'
            hint = "Limit the policy to other operations, or change it."
            problems.append(Problem("policy.E007", message, where, hint))
    return problems


def _needed(contract: Contract | None, policies: Sequence[AppliedPolicy], routes: Iterable[Route]) -> Contract | None:
    """The operations and definitions that some policy needs."""
    asking = [
        (Operations(policy.operations), need) for policy in policies if (need := DESCRIPTIONS[policy.kind].contract)
    ]
    if contract is None or not asking:
        return None
    known = dict(contract.operations)
    kept: list[tuple[str, OperationContract]] = []
    is_checked = False
    for route in routes:
        needs = {need for operations, need in asking if operations.rank(route.id) is not None}
        if needs and route.id in known:
            kept.append((route.id, known[route.id].only(requests="requests" in needs, answers="answers" in needs)))
            is_checked = is_checked or "requests" in needs
    return Contract(tuple(kept), contract.definitions if is_checked else ())
