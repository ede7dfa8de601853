"""How many records each life of a worker has noted, as reports tell it."""

from __future__ import annotations

import socket

from gateway_sync.runtime.lives import AT_MOST, EVERY, Lives
from gateway_sync.runtime.slots import Slot
from gateway_sync.runtime.target_board import TargetBoard


def slot_of(boot: str, written: int) -> Slot:
    with socket.socket() as listener:
        slot = Slot(0, listener, TargetBoard(lambda *_: None))
    slot.boot, slot.written = boot, written
    return slot


def test_living_ended_and_found_lives_are_told_with_their_last_numbers() -> None:
    slot, read = slot_of("a", 5), {"old": 70, "a": 4}
    lives = Lives([slot], lambda: read)
    assert lives.report() == {"boots": {"a": 5, "old": 70}}

    read["a"], slot.boot, slot.written = 7, "b", 0  # it died with two more than it told of
    assert lives.report() == {"boots": {"a": 7, "old": 70}}
    read.clear()
    slot.written = 1
    assert lives.report() == {"boots": {"a": 7, "old": 70, "b": 1}}


def test_only_some_reports_tell_of_it_once_one_was_taken() -> None:
    lives = Lives([slot_of("a", 5)], dict)
    told = lives.report()
    assert told == lives.report()  # the first one was not taken
    lives.noted(told)
    assert [bool(lives.report()) for _ in range(EVERY)] == [False] * (EVERY - 1) + [True]


def test_memory_of_lives_is_bounded_to_the_latest() -> None:
    slot = slot_of("", 1)
    lives = Lives([slot], dict)
    for number in range(AT_MOST + 5):
        slot.boot = str(number)
        boots = lives.report()["boots"]
    assert isinstance(boots, dict)
    assert (len(boots), "4" in boots, "5" in boots) == (AT_MOST, False, True)
