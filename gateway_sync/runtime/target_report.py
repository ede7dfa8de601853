"""What workers tell about targets, and how their tellings become one for the gateway. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gateway_sync.latencies import add

UP, EJECTED, DOWN = STATES = ("up", "ejected", "down")
_BREAKERS = ("closed", "half-open", "open")


class TargetTold(msgspec.Struct):
    """One target of one version, as a worker or all of a gateway see it.

    Shapes: state is up, ejected or down (by its health check); breaker is that of its arm; the counts are since the
    worker started.
    """

    version: str
    arm: str
    target: str
    state: str
    breaker: str
    active: int = 0
    requests: int = 0
    failures: int = 0
    latency_us: int = 0
    ejections: int = 0
    retries: int = 0
    latencies: list[tuple[int, int]] = []  # (bucket of gateway_sync.latencies, calls)


class EventTold(msgspec.Struct):
    """Something that changed: a target ejected, down or up again, a breaker open, half-open or closed."""

    at: int  # seconds since the epoch
    version: str
    arm: str
    target: str
    what: str


def merge(tellings: Iterable[Iterable[TargetTold]]) -> list[TargetTold]:
    """One entry for each target: counts added, of the states the worst."""
    merged: dict[tuple[str, str, str], TargetTold] = {}
    for telling in tellings:
        for told in telling:
            key = (told.version, told.arm, told.target)
            if key not in merged:
                merged[key] = msgspec.structs.replace(told)
                continue
            known = merged[key]
            known.state = max(known.state, told.state, key=STATES.index)
            known.breaker = max(known.breaker, told.breaker, key=_BREAKERS.index)
            known.active += told.active
            known.requests += told.requests
            known.failures += told.failures
            known.latency_us += told.latency_us
            known.ejections += told.ejections
            known.retries += told.retries
            known.latencies = add(known.latencies, told.latencies)
    return [merged[key] for key in sorted(merged)]
