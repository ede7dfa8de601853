"""The pure parts of pools: choices, ejection, breaker, budget, arms. Times are given, nothing waits."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.messages import RequestHead
from gateway_sync.problems import Where
from gateway_sync.runtime.core.arms import choose_arm
from gateway_sync.runtime.core.balancing import Member, hash_of
from gateway_sync.runtime.core.breakers import CLOSED, HALF_OPEN, OPEN, Circuit
from gateway_sync.runtime.core.health import CheckedTarget, Health
from gateway_sync.runtime.core.pools import UpstreamPool, cookie_of, field_of
from gateway_sync.runtime.core.retrying import (
    RESET,
    STATUS,
    UNREACHED,
    Budget,
    may_retry,
    pause_ms,
)
from gateway_sync.runtime.core.targets import TargetEntry
from gateway_sync.snapshot import Target
from gateway_sync.upstreams import parse_settings
from gateway_sync.upstreams.breaker import Breaker
from gateway_sync.upstreams.ejection import Ejection
from gateway_sync.upstreams.retries import Retries


def make_pool(settings: dict[str, object], weights: tuple[int, ...] = (100, 100, 100)) -> UpstreamPool:
    """A pool of targets a.internal, b.internal, ..."""
    rows = [Target("http", f"{chr(97 + number)}.internal", 80, "", weight) for number, weight in enumerate(weights)]
    parsed, problems = parse_settings(settings, Where("version", "ver_1"))
    assert not problems
    return UpstreamPool("ver_1", [TargetEntry(row) for row in rows], rows, parsed)


def choose(pool: UpstreamPool, head: RequestHead | None = None, *, draw: int = 0, now_ms: int = 1) -> Member:
    """The target of one call."""
    member = pool.choose(pool.arms[""], head or RequestHead(), "192.0.2.1", now_ms, draw, ())
    assert member is not None
    return member


def head_with(*lines: bytes) -> RequestHead:
    """A head with these lines."""
    head = RequestHead()
    head.lines = list(lines)
    return head


def test_turns_are_smooth() -> None:
    pool = make_pool({"balancing": {}}, (50, 25, 25))
    assert "".join(choose(pool).key[7] for _ in range(8)) == "abcaabca"


def test_a_target_that_left_the_ring_moves_only_its_own_calls() -> None:
    settings: dict[str, object] = {"balancing": {"algorithm": "consistent-hash", "hashOn": "header", "name": "S"}}
    pool = make_pool(settings)
    heads = [head_with(b"S: %d" % number) for number in range(200)]
    before = [choose(pool, head).key for head in heads]
    pool.members[0].health.is_down = True
    after = [choose(pool, head).key for head in heads]
    assert all(new == old for old, new in zip(before, after, strict=True) if old != pool.members[0].key)
    assert min(Counter(before).values()) > 30


def test_a_target_above_its_bound_passes_calls_on() -> None:
    settings: dict[str, object] = {"balancing": {"algorithm": "consistent-hash", "bound": 125}}
    pool = make_pool(settings)
    found: Counter[str] = Counter()
    for _ in range(90):  # all from one address, none of them ends
        member = choose(pool)
        member.active += 1
        found[member.key] += 1
    assert max(found.values()) <= 39


def test_least_requests_heeds_weights() -> None:
    pool = make_pool({"balancing": {"algorithm": "least-requests"}}, (300, 100))
    for draw in range(40):
        choose(pool, draw=draw).active += 1
    assert [member.active for member in pool.members] == [30, 10]


def test_ejection_grows_with_each_time_in_a_row_and_ends() -> None:
    health = Health(Ejection(failures=2, for_ms=1000), 0)
    now_ms = 0
    for times in (1, 2, 3):
        assert not health.note(now_ms, is_failure=True)
        assert health.note(now_ms, is_failure=True)
        assert health.eject(now_ms) == 1000 * times
        assert not health.is_usable(now_ms + 1000 * times - 1)
        now_ms += 1000 * times
        assert health.is_usable(now_ms)
    assert not health.note(now_ms, is_failure=False)
    health.note(now_ms, is_failure=True)
    health.note(now_ms, is_failure=True)
    assert health.eject(now_ms) == 1000


def test_a_share_of_failures_within_the_window_ejects() -> None:
    health = Health(Ejection(failures=1000, error_share=50, window_ms=1000, minimum_calls=10), 0)
    outcomes = [health.note(number, is_failure=number % 2 == 0) for number in range(11)]
    assert outcomes == [False] * 10 + [True]
    quiet = Health(Ejection(failures=1000, error_share=50, window_ms=1000, minimum_calls=10), 0)
    assert not any(quiet.note(number * 2000, is_failure=True) for number in range(50))


def test_a_checked_target_turns_after_outcomes_in_a_row() -> None:
    checked = CheckedTarget(healthy=2, unhealthy=3, is_down=False)
    outcomes = [checked.note(is_failure=is_failure) for is_failure in (True, True, False, True, True, True)]
    assert (outcomes, checked.is_down) == ([False] * 5 + [True], True)
    assert [checked.note(is_failure=is_failure) for is_failure in (False, True, False, False)] == [False] * 3 + [True]


def test_slow_start_raises_the_share() -> None:
    health = Health(None, 1000)
    assert health.weight(100, 5) == 100
    health.judge(10, is_down=True)
    health.judge(20, is_down=False)
    assert [health.weight(100, at) for at in (20, 520, 1020, 1021)] == [10, 50, 100, 100]


def test_the_breaker_turns_from_closed_to_open_to_half_open_to_closed() -> None:
    circuit = Circuit(Breaker(error_share=50, minimum_calls=4, open_ms=1000, trials=2))
    assert [circuit.note(number, is_failure=True) for number in range(4)] == ["", "", "", OPEN]
    assert circuit.admit(500) == (False, "")
    assert circuit.retry_after_s(500) == 1
    assert circuit.admit(1003) == (True, HALF_OPEN)
    assert circuit.admit(1004) == (True, "")
    assert circuit.admit(1005) == (False, "")
    assert circuit.note(1006, is_failure=False) == ""
    assert circuit.note(1007, is_failure=False) == CLOSED
    assert circuit.admit(1008) == (True, "")


def test_a_failed_trial_opens_the_breaker_again_and_one_without_outcome_is_given_back() -> None:
    circuit = Circuit(Breaker(error_share=50, minimum_calls=1, open_ms=1000, trials=1))
    assert circuit.note(0, is_failure=True) == OPEN
    assert circuit.admit(1000) == (True, HALF_OPEN)
    circuit.give_back()
    assert circuit.admit(1001) == (True, "")
    assert circuit.note(1002, is_failure=True) == OPEN
    assert circuit.admit(1500) == (False, "")


def test_what_may_be_sent_again() -> None:
    settings = Retries(attempts=2, errors=("reset",))
    assert may_retry(settings, b"GET", STATUS, 1, is_body_kept=True)
    assert not may_retry(settings, b"GET", STATUS, 2, is_body_kept=True)
    assert not may_retry(settings, b"GET", "timeout", 0, is_body_kept=True)
    assert not may_retry(settings, b"PUT", RESET, 0, is_body_kept=False)
    assert not may_retry(settings, b"POST", RESET, 0, is_body_kept=True)
    assert may_retry(settings, b"POST", UNREACHED, 0, is_body_kept=True)


@given(calls=st.integers(0, 2000), percent=st.integers(1, 100))
def test_the_budget_is_a_share_of_the_calls(calls: int, percent: int) -> None:
    budget = Budget(percent)
    taken = 0
    for _ in range(calls):
        budget.note_call()
        taken += budget.take(0)
    assert taken <= 10 + calls * percent / 100


@given(attempts=st.integers(0, 9), draw=st.integers(0, 2**30))
def test_the_pause_is_doubled_and_half_of_it_is_chance(attempts: int, draw: int) -> None:
    whole = 25 << attempts
    assert whole // 2 <= pause_ms(Retries(), attempts, draw) <= whole


@given(point=st.integers(0, 2**64 - 1), weight=st.integers(0, 99))
def test_who_is_in_the_canary_stays_there_while_it_grows(point: int, weight: int) -> None:
    before = choose_arm((("canary", weight), ("stable", 100 - weight)), "", point)
    after = choose_arm((("canary", weight + 1), ("stable", 99 - weight)), "", point)
    assert before != "canary" or after == "canary"


def test_fields_and_cookies_are_found_in_lines_and_in_blocks_of_them() -> None:
    head = head_with(b'A: 1\r\nCookie: x=y; arm="blue"', b"X-Arm:  green \r\nB: 2")
    assert field_of(head, b"x-arm") == b"green"
    assert field_of(head, b"arm") == b""
    assert cookie_of(head, b"arm") == b"blue"
    assert cookie_of(head, b"rm") == b""
    assert hash_of(b"a") != hash_of(b"b")


def test_a_new_snapshot_forgets_nothing_about_targets_that_stay() -> None:
    settings: dict[str, object] = {"ejection": {"for": "1h"}, "breaker": {"minimumCalls": 1}, "retries": {}}
    before, after = make_pool(settings), make_pool(settings, (100, 100))
    before.members[0].health.eject(1)
    before.members[1].count(5, is_failure=True)
    assert before.arms[""].circuit is not None
    before.arms[""].circuit.note(1, is_failure=True)
    after.take_over(before)
    assert [member.health.is_usable(2) for member in after.members] == [False, True]
    assert [member.failures for member in after.members] == [0, 1]
    assert after.arms[""].circuit is not None
    assert after.arms[""].circuit.state == OPEN
    changed = make_pool(settings | {"breaker": {"minimumCalls": 2}})
    changed.take_over(before)
    assert changed.arms[""].circuit is not None
    assert changed.arms[""].circuit.state == CLOSED  # other rules: it begins anew


def test_limits_are_shared_by_the_workers_of_a_host() -> None:
    pool = make_pool({"limits": {"connections": 10, "pending": 3}})
    pool.settle(4, lambda text: text.hex())
    assert (pool.room, pool.pending) == (2, 1)
    small = make_pool({"limits": {"connections": 1}})
    small.settle(4, lambda text: text.hex())
    assert (small.room, small.pending) == (1, 0)
