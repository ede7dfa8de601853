"""The tally of a run of kills notices each kind of wrong; a hundred kills leave nothing to notice (B1, R6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kills import Course, kills
from benchmarks.kills_tally import BROKEN, NOBODYS, SHED, UNHEARD, WHOLE, Seen, Tally, total


def row(**figures: int) -> dict[str, int]:
    plain = {"kills": 0, "in_flight": 0, "indeterminate": 0, "cut": 0, "missing": 0, "doubled": 0}
    return plain | figures


def final(number: int, status: int = 200) -> Seen:
    return Seen(number, status, is_indeterminate=False)


def lost(number: int) -> Seen:
    return Seen(number, 0, is_indeterminate=True)


def tally(*ends: int) -> Tally:
    """Calls with these ends, all of them after the kill of a worker."""
    made = Tally()
    numbers = [made.asked() for _ in ends]
    made.killed("worker")
    for number, end in zip(numbers, ends, strict=True):
        made.ended(number, end)
    return made


def test_calls_that_are_counted_once_and_broken_ones_that_are_not_are_no_fault() -> None:
    made = tally(WHOLE, BROKEN, BROKEN, BROKEN, SHED)
    table = made.compare([final(0), lost(1), final(2)])
    assert table == {"worker": row(kills=1, in_flight=3, indeterminate=1, cut=1)}
    assert (made.whole(), made.faults) == (1, [])


@pytest.mark.parametrize(
    ("records", "told", "figures"),
    [
        ([], "answered and not counted", {"missing": 1}),
        ([lost(0)], "answered and not counted", {"missing": 1}),
        ([final(0), final(0)], "counted 2 times", {"doubled": 1}),
        ([final(0), lost(0)], "is indeterminate 1 times", {"doubled": 1}),
        ([final(0, 502)], "not as the answer", {}),
        ([final(0), final(1)], "of no call", {}),
    ],
    ids=["lost", "indeterminate", "twice", "both", "status", "of nobody"],
)
def test_whatever_is_not_counted_exactly_is_a_fault(records: list[Seen], told: str, figures: dict[str, int]) -> None:
    made = tally(WHOLE)
    assert made.compare(records) == {"worker": row(kills=1, **figures)}
    assert told in made.faults[0]


def test_a_broken_call_that_is_counted_twice_and_one_without_an_end_are_faults() -> None:
    made = tally(BROKEN)
    made.asked()
    made.compare([lost(0), final(0)])
    assert made.counts["faults"] == 2


@pytest.mark.parametrize(("counted", "faults"), [(1, 1), (2, 0), (3, 0), (4, 1)])
def test_calls_without_a_caller_are_summed_up_exactly_but_for_those_that_broke(counted: int, faults: int) -> None:
    made = tally(NOBODYS, NOBODYS, UNHEARD)
    made.judge_nobodys(counted)
    assert len(made.faults) == faults
    made.compare([])
    assert (made.nobodys(), made.whole(), len(made.faults)) == (2, 0, faults)


def test_a_record_of_a_call_without_a_caller_is_a_fault() -> None:
    made = tally(NOBODYS)
    made.compare([final(0)])
    assert "call 0 without a caller" in made.faults[0]


def test_calls_belong_to_the_kill_before_their_end() -> None:
    made = Tally()
    first, second, third = (made.asked() for _ in range(3))
    made.ended(first, WHOLE)
    made.killed("web")
    made.ended(second, BROKEN)
    made.killed("worker")
    made.ended(third, BROKEN)
    table = made.compare([final(first)])
    assert table == {
        "before the first": row(),
        "web": row(kills=1, in_flight=1),
        "worker": row(kills=1, in_flight=1),
    }


def test_parts_of_a_run_are_summed_up_and_one_that_came_to_no_end_is_a_fault() -> None:
    first = {
        "seed": 1,
        "seconds": 10,
        "calls": 1000,
        "calls a second": 100,
        "by kind": {"web": row(kills=2)},
        "faults": [],
    }
    second = {
        "seed": 2, "seconds": 30, "calls": 2000, "calls a second": 67, "faults": ["one"],
        "by kind": {"web": row(kills=1, missing=1), "beat": row(kills=4)},
    }  # fmt: skip
    told = total([first, second, {"seed": 3, "faults": ["no end"]}])
    assert told == {
        "seeds": [1, 2, 3], "seconds": 40, "calls": 3000, "calls a second": 75, "faults": ["one", "no end"],
        "by kind": {"beat": row(kills=4), "web": row(kills=3, missing=1)}, "in all": row(kills=7, missing=1),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.fault
def test_a_hundred_kills_of_any_process_lose_no_record_and_double_none(tmp_path: Path) -> None:
    told = kills(tmp_path, Course(100))
    assert told["faults"] == []
