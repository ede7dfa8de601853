"""P2: what the gateway adds to the time of a call at half of its full load, beside what nginx adds."""

from __future__ import annotations

import os
from contextlib import ExitStack
from statistics import median

from benchmarks import load, peer_servers, probes, subjects
from benchmarks.load import Manner, Measured, Subject
from benchmarks.state import Size, calls_of, make_state
from benchmarks.subjects import Bench, Extent

SIZE = Size(routes=1000, keys=10_000)
CONNECTIONS = 128  # so that each waits some milliseconds between two calls


def latency(bench: Bench, extent: Extent) -> dict[str, object]:
    """Added microseconds, direct calls taken off round by round, and the ratio of ours to nginx's."""
    calls = calls_of(SIZE)
    file = load.write_calls(calls, bench.folder)
    rounds = 1 if extent.is_short else extent.rounds
    with ExitStack() as stack:
        upstream_port = stack.enter_context(subjects.upstream(bench))
        ours = stack.enter_context(subjects.gateway(bench, make_state(SIZE, upstream_port), "latency"))
        probes.wait_for_answer(ours.port, calls[0])
        nginx = stack.enter_context(peer_servers.nginx(bench, upstream_port, calls))
        direct = Subject("direct", upstream_port, os.getpid())
        full = load.measure(ours, file, extent.seconds, bench.load_cores).requests_per_s
        manner = Manner(CONNECTIONS, wait_ms=max(2, round(CONNECTIONS / (full / 2) * 1000)))
        runs: dict[str, list[Measured]] = {subject.name: [] for subject in (direct, ours, nginx)}
        for _ in range(rounds):
            for subject in (direct, ours, nginx):
                runs[subject.name].append(load.measure(subject, file, extent.seconds, bench.load_cores, manner=manner))
    added = {
        name: [
            (each.p50_us - alone.p50_us, each.p99_us - alone.p99_us)
            for each, alone in zip(runs[name], runs["direct"], strict=True)
        ]
        for name in (ours.name, nginx.name)
    }
    ratios = [
        (mine[0] / max(1, theirs[0]), mine[1] / max(1, theirs[1]))
        for mine, theirs in zip(added[ours.name], added[nginx.name], strict=True)
    ]
    told: dict[str, object] = {
        name: {
            "requests_per_s": round(median(each.requests_per_s for each in measured)),
            "p50_us": round(median(each.p50_us for each in measured)),
            "p99_us": round(median(each.p99_us for each in measured)),
        }
        for name, measured in runs.items()
    }
    return told | {
        "full_per_s": round(full),
        "ours / nginx": {
            "p50": round(median(p50 for p50, _ in ratios), 2),
            "p99": round(median(p99 for _, p99 in ratios), 2),
            "rounds": [(round(p50, 2), round(p99, 2)) for p50, p99 in ratios],
        },
    }
