"""P6: new states applied under full load: what fails, and what it does to the slowest answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

from benchmarks import load, probes, subjects
from benchmarks.control import Offer
from benchmarks.state import Size, State, calls_of, make_state
from benchmarks.subjects import Bench, Extent

SIZE = Size(routes=1000, keys=10_000)
EVERY_S = 1.0


def swaps(bench: Bench, extent: Extent) -> dict[str, object]:
    """Runs with a new state each second beside runs without, in turn; every answer is checked by wrk.

    Errors: WrongAnswerError when an answer is not 200 or a connection breaks.
    """
    calls = calls_of(SIZE)
    p99_us: dict[str, list[int]] = {"quiet": [], "swapping": []}
    with ExitStack() as stack:
        upstream_port = stack.enter_context(subjects.upstream(bench))
        runs = extent.rounds * (extent.seconds + 1)
        states = [make_state(SIZE, upstream_port, number) for number in range(1, runs + 2)]
        offer = Offer(states.pop(0))
        subject = stack.enter_context(subjects.gateway(bench, offer, "swaps"))
        probes.wait_for_answer(subject.port, calls[0])
        file = load.write_calls(calls, bench.folder)
        requests = 0.0
        for _ in range(extent.rounds):
            for name, waiting in (("quiet", []), ("swapping", states)):
                with _replaced(offer, waiting):
                    measured = load.measure(subject, file, extent.seconds, bench.load_cores)
                p99_us[name].append(measured.p99_us)
                requests += measured.requests_per_s * extent.seconds
    return {
        "requests": round(requests),
        "failed": 0,  # else WrongAnswerError
        "states applied": len(offer.applied) - 1,
        "p99_us": {name: round(median(each)) for name, each in p99_us.items()},
        "swapping / quiet": round(
            median(one / other for one, other in zip(p99_us["swapping"], p99_us["quiet"], strict=True)), 2
        ),
    }


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
