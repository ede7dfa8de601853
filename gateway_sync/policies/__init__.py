"""Policies: the rules that owners put on environments and versions. One kind, one file.

KINDS is the order in which kinds act on a request, for every engine, and its reverse the order for answers: users
choose which and where, never when. Kinds from installed packages come last. Quotas and the rate of a plan are not
policies: they belong to the plan in the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway_sync.policies import (
    client_certificate,
    client_limits,
    compression,
    concurrency_limit,
    cors,
    fault,
    fixed_answer,
    ip_filter,
    jwt,
    key_auth,
    mock,
    path_rewrite,
    query,
    rate_limit,
    redirect,
    request_headers,
    response_headers,
    size_limit,
    streaming,
    tracing,
    upgrade,
    validate_request,
)
from gateway_sync.policies.applied import AppliedPolicy, read_common, split_settings
from gateway_sync.policies.descriptions import Description
from gateway_sync.policies.installed import load_installed
from gateway_sync.policies.kinds import Kind, kind_of
from gateway_sync.policies.settings import nearest_hint
from gateway_sync.problems import Problem, Where

__all__ = [
    "ACCUMULATING",
    "BUILT_IN",
    "DESCRIPTIONS",
    "INSTALLED_PROBLEMS",
    "KINDS",
    "KINDS_BY_NAME",
    "AppliedPolicy",
    "PolicyValue",
    "dump_policy",
    "parse_policy",
    "read_policy",
    "write_policy",
]

PolicyValue = object  # the frozen dataclass of a kind

_BUILT_IN = (
    client_limits,
    tracing,
    cors,
    ip_filter,
    key_auth,
    jwt,
    client_certificate,
    rate_limit,
    concurrency_limit,
    size_limit,
    upgrade,
    streaming,
    compression,
    response_headers,
    redirect,
    fixed_answer,
    validate_request,
    mock,
    request_headers,
    query,
    path_rewrite,
    fault,
)

_OWN: tuple[Kind, ...] = tuple(kind_of(module) for module in _BUILT_IN)

BUILT_IN = tuple(kind.name for kind in _OWN)

# Asked for once a process, when it starts; INSTALLED_PROBLEMS say which packages cannot be used.
_INSTALLED, INSTALLED_PROBLEMS = load_installed(BUILT_IN)

_ALL: tuple[Kind, ...] = (*_OWN, *_INSTALLED)

KINDS_BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}

KINDS = tuple(KINDS_BY_NAME)

DESCRIPTIONS: Mapping[str, Description] = {kind.name: kind.description for kind in _ALL}

# Of these all that are written act, in every scope; of the other kinds only the narrowest one.
ACCUMULATING = frozenset(kind.name for kind in _ALL if kind.description.accumulates)

_BY_CLASS = {kind.policy: kind for kind in _ALL}


def read_policy(kind: str, settings: object, where: Where) -> tuple[AppliedPolicy | None, tuple[Problem, ...]]:
    """The checked policy, or None and its Problems; reads what owners write and what write_policy wrote.

    Errors: total; policy.E001 unknown kind, policy.E002 settings that are no mapping, policy.E004 to E006 about the
    settings that every kind has.
    """
    found = KINDS_BY_NAME.get(kind)
    if found is None:
        reason = next((f" {problem.message}" for problem in INSTALLED_PROBLEMS if problem.where.id == kind), "")
        return None, (Problem("policy.E001", f'Unknown policy "{kind}".{reason}', where, nearest_hint(kind, KINDS)),)
    if not isinstance(settings, Mapping):
        return None, (Problem("policy.E002", f'The settings of "{kind}" must be a mapping.', where),)
    common, own = split_settings(settings)
    operations, is_shadow, problems = read_common(found.description, common, where)
    value, own_problems = _parsed(found, own, where)
    problems += own_problems
    if value is None or any(problem.is_error for problem in problems):
        return None, problems
    return AppliedPolicy(kind, value, operations, is_shadow), problems


def _parsed(kind: Kind, settings: Mapping[str, object], where: Where) -> tuple[object | None, tuple[Problem, ...]]:
    """As the kind's parse; a fault in the code of another package is a Problem of the policy, and others go on."""
    if kind.name in BUILT_IN:
        return kind.parse(settings, where)
    try:
        return kind.parse(settings, where)
    except Exception as error:  # noqa: BLE001 - other people's code
        message = f'The package of the kind "{kind.name}" failed at these settings: {type(error).__name__}: {error}.'
        return None, (Problem("policy.E012", message, where, "Mend the package, or leave the policy out."),)


def write_policy(policy: AppliedPolicy) -> dict[str, object]:
    """Canonical, complete settings without floats; read_policy reads them back to an equal value."""
    settings = dict(KINDS_BY_NAME[policy.kind].dump(policy.value))
    if policy.operations:
        settings["operations"] = list(policy.operations)
    if policy.is_shadow:
        settings["shadow"] = True
    return settings


def parse_policy(kind: str, settings: object, where: Where) -> tuple[object | None, tuple[Problem, ...]]:
    """The kind's own part of read_policy."""
    policy, problems = read_policy(kind, settings, where)
    return (policy.value if policy else None), problems


def dump_policy(value: object) -> dict[str, object]:
    """The kind's own part of write_policy. Errors: KeyError for what is no policy."""
    return dict(_BY_CLASS[type(value)].dump(value))
