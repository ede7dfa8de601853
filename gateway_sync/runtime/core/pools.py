"""UpstreamPool: the targets of one version, and the decisions about one call to them, without I/O.

Versions with one target and no settings have none. Units: times in milliseconds of one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway_sync.messages import RequestHead
from gateway_sync.runtime.core.arms import choose_arm
from gateway_sync.runtime.core.balancing import Balancer, Member, hash_of
from gateway_sync.runtime.core.breakers import Circuit
from gateway_sync.runtime.core.health import Health
from gateway_sync.runtime.core.retrying import Budget
from gateway_sync.runtime.core.targets import TargetEntry
from gateway_sync.snapshot import Target
from gateway_sync.upstreams import UpstreamSettings
from gateway_sync.upstreams.balancing import CONSISTENT_HASH, STICKY_COOKIE, Balancing

TOKEN_CHARACTERS = 20


class Arm:
    """A group of targets with a breaker of its own; without a canary there is one, named ""."""

    __slots__ = ("_balancer", "_levels", "circuit", "members", "name")

    def __init__(self, name: str, members: Sequence[Member], settings: UpstreamSettings) -> None:
        """Members of weight 0 take no calls."""
        self.name = name
        self.members = [member for member in members if member.weight]
        self._balancer = Balancer(settings.balancing or Balancing(), self.members)
        priorities = sorted({member.priority for member in self.members})
        self._levels = [[member for member in self.members if member.priority == each] for each in priorities]
        self.circuit = Circuit(settings.breaker) if settings.breaker is not None else None

    def choose(self, now_ms: int, key: int, draw: int, tried: Sequence[Member], room: int) -> Member | None:
        """A healthy target of the best priority that has one, rather one that has room.

        Shapes: room is how many calls one target has at a time. None = no target is healthy, or all were tried. One
        that could not be connected to a moment ago comes after all others.
        """
        unreached: list[Member] = []
        for level in self._levels:
            usable = [member for member in level if member.health.is_usable(now_ms) and member not in tried]
            reached = [member for member in usable if member.unreached_until_ms <= now_ms]
            if reached:
                free = [member for member in reached if member.active < room]
                return self._balancer.choose(free or reached, now_ms, key, draw)
            unreached = unreached or usable
        return self._balancer.choose(unreached, now_ms, key, draw) if unreached else None


class UpstreamPool:
    """All targets of a version."""

    def __init__(
        self,
        version_id: str,
        targets: Sequence[TargetEntry],
        rows: Sequence[Target],
        settings: UpstreamSettings,
        mirror: TargetEntry | None = None,
    ) -> None:
        """targets and rows are of equal length; mirror is what gets copies."""
        self.mirror = mirror
        self.mirrored = 0  # copies under way
        self.version_id = version_id
        self.settings = settings
        slow_start_ms = settings.slow_start.over_ms if settings.slow_start is not None else 0
        self.members = [
            Member(target, row.weight, row.priority, row.arm, Health(settings.ejection, slow_start_ms))
            for target, row in zip(targets, rows, strict=True)
        ]
        self.weights = settings.canary.arms if settings.canary is not None else (("", 1),)
        is_one = settings.canary is None
        self.arms = {
            name: Arm(name, [member for member in self.members if is_one or member.arm == name], settings)
            for name, _ in self.weights
        }
        self.budget = Budget(settings.retries.budget) if settings.retries is not None else None
        self.tokens: dict[bytes, Member] = {}
        self.room = settings.limits.connections if settings.limits is not None else 2**31
        self.pending = settings.limits.pending if settings.limits is not None else 0

    def settle(self, workers: int, name: Callable[[bytes], str]) -> None:
        """Divide the limits among the workers of the host, and name the members for cookies with a keyed hash."""
        if self.settings.limits is not None:
            self.room = max(1, self.settings.limits.connections // workers)
            self.pending = -(-self.settings.limits.pending // workers)
        if self.settings.balancing is not None and self.settings.balancing.algorithm == STICKY_COOKIE:
            for member in self.members:
                text = f"target {self.version_id} {member.key}".encode() + member.target.base_path
                member.token = name(text)[:TOKEN_CHARACTERS].encode()
                self.tokens[member.token] = member

    def take_over(self, other: UpstreamPool) -> None:
        """Go on with what is known of the same targets from before a new snapshot."""
        known = {(member.key, member.target.base_path): member for member in other.members}
        for member in self.members:
            before = known.get((member.key, member.target.base_path))
            if before is not None:
                member.take_over(before)
        for name, arm in self.arms.items():
            last = other.arms.get(name)
            if last is not None and last.circuit is not None and self.settings.breaker == other.settings.breaker:
                arm.circuit = last.circuit
        if self.budget is not None and other.budget is not None and self.settings.retries == other.settings.retries:
            self.budget = other.budget

    def arm_of(self, head: RequestHead, caller: bytes, draw: int) -> Arm:
        """The arm that the call meets; caller is what keeps its arm."""
        canary = self.settings.canary
        if canary is None:
            return self.arms[""]
        wanted = field_of(head, canary.header.encode()) if canary.header else b""
        if not wanted and canary.cookie:
            wanted = cookie_of(head, canary.cookie.encode())
        point = hash_of(b"arm\0%s\0%s" % (self.version_id.encode(), caller)) if canary.by == "caller" else draw
        return self.arms[choose_arm(self.weights, wanted.decode("latin-1"), point)]

    def key_of(self, head: RequestHead, address: str) -> int:
        """The hash that decides by consistent-hash; 0 for other algorithms."""
        settings = self.settings.balancing
        if settings is None or settings.algorithm != CONSISTENT_HASH:
            return 0
        value = b""
        if settings.hash_on == "header":
            value = field_of(head, settings.name.encode())
        elif settings.hash_on == "cookie":
            value = cookie_of(head, settings.name.encode())
        return hash_of(value or address.encode())

    def choose(
        self, arm: Arm, head: RequestHead, address: str, now_ms: int, draw: int, tried: Sequence[Member]
    ) -> Member | None:
        """The target of a call; None when no target of the arm can take it."""
        if self.tokens and self.settings.balancing is not None and not tried:
            member = self.tokens.get(cookie_of(head, self.settings.balancing.name.encode()))
            if member is not None and member in arm.members and member.health.is_usable(now_ms):
                return member
        return arm.choose(now_ms, self.key_of(head, address), draw, tried, self.room)

    def mirror_for(self, draw: int) -> TargetEntry | None:
        """Where a copy of a call goes; None when it is not copied."""
        settings = self.settings.mirror
        if settings is None or self.mirrored >= settings.most or draw % 100 >= settings.share:
            return None
        return self.mirror

    def may_eject(self, now_ms: int) -> bool:
        """True when one more target may be out."""
        ejection = self.settings.ejection
        if ejection is None:
            return False
        out = sum(member.health.ejected_until_ms > now_ms for member in self.members)
        return (out + 1) * 100 <= ejection.most * len(self.members)


def field_of(head: RequestHead, name: bytes) -> bytes:
    """The value of a header field, b"" without one; name in lower case."""
    block = b"\r\n" + head.block()
    start = block.lower().find(b"\r\n%s:" % name)
    if start < 0:
        return b""
    start += len(name) + 3
    return block[start : block.index(b"\r\n", start)].strip(b" \t")


def cookie_of(head: RequestHead, name: bytes) -> bytes:
    """The value of a cookie, b"" without one (RFC 6265 section 4.2)."""
    for pair in field_of(head, b"cookie").split(b";"):
        key, _, value = pair.strip(b" ").partition(b"=")
        if key == name:
            return value.strip(b'"')
    return b""
