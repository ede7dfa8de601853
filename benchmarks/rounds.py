"""The measurements: throughput beside the peers, growth with the state, and the way from exec to serving."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks import load, probes, subjects
from benchmarks.load import Measured, Subject
from benchmarks.peers import PEERS
from benchmarks.state import Size, calls_of, make_state
from benchmarks.subjects import Bench, Extent

PEER_SIZE = Size(routes=1000, keys=10_000)


def throughput(bench: Bench, extent: Extent, peers: list[str]) -> dict[str, object]:
    """P1: one worker beside each peer, in turn, round by round."""
    calls = calls_of(PEER_SIZE)
    file = load.write_calls(calls, bench.folder)
    with ExitStack() as stack:
        upstream_port = stack.enter_context(subjects.upstream(bench))
        state = make_state(PEER_SIZE, upstream_port)
        ours = [stack.enter_context(subjects.gateway(bench, state, build.title, build)) for build in subjects.builds()]
        for subject in ours:
            probes.wait_for_answer(subject.port, calls[0])
        running = list(ours)
        running += [stack.enter_context(PEERS[name](bench, upstream_port, calls)) for name in peers]
        runs = _interleaved(bench, extent, running, file)
    return {
        "subjects": {name: _summary(measured) for name, measured in runs.items()},
        "ratios": {subject.name: {peer: _ratios(runs[subject.name], runs[peer]) for peer in peers} for subject in ours},
    }


def growth(bench: Bench, extent: Extent) -> dict[str, object]:
    """P4: the same gateway with more routes and with more keys; the lost share of throughput."""
    small = Size(routes=10, keys=1000)
    sizes = {"small": small, "routes": Size(routes=10_000, keys=1000), "keys": Size(routes=10, keys=1_000_000)}
    if extent.is_short:
        sizes = {"small": small, "routes": Size(routes=100, keys=1000), "keys": Size(routes=10, keys=2000)}
    medians: dict[str, list[float]] = {name: [] for name in sizes}
    rss: dict[str, int] = {}
    with ExitStack() as stack:
        upstream_port = stack.enter_context(subjects.upstream(bench))
        running = {}
        files = {}
        for name, size in sizes.items():
            running[name] = stack.enter_context(
                subjects.gateway(bench, make_state(size, upstream_port), f"size-{name}")
            )
            calls = calls_of(size)
            for call in (calls[0], calls[-1]):
                probes.wait_for_answer(running[name].port, call)
            folder = bench.folder / f"calls-{name}"
            folder.mkdir(exist_ok=True)
            files[name] = load.write_calls(calls, folder)
            load.check_answers(running[name].port, files[name], subjects.BODY, bench.load_cores)
        for _ in range(extent.rounds):
            for name, subject in running.items():
                measured = load.measure(subject, files[name], extent.seconds, bench.load_cores)
                medians[name].append(measured.requests_per_s)
                rss[name] = measured.rss_bytes
    base = median(medians["small"])
    return {
        name: {
            "routes": size.routes,
            "keys": size.keys,
            "requests_per_s": round(median(medians[name])),
            "lost": round(
                median(1 - each / small for each, small in zip(medians[name], medians["small"], strict=True)), 3
            ),
            "rss_mib": round(rss[name] / 2**20),
        }
        for name, size in sizes.items()
    } | {"base_requests_per_s": round(base)}


def start(bench: Bench, extent: Extent) -> dict[str, object]:
    """P11: from exec to a 200 on the data on disk, with no control plane, as at every start but the first."""
    sizes = {"bank": Size(routes=10, keys=10), "large": Size(routes=10_000, keys=100_000)}
    if extent.is_short:
        del sizes["large"]
    told: dict[str, object] = {}
    with subjects.upstream(bench) as upstream_port:
        for name, size in sizes.items():
            folder = f"start-{name}"
            call = calls_of(size)[-1]
            with subjects.gateway(bench, make_state(size, upstream_port), folder) as subject:
                probes.wait_for_answer(subject.port, call)
                time.sleep(2)  # until the tables are on disk, as they are after any real run
            seconds = []
            for _ in range(extent.rounds + 1):
                with _timed_start(bench, folder) as (subject, started_at):
                    probes.wait_for_answer(subject.port, call)
                    seconds.append(time.monotonic() - started_at)
            del seconds[0]  # it wrote the bytecode
            told[name] = {
                "routes": size.routes,
                "keys": size.keys,
                "median_s": round(median(seconds), 3),
                "seconds": [round(each, 3) for each in seconds],
            }
    return told


def _interleaved(bench: Bench, extent: Extent, running: list[Subject], file: Path) -> dict[str, list[Measured]]:
    for subject in running:
        load.check_answers(subject.port, file, subjects.BODY, bench.load_cores)
    runs: dict[str, list[Measured]] = {subject.name: [] for subject in running}
    for number in range(extent.rounds):
        for subject in running[number % len(running) :] + running[: number % len(running)]:
            runs[subject.name].append(load.measure(subject, file, extent.seconds, bench.load_cores))
    return runs


@contextmanager
def _timed_start(bench: Bench, folder: str) -> Iterator[tuple[Subject, float]]:
    started_at = time.monotonic()
    with subjects.gateway_from_disk(bench, folder) as subject:
        yield subject, started_at


def _summary(measured: list[Measured]) -> dict[str, object]:
    return {
        "requests_per_s": round(median(each.requests_per_s for each in measured)),
        "p50_us": round(median(each.p50_us for each in measured)),
        "p99_us": round(median(each.p99_us for each in measured)),
        "cpu_us": round(median(each.cpu_us for each in measured), 1),
        "generator": round(median(each.generator for each in measured), 2),
        "rss_mib": round(max(each.rss_bytes for each in measured) / 2**20, 1),
        "rounds": [asdict(each) for each in measured],
    }


def _ratios(ours: list[Measured], theirs: list[Measured]) -> dict[str, object]:
    by_round = [round(mine.requests_per_s / peer.requests_per_s, 3) for mine, peer in zip(ours, theirs, strict=True)]
    return {"rounds": by_round, "median": round(median(by_round), 3)}
