"""Bounds: what one worker grants its callers at most, in time, in bytes and in connections."""

from __future__ import annotations

import resource
from collections.abc import Iterable

import msgspec

from gateway_sync.policies import client_limits, parse_policy
from gateway_sync.policies.client_limits import ClientLimits
from gateway_sync.problems import Where
from gateway_sync.snapshot import Policy

SHED = 32  # callers beyond the bound that are told so at a time; more are cut off without a word
_OTHER_FILES = 2 * SHED + 64  # those, maps, the channel, the listener, what a start-up opens


class Given(msgspec.Struct, frozen=True):
    """What the command line of a gateway says, which holds there whatever the environment says; None = nothing."""

    head_s: float | None = None
    idle_s: float | None = None
    body_s: float | None = None
    connections: int | None = None


class Bounds(msgspec.Struct, frozen=True):
    """One worker's bounds. connections 0 = as many as the process may have open files for; else 0 = no bound.

    Units: seconds and bytes; head_s from the first byte of a head to its last, idle_s between exchanges, body_s for
    each few KiB of a body, either way; lag_s is how late the event loop may be before requests are refused.
    bodies_bytes of requests are kept at a time, unsent_bytes of answers wait for callers of HTTP/2.
    """

    head_s: float = 10.0
    idle_s: float = 75.0
    body_s: float = 30.0
    head_bytes: int = 65_536
    connections: int = 0
    connections_per_address: int = 0
    tunnels: int = 0
    composites: int = 64
    lag_s: float = 0.25
    bodies_bytes: int = 128 << 20
    unsent_bytes: int = 64 << 20


def bounds_of(policies: Iterable[Policy], given: Given) -> Bounds:
    """The bounds that an environment's policies ask for, but for what is given on this host."""
    limits = ClientLimits()
    for policy in policies:
        if policy.kind == client_limits.KIND:
            value, _ = parse_policy(policy.kind, policy.settings, Where("environment", ""))
            limits = value if isinstance(value, ClientLimits) else limits
    asked = Bounds(
        head_s=limits.header_s,
        idle_s=limits.idle_s,
        body_s=limits.body_s,
        head_bytes=limits.header_bytes,
        connections=limits.connections,
        connections_per_address=limits.connections_per_address,
        tunnels=limits.tunnels,
        composites=limits.composites,
        lag_s=limits.overload_lag_ms / 1000,
        bodies_bytes=limits.bodies_bytes,
        unsent_bytes=limits.unsent_bytes,
    )
    here = {name: value for name, value in msgspec.structs.asdict(given).items() if value is not None}
    return msgspec.structs.replace(asked, **here)


def connections_possible() -> int:
    """How many callers a process can serve: each takes a file for itself and may take one for its upstream.

    Raises the limit of open files as far as it may be.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(1, (hard - _OTHER_FILES) // 2)
