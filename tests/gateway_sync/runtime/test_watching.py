"""Which workers hang: silence is counted by ticks, so that a supervisor that was stopped itself accuses nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from gateway_sync.runtime import channel
from gateway_sync.runtime.slots import Slot
from gateway_sync.runtime.target_board import TargetBoard
from gateway_sync.runtime.watching import HANGING, Watching

HANG_S = 6.0
TICK_S = 0.5


class Seat(Slot):
    """A slot that notes that its worker was to be ended, having none."""

    is_running = True
    kills = 0

    def kill(self) -> None:
        self.kills += 1


@pytest.fixture
def seat() -> Iterator[Seat]:
    with socket.socket() as listener:
        made = Seat(0, listener, TargetBoard(lambda *_: None))
        made.boot, made.pid, made.applied = "b", 7, channel.Applied(1, "d", 0)
        yield made


def pass_time(watching: Watching, seconds: float, *, since: float = 0.0) -> None:
    for tick in range(int(seconds / TICK_S)):
        watching.tick(since + tick * TICK_S, TICK_S)


def test_silence_is_told_first_and_ended_after_the_time_once(seat: Seat) -> None:
    watching = Watching([seat], HANG_S)
    pass_time(watching, 2.5)
    assert (watching.is_silent(seat), watching.problems()) == (False, {})
    pass_time(watching, 1.0)
    assert watching.is_silent(seat)
    assert "is replaced" in watching.problem_of(seat)[HANGING]
    assert seat.kills == 0
    pass_time(watching, 60.0)
    assert (seat.kills, watching.counts) == (1, {0: 1})


def test_what_was_ended_is_told_for_ten_minutes_beside_a_next_worker_that_is_ready(seat: Seat) -> None:
    watching = Watching([seat], HANG_S)
    pass_time(watching, HANG_S)
    seat.boot, seat.pid, seat.silent_s = "c", 8, 0.0
    watching.tick(500.0, 0.0)
    assert not watching.is_silent(seat)
    assert "process 7" in watching.problem_of(seat)[HANGING]
    watching.tick(700.0, 0.0)
    assert watching.problem_of(seat) == {}


def test_time_in_which_the_supervisor_itself_stood_still_is_no_silence(seat: Seat) -> None:
    watching = Watching([seat], HANG_S)
    watching.tick(3600.0, 3600.0)
    assert (watching.is_silent(seat), seat.kills) == (False, 0)


def test_a_worker_that_reads_its_first_state_has_longer(seat: Seat) -> None:
    seat.applied = None
    watching = Watching([seat], HANG_S)
    pass_time(watching, 5 * HANG_S)
    assert seat.kills == 0
    pass_time(watching, 5 * HANG_S)
    assert seat.kills == 1


def test_any_word_of_a_worker_is_a_sign_of_life() -> None:
    assert channel.decode_answer(channel.encode(channel.Alive(7))) == channel.Alive(7)
