"""Two workers that die of one state within a minute are one too many."""

from __future__ import annotations

import signal

from gateway_sync.runtime.deaths import Deaths
from gateway_sync.runtime.slots import Death


def _of(digest: str, *, is_loaded: bool = True, lived_s: float = 1.0) -> Death:
    return Death(-signal.SIGSEGV, is_loaded, lived_s, digest)


def test_the_second_death_by_a_state_within_a_minute_is_one_too_many() -> None:
    deaths = Deaths()
    assert not deaths.is_too_many(_of("a"), 0.0)
    assert deaths.is_too_many(_of("a"), 59.9)


def test_deaths_by_different_states_or_far_apart_are_not_added_up() -> None:
    deaths = Deaths()
    assert not deaths.is_too_many(_of("a"), 0.0)
    assert not deaths.is_too_many(_of("b"), 1.0)
    assert not deaths.is_too_many(_of("a"), 60.0)
    assert deaths.is_too_many(_of("a"), 60.5)


def test_a_worker_that_served_its_state_for_a_minute_did_not_die_of_it() -> None:
    deaths = Deaths()
    assert not any(deaths.is_too_many(_of("a", lived_s=61.0), at) for at in (0.0, 1.0, 2.0))
    assert not any(deaths.is_too_many(_of(""), at) for at in (0.0, 1.0))


def test_a_worker_that_was_killed_from_outside_did_not_die_of_its_state() -> None:
    deaths = Deaths()
    killed = Death(-signal.SIGKILL, is_loaded=True, lived_s=1.0, digest="a")
    assert not any(deaths.is_too_many(killed, at) for at in (0.0, 1.0, 2.0))
