"""P8, C1, C2: from the answer to a change until each worker of two gateways has it in force, beside many APIs and keys.

The whole product runs, balancer and all; what workers have in force, their supervisors tell each few milliseconds.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.subjects import Bench, Extent
from benchmarks.topology import GATEWAYS, Topology, topology

_SAMPLE_EVERY_S = 0.005
_PATIENCE_S = 60.0

Seen = tuple[float, int, frozenset[str]]  # when, least access number of all workers, digests of their states


def propagation(bench: Bench, extent: Extent) -> dict[str, object]:
    """Milliseconds of revocations and of changes of the environment, one after another."""
    apis, applications, tries = (20, 50, 3) if extent.is_short else (1_000, 100_000, 60)
    place = topology(bench.folder / "propagation")
    with place:
        _fill(place, apis, applications)
        place.wait_until(place.has_converged, "all keys are known")
        with _watching(place) as seen:
            revocations = [_revocation(place, seen, number) for number in range(tries)]
            changes = [_change(place, seen, number) for number in range(max(3, tries // 3))]
    return {
        "size": {"apis": apis, "keys": applications, "workers": 2 * len(GATEWAYS)},
        "revocation": _told(revocations),
        "change": _told(changes),
    }


def _fill(place: Topology, apis: int, applications: int) -> None:
    sizes = (f"--apis={apis}", f"--applications={applications}", "--beside")
    command = [sys.executable, "-m", "benchmarks.herd_program", *sizes]
    subprocess.run(command, env=place.environment(), stdout=subprocess.DEVNULL, check=True)


def _revocation(place: Topology, seen: list[Seen], number: int) -> float:
    """Milliseconds from the answer to the revocation of a key."""
    issued = place.rest("POST", "credentials", {"application": "shop", "label": f"try {number}"})
    place.rest("POST", f"credentials/{issued['id']}/revoke", {})
    answered = time.monotonic()
    wanted = place.rest("GET", "environments/default")["access_seq"]
    return _since(answered, seen, lambda sample: sample[1] >= wanted)


def _change(place: Topology, seen: list[Seen], number: int) -> float:
    """Milliseconds from the answer to a change that every gateway must hear of."""
    before = _newest(place)
    place.rest("PATCH", "environments/default", {"address_rate_per_s": 5_000 + number})
    answered = time.monotonic()
    place.wait_until(lambda: _newest(place) != before, "it is published", pause_s=0.05)
    digest = frozenset({_newest(place)})
    return _since(answered, seen, lambda sample: sample[2] == digest)


def _newest(place: Topology) -> str:
    return str(place.rest("GET", "publications?limit=1")["data"][0]["digest"])


def _since(answered: float, seen: list[Seen], is_there: Callable[[Seen], bool]) -> float:
    """Milliseconds from then to the first sample that shows it; what was there with the answer took none."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for sample in list(seen):
            if sample[0] >= answered and is_there(sample):
                seen.clear()
                return (sample[0] - answered) * 1000
        time.sleep(_SAMPLE_EVERY_S)
    message = f"not in force after {_PATIENCE_S:.0f} s"
    raise TimeoutError(message)


@contextmanager
def _watching(place: Topology) -> Iterator[list[Seen]]:
    """What all workers have in force, sample by sample, for as long as the block lasts."""
    seen: list[Seen] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(_SAMPLE_EVERY_S):
            workers: list[dict[str, Any]] = [each for name in GATEWAYS for each in place.status(name)["workers"]]
            told = min(each["access_seq"] for each in workers), frozenset(each["digest"] for each in workers)
            seen.append((time.monotonic(), *told))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


def _told(times_ms: list[float]) -> dict[str, object]:
    ordered = sorted(times_ms)
    return {
        "tries": len(ordered),
        "p50_ms": round(median(ordered)),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]),
        "worst_ms": round(ordered[-1]),
    }
