"""Bounds: what one worker grants its callers at most, in time and in connections."""

from __future__ import annotations

import resource

import msgspec

SHED = 32  # callers beyond the bound that are told so at a time; more are cut off without a word
_OTHER_FILES = 2 * SHED + 64  # those, maps, the channel, the listener, what a start-up opens


class Bounds(msgspec.Struct, frozen=True):
    """One worker's bounds; connections 0 = as many as the process may have open files for, tunnels 0 = of these.

    Units: seconds; head_s from the first byte of a head to its last, idle_s between exchanges, body_s for each few
    KiB of a body, either way.
    """

    head_s: float = 10.0
    idle_s: float = 75.0
    body_s: float = 30.0
    connections: int = 0
    tunnels: int = 0


def connections_possible() -> int:
    """How many callers a process can serve: each takes a file for itself and may take one for its upstream.

    Raises the limit of open files as far as it may be.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(1, (hard - _OTHER_FILES) // 2)
