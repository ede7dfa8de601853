"""Balancing: the choice among the targets that may get a call. Integers only; hashes and chance are arguments."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence

from gateway_sync.latencies import bucket_of
from gateway_sync.runtime.core.health import Health
from gateway_sync.runtime.core.targets import TargetEntry
from gateway_sync.upstreams.balancing import CONSISTENT_HASH, LEAST_REQUESTS, Balancing

POINTS = 100  # on the ring for a target of average weight
MOST_POINTS = 2000


class Member:
    """One target of a pool, and what is under way there.

    Shapes: waiting holds what to call when a place is free; each returns False when it needs none any more.
    """

    __slots__ = (
        "active",
        "arm",
        "credit",
        "ejections",
        "failures",
        "health",
        "key",
        "latencies",
        "latency_us",
        "priority",
        "requests",
        "retries",
        "target",
        "token",
        "told",
        "unreached_until_ms",
        "waiting",
        "weight",
    )  # fmt: skip

    def __init__(self, target: TargetEntry, weight: int, priority: int, arm: str, health: Health) -> None:
        """Nothing is under way. key names the target among all of an environment."""
        self.target = target
        self.weight = weight
        self.priority = priority
        self.arm = arm
        self.health = health
        self.key = f"{'https' if target.is_tls else 'http'}://{target.address[0]}:{target.address[1]}"
        self.active = self.credit = self.unreached_until_ms = 0
        self.requests = self.failures = self.latency_us = self.ejections = self.retries = 0
        self.latencies: dict[int, int] = {}  # calls by bucket of core.latencies
        self.token = b""
        self.told: tuple[object, ...] = ()  # what was told of it last
        self.waiting: deque[Callable[[], bool]] = deque()

    def count(self, latency_us: int, *, is_failure: bool) -> None:
        """Count one call that was made."""
        self.requests += 1
        self.failures += is_failure
        self.latency_us += latency_us
        bucket = bucket_of(latency_us)
        self.latencies[bucket] = self.latencies.get(bucket, 0) + 1

    def take_over(self, other: Member) -> None:
        """Go on with what is known of the same target from before a new snapshot."""
        self.health.take_over(other.health)
        self.unreached_until_ms = other.unreached_until_ms
        self.requests, self.failures, self.latency_us = other.requests, other.failures, other.latency_us
        self.latencies = other.latencies
        self.ejections, self.retries = other.ejections, other.retries


class Balancer:
    """Chooses one of the members that may get a call."""

    def __init__(self, settings: Balancing, members: Sequence[Member]) -> None:
        """The members are all there ever are; a choice is among some of them."""
        self._algorithm = settings.algorithm
        self._bound = settings.bound
        self._points, self._owners = _ring(members) if settings.algorithm == CONSISTENT_HASH else ([], [])

    def choose(self, members: Sequence[Member], now_ms: int, key: int, draw: int) -> Member:
        """One of the members, which are not empty; key is the hash of the call, draw is chance."""
        if len(members) == 1:
            return members[0]
        if self._algorithm == CONSISTENT_HASH:
            return self._by_hash(members, key)
        if self._algorithm == LEAST_REQUESTS:
            return _least_busy(members, now_ms, draw)
        return _in_turn(members, now_ms)

    def _by_hash(self, members: Sequence[Member], key: int) -> Member:
        """The owner of the next point on the ring that may be chosen and is not above its share of the load.

        Source: Mirrokni, Thorup, Zadimoghaddam, Consistent Hashing with Bounded Loads (2018).
        """
        busy = sum(member.active for member in members) + 1
        weights = sum(member.weight for member in members) or 1
        start = bisect_left(self._points, key)
        allowed = set(members)
        seen: set[Member] = set()
        for step in range(len(self._owners)):
            member = self._owners[(start + step) % len(self._owners)]
            if member not in allowed or member in seen:
                continue
            if member.active * weights * 100 < self._bound * busy * member.weight or len(members) == 1:
                return member
            seen.add(member)
            if len(seen) == len(allowed):
                break
        return min(members, key=lambda member: member.active)


def hash_of(text: bytes) -> int:
    """The place of a text on the ring, 0 to 2**64 - 1."""
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def _ring(members: Sequence[Member]) -> tuple[list[int], list[Member]]:
    """Points in order with their owners: so many a target as its weight asks for, placed by its address alone."""
    total = sum(member.weight for member in members) or 1
    points: list[tuple[int, int]] = []
    for index, member in enumerate(members):
        count = min(MOST_POINTS, member.weight * POINTS * len(members) // total)
        count = max(count, 1) if member.weight else 0
        name = member.key.encode() + member.target.base_path
        points += [(hash_of(b"%s#%d" % (name, number)), index) for number in range(count)]
    points.sort()
    return [point for point, _ in points], [members[index] for _, index in points]


def _in_turn(members: Sequence[Member], now_ms: int) -> Member:
    """Smooth weighted round robin: the one with the most credit, which it pays for."""
    best = members[0]
    total = 0
    for member in members:
        weight = member.health.weight(member.weight, now_ms)
        total += weight
        member.credit += weight
        if member.credit > best.credit:
            best = member
    best.credit -= total
    return best


def _least_busy(members: Sequence[Member], now_ms: int, draw: int) -> Member:
    """The fewest calls under way for its weight; among equals the one where the draw begins to look."""
    start = draw % len(members)
    best = members[start]
    best_weight = best.health.weight(best.weight, now_ms)
    for step in range(1, len(members)):
        member = members[(start + step) % len(members)]
        weight = member.health.weight(member.weight, now_ms)
        if (member.active + 1) * best_weight < (best.active + 1) * weight:
            best, best_weight = member, weight
    return best
