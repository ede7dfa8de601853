"""Two workers that die of one state within a minute are one too many; what has reasons outside accuses no state."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from gateway_sync.runtime.deaths import GREW, HUNG, REASON, Deaths
from gateway_sync.runtime.slots import Death
from gateway_sync.runtime.steady import Steady

HANG_S = 30.0
USUAL, MUCH = 1 << 20, 1 << 40  # bytes; much is beyond what this process ever had


@pytest.fixture
def steady(tmp_path: Path) -> Steady:
    """A host on which the state "good" has run well."""
    made = Steady(tmp_path)
    made.note("good", USUAL)
    return made


def _of(digest: str, *, is_loaded: bool = True, lived_s: float = 1.0) -> Death:
    return Death(-signal.SIGSEGV, is_loaded, lived_s, digest)


def _hung(digest: str, *, lived_s: float = HANG_S + 1, is_stuck: bool = True, is_loaded: bool = True) -> Death:
    return Death(-signal.SIGKILL, is_loaded, lived_s, digest, HANG_S, is_stuck)


def _killed(digest: str, memory_bytes: int, lived_s: float = 5.0) -> Death:
    return Death(-signal.SIGKILL, is_loaded=True, lived_s=lived_s, digest=digest, memory_bytes=memory_bytes)


def test_the_second_death_by_a_state_within_a_minute_is_one_too_many(steady: Steady) -> None:
    deaths = Deaths(steady)
    assert not deaths.reason_against(_of("a"), 0.0)
    assert deaths.reason_against(_of("a"), 59.9) == REASON


def test_deaths_by_different_states_or_far_apart_are_not_added_up(steady: Steady) -> None:
    deaths = Deaths(steady)
    assert not deaths.reason_against(_of("a"), 0.0)
    assert not deaths.reason_against(_of("b"), 1.0)
    assert not deaths.reason_against(_of("a"), 60.0)
    assert deaths.reason_against(_of("a"), 60.5)


def test_a_worker_that_served_its_state_for_a_minute_did_not_die_of_it(steady: Steady) -> None:
    deaths = Deaths(steady)
    assert not any(deaths.reason_against(_of("a", lived_s=61.0), at) for at in (0.0, 1.0, 2.0))
    assert not any(deaths.reason_against(_of(""), at) for at in (0.0, 1.0))


def test_a_worker_that_was_killed_from_outside_did_not_die_of_its_state(steady: Steady) -> None:
    deaths = Deaths(steady)
    assert not any(deaths.reason_against(_killed("a", USUAL), at) for at in (0.0, 1.0, 2.0))


def test_two_workers_that_hang_with_a_state_one_after_the_other_are_too_many(steady: Steady) -> None:
    deaths = Deaths(steady)
    assert not deaths.reason_against(_hung("a"), 0.0)
    assert deaths.reason_against(_hung("a", is_loaded=False), 89.0) == HUNG


def test_hanging_counts_only_where_the_silence_began_soon_after_the_state(steady: Steady) -> None:
    deaths = Deaths(steady)
    assert not any(deaths.reason_against(_hung("a", lived_s=HANG_S + 61), at) for at in (0.0, 1.0))
    assert not any(deaths.reason_against(_hung("a"), at) for at in (0.0, 91.0))


def test_a_worker_that_was_stopped_or_had_no_turn_accuses_no_state(steady: Steady) -> None:
    deaths = Deaths(steady)
    assert not any(deaths.reason_against(_hung("a", is_stuck=False), at) for at in (0.0, 1.0, 2.0))


def test_two_workers_killed_with_far_more_memory_than_before_are_too_many(steady: Steady) -> None:
    deaths = Deaths(steady)
    assert not deaths.reason_against(_killed("a", MUCH), 0.0)
    assert deaths.reason_against(_killed("a", MUCH), 30.0) == GREW


def test_a_state_that_ran_well_is_accused_of_no_silence_and_no_kill(steady: Steady) -> None:
    deaths = Deaths(steady)
    for death in (_hung("good"), _killed("good", MUCH)):
        assert not any(deaths.reason_against(death, at) for at in (0.0, 1.0, 2.0))


def test_nothing_is_accused_of_them_where_no_state_ever_ran_well(tmp_path: Path) -> None:
    deaths = Deaths(Steady(tmp_path))
    for death in (_hung("a"), _killed("a", MUCH)):
        assert not any(deaths.reason_against(death, at) for at in (0.0, 1.0, 2.0))
