"""Which workers hang: silence is counted by ticks, so that a supervisor that was stopped itself accuses nobody."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from gateway_sync.runtime import channel, processes
from gateway_sync.runtime.slots import Slot
from gateway_sync.runtime.steady import Steady
from gateway_sync.runtime.target_board import TargetBoard
from gateway_sync.runtime.watching import HANGING, Watching
from tests.waiting import wait_until

HANG_S = 6.0
TICK_S = 0.5
# What a supervisor of the release before said first.
SETTINGS: Final[dict[str, Any]] = {
    "slot": 0, "boot": "b", "workers": 1, "home": "/", "pepper": "", "port": 1, "pseudonym": "", "own_addresses": [],
    "generation": "", "digest": "", "access_file": "", "access_changes": [], "access_seq": 0, "spool_bytes": 1,
    "given": {},
}  # fmt: skip


class Seat(Slot):
    """A slot that notes that its worker was to be ended; the process is that of the test, or one it began."""

    is_running = True
    kills = 0
    is_stuck = False

    def kill_silent(self, *, is_stuck: bool) -> None:
        self.kills += 1
        self.is_stuck = is_stuck


@pytest.fixture
def seat() -> Iterator[Seat]:
    with socket.socket() as listener:
        made = Seat(0, listener, TargetBoard(lambda *_: None))
        made.boot, made.pid, made.applied = "b", 7, channel.Applied(1, "d", 0)
        yield made


@pytest.fixture
def steady(tmp_path: Path) -> Steady:
    return Steady(tmp_path)


def cpu_of(pid: int) -> float:
    done = processes.doing(pid)
    return done.cpu_s if done is not None else 0.0


def letter_of(pid: int) -> str:
    done = processes.doing(pid)
    return done.letter if done is not None else ""


def pass_time(watching: Watching, seconds: float, *, since: float = 0.0) -> None:
    for tick in range(int(seconds / TICK_S)):
        watching.tick(since + tick * TICK_S, TICK_S)


def test_silence_is_told_first_and_ended_after_the_time_once(seat: Seat, steady: Steady) -> None:
    watching = Watching([seat], steady, HANG_S)
    pass_time(watching, 2.5)
    assert (watching.is_silent(seat), watching.problems()) == (False, {})
    pass_time(watching, 1.0)
    assert watching.is_silent(seat)
    assert "is replaced" in watching.problem_of(seat)[HANGING]
    assert seat.kills == 0
    pass_time(watching, 60.0)
    assert (seat.kills, watching.counts) == (1, {0: 1})


def test_what_was_ended_is_told_for_ten_minutes_beside_a_next_worker_that_is_ready(seat: Seat, steady: Steady) -> None:
    watching = Watching([seat], steady, HANG_S)
    pass_time(watching, HANG_S)
    seat.boot, seat.pid, seat.silent_s = "c", 8, 0.0
    watching.tick(500.0, 0.0)
    assert not watching.is_silent(seat)
    assert "process 7" in watching.problem_of(seat)[HANGING]
    watching.tick(700.0, 0.0)
    assert watching.problem_of(seat) == {}


def test_time_in_which_the_supervisor_itself_stood_still_is_no_silence(seat: Seat, steady: Steady) -> None:
    watching = Watching([seat], steady, HANG_S)
    watching.tick(3600.0, 3600.0)
    assert (watching.is_silent(seat), seat.kills) == (False, 0)


def test_a_worker_that_reads_its_first_state_has_longer(seat: Seat, steady: Steady) -> None:
    seat.applied = None
    watching = Watching([seat], steady, HANG_S)
    pass_time(watching, 5 * HANG_S)
    assert seat.kills == 0
    pass_time(watching, 5 * HANG_S)
    assert seat.kills == 1


@contextmanager
def doing(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has said that it began, and goes on with that."""
    program = f"import time; print(flush=True)\n{code}"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("code", "letter", "least_s"), [("while True: pass", "R", 0.5), ("time.sleep(999)", "S", 0.0)])
def test_a_worker_that_spins_or_waits_for_ever_is_stuck(
    seat: Seat, steady: Steady, code: str, letter: str, least_s: float
) -> None:
    with doing(code) as process:
        seat.pid = process.pid
        watching = Watching([seat], steady, HANG_S)
        pass_time(watching, HANG_S - TICK_S)
        wait_until(lambda: cpu_of(process.pid) >= least_s, "it had its turns")
        wait_until(lambda: letter_of(process.pid) == letter, "it is at it")
        watching.tick(0.0, TICK_S)
    assert (seat.kills, seat.is_stuck) == (1, True)


def test_a_worker_that_was_stopped_or_has_no_turn_is_not_stuck(seat: Seat, steady: Steady) -> None:
    with doing("while True: pass") as process:
        seat.pid = process.pid
        watching = Watching([seat], steady, HANG_S)
        watching.tick(0.0, TICK_S)
        os.kill(process.pid, signal.SIGSTOP)
        pass_time(watching, HANG_S)
    assert (seat.kills, seat.is_stuck) == (1, False)


def test_a_state_ran_well_once_a_worker_has_served_it_for_twice_the_time_it_may_hang(
    seat: Seat, steady: Steady
) -> None:
    watching = Watching([seat], steady, HANG_S)
    seat.given, seat.pid = "d", os.getpid()
    seat.applied = None
    seat.hear(channel.Applied(1, "d", 0))
    since = time.monotonic()
    watching.tick(since + 2 * HANG_S - 1.0, TICK_S)
    assert not steady.may_accuse("other")
    seat.silent_s = TICK_S
    watching.tick(since + 3 * HANG_S, TICK_S)  # it has said nothing since
    assert not steady.may_accuse("other")
    seat.silent_s = 0.0
    seat.given = "next"
    watching.tick(since + 3 * HANG_S, TICK_S)  # it has not taken it over yet
    assert not steady.may_accuse("other")
    seat.silent_s = 0.0
    seat.given = "d"
    watching.tick(since + 3 * HANG_S, TICK_S)
    assert (steady.may_accuse("other"), steady.may_accuse("d")) == (True, False)


def test_a_word_of_a_later_release_is_passed_over_and_an_older_supervisor_is_spared_ours() -> None:
    assert channel.decode_answer(b'{"type":"later","new":1}\n') is None
    settings = msgspec.json.encode({"type": "settings", **SETTINGS})
    told = channel.decode_order(settings)
    assert isinstance(told, channel.Settings)
    assert not told.hears_alive
    now = channel.decode_order(channel.encode(msgspec.structs.replace(told, vouched_at=None)))
    assert isinstance(now, channel.Settings)
    assert now.hears_alive


def test_any_word_of_a_worker_is_a_sign_of_life() -> None:
    assert channel.decode_answer(channel.encode(channel.Alive(7))) == channel.Alive(7)
