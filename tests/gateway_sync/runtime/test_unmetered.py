"""Calls that were served without a record are told for ten minutes after the last one, with how many they were."""

from __future__ import annotations

from gateway_sync.runtime.stats import SIZE, UNMETERED
from gateway_sync.runtime.unmetered import CODE, TOLD_S, Unmetered


def test_they_are_told_while_they_happen_and_for_ten_minutes_after() -> None:
    cells, now = memoryview(bytearray(SIZE)).cast("Q"), 1000.0
    cells[UNMETERED] = 5  # of an earlier supervisor
    unmetered = Unmetered([cells], lambda: now)
    assert unmetered.problems() == {}
    cells[UNMETERED] += 2
    assert "recorded: 2." in unmetered.problems()[CODE]
    now += TOLD_S - 1
    cells[UNMETERED] += 1
    assert "recorded: 3." in unmetered.problems()[CODE]
    now += TOLD_S
    assert unmetered.problems() == {}
    cells[UNMETERED] += 1
    assert "recorded: 1." in unmetered.problems()[CODE]
