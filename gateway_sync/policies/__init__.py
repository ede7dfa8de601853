"""Policies: the rules that owners put on environments and versions. One kind, one file.

KINDS is the order in which kinds act, for every engine: users choose which and where, never when. Quotas and the
rate of a plan are not policies: they belong to the plan in the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway_sync.policies import (
    client_limits,
    cors,
    ip_filter,
    key_auth,
    rate_limit,
    size_limit,
    streaming,
    upgrade,
)
from gateway_sync.policies.client_limits import ClientLimits
from gateway_sync.policies.cors import CORS
from gateway_sync.policies.descriptions import Description
from gateway_sync.policies.ip_filter import IPFilter
from gateway_sync.policies.key_auth import KeyAuth
from gateway_sync.policies.rate_limit import RateLimit
from gateway_sync.policies.settings import nearest_hint
from gateway_sync.policies.size_limit import SizeLimit
from gateway_sync.policies.streaming import Streaming
from gateway_sync.policies.upgrade import Upgrade
from gateway_sync.problems import Problem, Where

__all__ = ["DESCRIPTIONS", "KINDS", "LIMIT_KINDS", "PolicyValue", "dump_policy", "parse_policy"]

PolicyValue = ClientLimits | CORS | IPFilter | KeyAuth | RateLimit | SizeLimit | Streaming | Upgrade

KINDS = (
    client_limits.KIND,
    cors.KIND,
    ip_filter.KIND,
    key_auth.KIND,
    rate_limit.KIND,
    size_limit.KIND,
    upgrade.KIND,
    streaming.KIND,
)

DESCRIPTIONS: Mapping[str, Description] = {
    each.kind: each
    for each in (
        client_limits.DESCRIPTION,
        cors.DESCRIPTION,
        ip_filter.DESCRIPTION,
        key_auth.DESCRIPTION,
        rate_limit.DESCRIPTION,
        size_limit.DESCRIPTION,
        upgrade.DESCRIPTION,
        streaming.DESCRIPTION,
    )
}

# Of these a request must pass those of every scope; of the other kinds the narrowest scope wins.
LIMIT_KINDS = frozenset({ip_filter.KIND, rate_limit.KIND, size_limit.KIND})

Parse = Callable[[Mapping[str, object], Where], tuple[PolicyValue | None, tuple[Problem, ...]]]

_PARSE: dict[str, Parse] = {
    client_limits.KIND: client_limits.parse,
    cors.KIND: cors.parse,
    ip_filter.KIND: ip_filter.parse,
    key_auth.KIND: key_auth.parse,
    rate_limit.KIND: rate_limit.parse,
    size_limit.KIND: size_limit.parse,
    upgrade.KIND: upgrade.parse,
    streaming.KIND: streaming.parse,
}


def parse_policy(kind: str, settings: object, where: Where) -> tuple[PolicyValue | None, tuple[Problem, ...]]:
    """The checked policy, or None and its Problems; reads what owners write and what dump_policy wrote.

    Errors: total; policy.E001 unknown kind, policy.E002 settings that are no mapping.
    """
    parse = _PARSE.get(kind)
    if parse is None:
        return None, (Problem("policy.E001", f'Unknown policy "{kind}".', where, nearest_hint(kind, KINDS)),)
    if not isinstance(settings, Mapping):
        return None, (Problem("policy.E002", f'The settings of "{kind}" must be a mapping.', where),)
    return parse(settings, where)


def dump_policy(policy: PolicyValue) -> dict[str, object]:
    """Canonical, complete settings without floats; parse_policy reads them back to an equal value."""
    match policy:
        case ClientLimits():
            return client_limits.dump(policy)
        case CORS():
            return cors.dump(policy)
        case IPFilter():
            return ip_filter.dump(policy)
        case KeyAuth():
            return key_auth.dump(policy)
        case RateLimit():
            return rate_limit.dump(policy)
        case SizeLimit():
            return size_limit.dump(policy)
        case Streaming():
            return streaming.dump(policy)
        case Upgrade():
            return upgrade.dump(policy)
