"""Leases of several hosts together never admit more than the limit. Promises R5, B3.

The hosts here decide by the gateway's own core and meet by the gateway's own scripts in a real server; what the test
plays is the network between, its faults, and the control plane that opens an epoch.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from redis import Redis

from gateway_sync.runtime.core.anchored import AnchoredTerms
from gateway_sync.runtime.core.lease_parts import LEASE_LENGTH, confirm, give_up, granted_at, take_grant, void_all
from gateway_sync.runtime.core.leases import (
    UNCONFIRMED,
    WANTED,
    Contact,
    Want,
    charge_leased,
    settle_leased,
    shares_of,
)
from gateway_sync.runtime.core.limits import BYTES, CALLS, CELL_LENGTH, NS, UNITS, Terms
from gateway_sync.runtime.lease_scripts import ALL, DECLARE, FORGOTTEN, GIVE_BACK, LEASE, OPEN, Names
from gateway_sync.runtime.lease_words import decode_saying
from tests.valkey import running_valkey

HOSTS = 3
COST = 7  # of a call, where units are counted
MOST_BYTES = 20  # of an answer
CELL = bytes(16)
MONTH_S = 31 * 86_400
DAY, MONTH, PERIOD = 4, 6, 8  # positions in a cell
names = Names("test")


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with running_valkey() as url, Redis.from_url(url) as client:
        yield client


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

    def charge(self, now_ns: int, size: int, *, is_last: bool = False) -> tuple[str, list[Want]]:
        """The code of one call, and what it would like to be granted."""
        contact = Contact()
        contact.hosts, contact.is_held = HOSTS, self.contact.is_held
        contact.is_made = self.contact.is_made and not is_last
        decision = charge_leased([self.terms], [self.cell], [self.lease], contact, now_ns, size)
        return decision.charged[0], decision.wants

    def call(self, now_ns: int, size: int = 0) -> str:
        """The code of one call, which waits for a lease where it must."""
        code, wants = self.charge(now_ns, size)
        self.ask_for(wants, now_ns)
        return self.charge(now_ns, size, is_last=True)[0] if code == WANTED else code

    def ask_for(self, wants: list[Want], now_ns: int) -> None:
        """Ask for all that is wanted."""
        for _, position, limit, end, *sizes in wants:
            self.ask(position, limit, end, now_ns, tuple(sizes))

    def answer(self, started_ns: int, size: int) -> None:
        """The answer of a call has ended, and had a size that nobody knew."""
        self.ask_for(settle_leased(self.terms, self.cell, self.lease, self.contact, started_ns, size), started_ns)

    def ask(
        self,
        position: int,
        limit: int,
        end: int,
        now_ns: int,
        sizes: tuple[int, ...] = (1, 1000, 4),
        *,
        is_lost: bool = False,
    ) -> None:
        """Ask for more; a lost answer ends the connection. Shapes: sizes = (least, most, part)."""
        if not self.is_reachable:
            self.lose()
            return
        key = names.count(self.epoch, CELL, position, self.cell[position])
        keys = [names.epoch, names.session(self.name), key, names.recalled]
        granted = granted_at(self.cell, self.lease, position)
        window = names.window(CELL, position, self.cell[position])
        words = [self.epoch, self.session, self.name, limit, self.cell[position + 1], granted, HOSTS, end]
        state, mine, total = self.redis.eval(LEASE, 4, *keys, *words, *sizes, window)
        if state == FORGOTTEN or is_lost:
            self.lose()
        elif state == 0:
            take_grant(self.cell, self.lease, position, (mine, total), now_ns, sizes[0])

    def give_back(self, position: int, keep: int = 0) -> Callable[[], object]:
        """Void what is left but for some; what is to be sent."""
        kept = give_up(self.cell, self.lease, position, keep)
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
        """Void what the mirror does not know, and say what was used or is kept."""
        self.contact.is_held = self.contact.is_made = False
        for position in void_all(self.cell, self.lease):
            say(self.redis, epoch, self, position, granted_at(self.cell, self.lease, position))


def say(redis: Redis, epoch: str, host: Host, position: int, used: int) -> None:
    """Say what a host used, or was granted."""
    key = names.count(epoch, CELL, position, host.cell[position])
    redis.eval(DECLARE, 1, key, host.name, used, int(time.time()) + 10 * MONTH_S)


class Meeting(RuleBasedStateMachine):
    """Hosts that lease, die, are cut off and come back, while Redis forgets; a mirror hears what they were granted."""

    redis: Redis
    is_lent = False
    is_anchored = False
    unit = CALLS
    positions: tuple[int, ...] = (DAY, MONTH)

    @initialize(limit=st.integers(1, 400))
    def begin(self, limit: int) -> None:
        self.redis.flushall()
        self.limit = limit
        quotas = ((limit, "month"), (2 * limit, "day"))
        cost = COST if self.unit == UNITS else 1
        terms = Terms("rate", None, quotas, is_lent=self.is_lent, unit=self.unit, cost=cost)
        if self.is_anchored:
            self.positions = (PERIOD,)
            begun_s = int(time.time()) - 100 * 86_400 - 4321
            terms = AnchoredTerms(limit, "month", begun_s, is_lent=self.is_lent, unit=self.unit, cost=cost)
        self.hosts = [Host(self.redis, number, terms) for number in range(HOSTS)]
        self.now_ns = time.time_ns()
        self.accepted: Counter[tuple[int, int]] = Counter()
        self.mirror: dict[tuple[str, int, int], int] = {}
        self.epochs = (f"run.{number}" for number in count())
        self.open_epoch()

    @rule(
        number=st.integers(0, HOSTS - 1),
        calls=st.integers(1, 150),
        size=st.integers(0, 5),
        answer=st.integers(0, MOST_BYTES),
        is_failed=st.booleans(),
    )
    def call(self, number: int, calls: int, size: int, answer: int, is_failed: bool) -> None:
        host = self.hosts[number]
        for _ in range(calls):
            before = list(host.cell)
            code = host.call(self.now_ns, size)
            assert code in ("", "quota-exceeded", UNCONFIRMED)
            if code:
                is_next = host.cell[6::2] != before[6::2]
                assert host.cell[5::2] == before[5::2] or is_next, "a refused call counts for nothing"
                continue
            if self.unit == BYTES:
                host.answer(self.now_ns, answer)
            if self.unit == UNITS and is_failed:  # which a meter with a cap does not count
                host.answer(self.now_ns, -COST)
                continue
            amount = {CALLS: 1, UNITS: COST, BYTES: size + answer}[self.unit]
            for position in self.positions:
                self.accepted[position, host.cell[position]] += amount

    @rule(number=st.integers(0, HOSTS - 1), is_heard=st.booleans())
    def report(self, number: int, is_heard: bool) -> None:
        host = self.hosts[number]
        for position in self.positions:
            start, mine = host.cell[position], granted_at(host.cell, host.lease, position)
            self.mirror[host.name, position, start] = mine
            if is_heard:
                confirm(host.cell, host.lease, position, start, mine)

    @rule(number=st.integers(0, HOSTS - 1), is_late=st.booleans(), keep=st.integers(0, 9))
    def rest(self, number: int, is_late: bool, keep: int) -> None:
        host = self.hosts[number]
        if host.contact.is_made and host.is_reachable:
            sending = host.give_back(6, keep)
            if is_late:  # it is still on its way when the next connection asks
                host.on_their_way.append(sending)
                host.lose()
            else:
                sending()

    @rule(number=st.integers(0, HOSTS - 1))
    def lose_an_answer(self, number: int) -> None:
        host = self.hosts[number]
        if host.contact.is_made and host.cell[self.positions[-1]]:
            host.ask(self.positions[-1], self.limit, int(time.time()) + 10 * MONTH_S, self.now_ns, is_lost=True)

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
        """What was forgotten is collected; the mirror speaks for who is cut off, once what it does not know ran out."""
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
            for position in self.positions:
                known = self.mirror.get((host.name, position, host.cell[position]), 0)
                # What was spent of what nobody was told is lost; the mirror is two seconds behind at most.
                say(self.redis, opening, host, position, max(known, host.cell[position + 1]))
        assert self.redis.eval(OPEN, 2, names.opening, names.epoch, opening)
        for host in self.hosts:
            host.connect()

    @rule()
    def begin_the_next_window(self) -> None:
        self.now_ns += MONTH_S * NS

    @invariant()
    def no_more_than_the_limit(self) -> None:
        # Of bytes each host may pass one answer more as a grant ends, and another as what is lent does.
        answers = HOSTS * MOST_BYTES * (1 + self.is_lent) if self.unit == BYTES else 0
        for (position, _), amount in getattr(self, "accepted", {}).items():
            limit = 2 * self.limit if position == DAY else self.limit
            lent = HOSTS * (limit // 100 // HOSTS) if self.is_lent else 0
            assert amount <= limit + lent + answers


KINDS = [(unit, is_lent, False) for unit in (CALLS, UNITS, BYTES) for is_lent in (False, True)]
KINDS += [(CALLS, False, True), (UNITS, True, True)]
KIND_IDS = [
    f"{unit}-{'lent' if is_lent else 'hard'}{'-anchored' if is_anchored else ''}"
    for unit, is_lent, is_anchored in KINDS
]


@pytest.mark.parametrize(("unit", "is_lent", "is_anchored"), KINDS, ids=KIND_IDS)
def test_all_hosts_together_never_admit_more_than_the_limit(
    redis: Redis, unit: str, is_lent: bool, is_anchored: bool
) -> None:
    kind = type("Meeting", (Meeting,), {"redis": redis, "is_lent": is_lent, "is_anchored": is_anchored, "unit": unit})
    run_state_machine_as_test(kind, settings=settings(max_examples=8, stateful_step_count=25, deadline=None))


@pytest.mark.slow
@pytest.mark.parametrize(("unit", "is_lent", "is_anchored"), KINDS, ids=KIND_IDS)
def test_no_long_history_admits_more_either(redis: Redis, unit: str, is_lent: bool, is_anchored: bool) -> None:
    kind = type("Meeting", (Meeting,), {"redis": redis, "is_lent": is_lent, "is_anchored": is_anchored, "unit": unit})
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


def test_words_of_the_release_before_are_answered_as_it_knows_them(redis: Redis) -> None:
    redis.flushall()
    redis.set(names.epoch, "run.1")
    ends = int(time.time()) + MONTH_S
    lease = ["Lease", "run.1", 7, CELL, 6, 1, 100, 0, 0, 2, ends]
    content = msgspec.msgpack.encode({"environment": "test", "disk": "0" * 16, "words": [["Meet", ""], lease]})
    meet, asked = decode_saying(content).words
    redis.set(names.session("old"), 7)
    for script in ALL:
        redis.script_load(script)
    assert len(redis.execute_command(*meet.command(names, "old"))) == 4
    assert redis.execute_command(*asked.command(names, "old")) == [0, 12, 12]


def test_shares_are_no_more_than_the_whole_and_leave_nobody_at_nought() -> None:
    assert shares_of([0, 0]) == [500_000, 500_000]
    assert shares_of([8, 0]) == [950_000, 50_000]
    for asked in ([1, 2, 3], [10**9, 1, 0, 7], [5]):
        shares = shares_of(asked)
        assert sum(shares) <= 1_000_000
        assert min(shares) > 0
