"""What a version says about its connections: protocols they may be turned over to, silence within an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway_sync.policies import PolicyValue, parse_policy, streaming, upgrade
from gateway_sync.policies.streaming import Streaming
from gateway_sync.policies.upgrade import Upgrade
from gateway_sync.problems import Where

if TYPE_CHECKING:
    from gateway_sync.snapshot import Policy

UPGRADE = Upgrade()


def upgrade_of(outer: tuple[Policy, ...], inner: tuple[Policy, ...]) -> Upgrade:
    """What may be upgraded to; WebSocket unless a policy says otherwise."""
    value = _narrowest(upgrade.KIND, outer, inner)
    return value if isinstance(value, Upgrade) else UPGRADE


def silence_s_of(outer: tuple[Policy, ...], inner: tuple[Policy, ...], timeout_s: float) -> float:
    """How long an answer that has begun may pause; timeout_s unless a policy says otherwise."""
    value = _narrowest(streaming.KIND, outer, inner)
    return value.idle_s if isinstance(value, Streaming) else timeout_s


def _narrowest(kind: str, outer: tuple[Policy, ...], inner: tuple[Policy, ...]) -> PolicyValue | None:
    """The version's policy of a kind, else the environment's. What is wrong with it is told where all are read."""
    for policy in (*inner, *outer):
        if policy.kind == kind:
            return parse_policy(kind, policy.settings, Where("version", "", kind))[0]
    return None
