"""P3: two workers beside one, on the same cores: throughput, and processor time a request."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from benchmarks import load, probes, subjects
from benchmarks.load import Measured
from benchmarks.state import Size, calls_of, make_state
from benchmarks.subjects import Bench, Extent

SIZE = Size(routes=1000, keys=10_000)
ENOUGH_CORES = 4  # two for the workers, and as many for generator and upstream


def workers(bench: Bench, extent: Extent) -> dict[str, object]:
    """The ratios of two workers to one; of throughput only where two workers have two cores of their own."""
    calls = calls_of(SIZE)
    file = load.write_calls(calls, bench.folder)
    everything = sorted(bench.subject_cores | bench.load_cores | bench.upstream_cores)
    cores = set(everything[:2])
    has_free_cores = len(everything) >= ENOUGH_CORES
    load_cores = set(everything[2:]) if has_free_cores else cores
    runs: dict[int, list[Measured]] = {1: [], 2: []}
    with ExitStack() as stack:
        upstream_port = stack.enter_context(subjects.upstream(bench))
        state = make_state(SIZE, upstream_port)
        running = {
            count: stack.enter_context(
                subjects.gateway(bench, state, f"workers{count}", subjects.SOURCES, workers=count, cores=cores)
            )
            for count in runs
        }
        for subject in running.values():
            probes.wait_for_answer(subject.port, calls[0])
        for _ in range(1 if extent.is_short else extent.rounds):
            for count, subject in running.items():
                runs[count].append(load.measure(subject, file, extent.seconds, load_cores))
    pairs = list(zip(runs[2], runs[1], strict=True))
    throughput = round(median(two.requests_per_s / one.requests_per_s for two, one in pairs), 3)
    return {
        "throughput, two / one": throughput if has_free_cores else f"{throughput} on two cores shared with the load",
        "CPU a request, two / one": round(median(two.cpu_us / one.cpu_us for two, one in pairs), 3),
        "CPU us a request": {
            count: round(median(each.cpu_us for each in measured), 1) for count, measured in runs.items()
        },
    }
