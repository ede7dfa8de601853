"""Streams of mutated messages: never another error than a FramingError, never a hang, the same however they are cut.

A failure names the number to give to Random, so that it can be had again; what is found is kept in findings.py.

Promises R1, R2.
"""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Iterator
from random import Random

import pytest

from tests.fuzz.findings import FINDINGS
from tests.fuzz.mutation import SEEDS, cut, mutate
from tests.fuzz.streams import STREAMS, requests, requests_without_memory

ROUNDS = 1500  # of each stream in the fast tier
MANY_ROUNDS = 60_000
HANG_S = 300  # a stream of some hundred bytes takes microseconds


@pytest.fixture(autouse=True)
def _watchdog() -> Iterator[None]:
    """A hang ends the run and tells where it hung."""
    faulthandler.dump_traceback_later(HANG_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def try_one(name: str, number: int) -> None:
    """One mutated stream, whole and cut twice."""
    chance = Random(number)  # noqa: S311 - chance that can be had again
    data = mutate(chance, chance.choice(SEEDS[name]))
    stream = STREAMS[name]
    whole = stream([data])
    for _ in range(2):
        pieces = cut(chance, data)
        assert stream(pieces) == whole, f"Random({number}): {pieces}"
    if stream is requests:
        assert requests_without_memory([data]) == whole, f"Random({number}): {data!r}"


@pytest.mark.parametrize("name", STREAMS)
def test_mutated_streams_are_read_the_same_however_they_are_cut(name: str) -> None:
    for number in range(ROUNDS):
        try_one(name, number)


@pytest.mark.slow
@pytest.mark.parametrize("name", STREAMS)
def test_many_mutated_streams_are_read_the_same_however_they_are_cut(name: str) -> None:
    """Other ones each day."""
    first = int(time.time()) // 86_400 * MANY_ROUNDS
    for number in range(first, first + MANY_ROUNDS):
        if number % 5000 == 0:
            faulthandler.dump_traceback_later(HANG_S, exit=True)
        try_one(name, number)


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding[0])
def test_what_was_found_stays_mended(finding: tuple[str, str, str, tuple[bytes, ...]]) -> None:
    _, name, outcome, pieces = finding
    found = STREAMS[name](pieces)
    assert outcome in found
    assert STREAMS[name]([b"".join(pieces)]) == found
    if name == "requests":
        assert requests_without_memory(pieces) == found


@pytest.mark.parametrize("name", STREAMS)
def test_seeds_are_read_to_their_end(name: str) -> None:
    """Else only refusals would be compared."""
    for seed in SEEDS[name]:
        assert "refused" not in STREAMS[name]([seed])
        assert STREAMS[name]([seed]) != ("failed",)
