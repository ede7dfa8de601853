"""UpstreamStates: what one worker knows about the targets of all versions, across snapshots.

Owns: handing states over to a new snapshot, the verdicts of the health checks, what is told to the supervisor.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator

from gateway_sync.runtime.core.breakers import CLOSED
from gateway_sync.runtime.core.index import Index
from gateway_sync.runtime.core.pools import Arm, UpstreamPool
from gateway_sync.runtime.target_report import DOWN, EJECTED, UP, EventTold, TargetTold

logger = logging.getLogger(__name__)

EVENTS_KEPT = 50


class UpstreamStates:
    """The pools in force."""

    def __init__(self, workers: int, name: Callable[[bytes], str]) -> None:
        """workers are those that share the limits of the host; name is a keyed hash, the same on every gateway."""
        self._workers = workers
        self._name = name
        self._pools: dict[str, UpstreamPool] = {}
        self.down: Collection[str] = frozenset()
        self.events: deque[EventTold] = deque(maxlen=EVENTS_KEPT)

    def use(self, index: Index, now_ms: int) -> None:
        """Go on with the pools of another index."""
        before, self._pools = self._pools, {}
        for version in index.versions.values():
            if version.pool is None:
                continue
            pool, former = version.pool, before.get(version.id)
            self._pools[version.id] = pool
            if pool is former:  # the API is the same as before
                continue
            pool.settle(self._workers, self._name)
            if former is not None:
                pool.take_over(former)
        self.judge(self.down, now_ms)

    def judge(self, down: Collection[str], now_ms: int) -> None:
        """Take the verdicts of the health checks: the targets that are down, as check_key names them."""
        self.down = frozenset(down)
        for pool in self._pools.values():
            is_checked = pool.settings.health_check is not None
            for member in pool.members:
                is_down = is_checked and check_key(pool.version_id, member.key) in down
                if member.health.judge(now_ms, is_down=is_down):
                    what = "down: its health check fails" if is_down else "up: its health check succeeds again"
                    self.announce(pool, member.arm, member.key, what)

    def announce(self, pool: UpstreamPool, arm: str, target: str, what: str) -> None:
        """Note an event, for the log and the report."""
        self.events.append(EventTold(int(time.time()), pool.version_id, arm, target, what))
        logger.warning("upstream of %s %s %s: %s", pool.version_id, arm or "-", target or "-", what)

    def pools(self) -> Iterable[UpstreamPool]:
        """The pools of the snapshot in force."""
        return self._pools.values()

    def news(self, now_ms: int) -> tuple[list[TargetTold], list[EventTold]]:
        """The targets of which there is something new, and the events, since the last time."""
        events = list(self.events)
        self.events.clear()
        return [told for pool in self._pools.values() for told in _news(pool, now_ms)], events


def check_key(version_id: str, target: str) -> str:
    """What names the health check of a target of a version."""
    return f"{version_id} {target}"


def _news(pool: UpstreamPool, now_ms: int) -> Iterator[TargetTold]:
    for member in pool.members:
        arm: Arm | None = pool.arms.get(member.arm if pool.settings.canary is not None else "")
        health = member.health
        state = DOWN if health.is_down else EJECTED if health.ejected_until_ms > now_ms else UP
        breaker = arm.circuit.state if arm is not None and arm.circuit is not None else CLOSED
        now = (state, breaker, member.requests, member.active)
        if now == member.told:
            continue
        member.told = now
        yield TargetTold(
            version=pool.version_id,
            arm=member.arm,
            target=member.key,
            state=state,
            breaker=breaker,
            active=member.active,
            requests=member.requests,
            failures=member.failures,
            latency_us=member.latency_us,
            latencies=sorted(member.latencies.items()),
            ejections=member.ejections,
            retries=member.retries,
        )
