"""P6 and C7: a new state each second, under full load and at 2,000 requests a second: what fails, and what waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from statistics import median

from benchmarks import load, probes, subjects
from benchmarks.control import Offer
from benchmarks.load import Manner, Measured
from benchmarks.state import Size, State, calls_of, next_states
from benchmarks.subjects import Bench, Extent

SIZE = Size(routes=1000, keys=10_000)
EVERY_S = 1.0
RATE = 2000
_CONNECTIONS = 64
AT_RATE = Manner(_CONNECTIONS, wait_ms=_CONNECTIONS * 1000 // RATE - 2)  # a call itself takes one or two


def swaps(bench: Bench, extent: Extent) -> dict[str, object]:
    """Under full load: runs with a new state each second beside runs without, in turn."""
    return _side_by_side(bench, extent, "swaps", load.STEADY)


def reloads(bench: Bench, extent: Extent) -> dict[str, object]:
    """The same at RATE."""
    return _side_by_side(bench, extent, "reloads", AT_RATE)


def _side_by_side(bench: Bench, extent: Extent, name: str, manner: Manner) -> dict[str, object]:
    """Failures are counted, whatever they are, and every round is told. name is that of the gateway's home."""
    calls = calls_of(SIZE)
    runs: dict[str, list[Measured]] = {"quiet": [], "swapping": []}
    with ExitStack() as stack:
        states = next_states(SIZE, stack.enter_context(subjects.upstream(bench)))
        offer = Offer(next(states))
        subject = stack.enter_context(subjects.gateway(bench, offer, name))
        probes.wait_for_answer(subject.port, calls[0])
        file = load.write_calls(calls, bench.folder)
        offered = 0
        for _ in range(extent.rounds):
            made = list(islice(states, extent.seconds))  # beforehand: it takes a part of a core
            for kind, waiting in (("quiet", []), ("swapping", made)):
                with _replaced(offer, waiting):
                    runs[kind].append(
                        load.measure(subject, file, extent.seconds, bench.load_cores, manner=manner, may_fail=True)
                    )
            offered += extent.seconds - len(made)
    return {
        "states": {"offered": offered, "applied": len(offer.applied - {0, 1})},  # no state, and the first
        **{kind: _told(measured) for kind, measured in runs.items()},
        "p99 swapping / quiet": _ratios(runs),
    }


def _told(measured: Sequence[Measured]) -> dict[str, object]:
    return {
        "requests": sum(each.requests for each in measured),
        "failed": sum(each.failed for each in measured),
        "requests_per_s": round(median(each.requests_per_s for each in measured)),
        "p50_us": round(median(each.p50_us for each in measured)),
        "p99_us": round(median(each.p99_us for each in measured)),
        "generator": round(max(each.generator for each in measured), 2),
    }


def _ratios(runs: dict[str, list[Measured]]) -> dict[str, object]:
    ratios = [one.p99_us / other.p99_us for one, other in zip(runs["swapping"], runs["quiet"], strict=True)]
    return {"median": round(median(ratios), 2), "rounds": [round(each, 2) for each in ratios]}


@contextmanager
def _replaced(offer: Offer, states: list[State]) -> Iterator[None]:
    """Offer the next of states every second for as long as the block lasts; with none, nothing happens."""
    is_over = threading.Event()

    def replace() -> None:
        while states and not is_over.wait(EVERY_S):
            offer.replace(states.pop(0))

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
