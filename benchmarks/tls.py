"""P12: HTTPS beside nginx, by kept connections and by a handshake for each call."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from benchmarks import load, peer_servers, probes, subjects
from benchmarks.certificates import make_certificate, with_certificate
from benchmarks.load import Manner, Measured
from benchmarks.state import Size, calls_of, make_rows, state_of
from benchmarks.subjects import Bench, Extent

SIZE = Size(routes=100, keys=1000)
MANNERS = {"kept connections": Manner(is_https=True), "full handshakes": Manner(is_https=True, is_anew=True)}


def tls(bench: Bench, extent: Extent) -> dict[str, object]:
    """Requests a second of each, and the ratio of ours to nginx's."""
    calls, certificate = calls_of(SIZE), make_certificate()
    file = load.write_calls(calls, bench.folder)
    runs: dict[tuple[str, str], list[Measured]] = {}
    with ExitStack() as stack:
        upstream_port = stack.enter_context(subjects.upstream(bench))
        state = state_of(SIZE, with_certificate(make_rows(SIZE, upstream_port), certificate))
        ours = stack.enter_context(subjects.gateway(bench, state, "tls"))
        probes.wait_for_answer(ours.port, calls[0])
        nginx = stack.enter_context(peer_servers.nginx_tls(bench, upstream_port, certificate))
        for _ in range(1 if extent.is_short else extent.rounds):
            for title, manner in MANNERS.items():
                for subject in (ours, nginx):
                    measured = load.measure(subject, file, extent.seconds, bench.load_cores, manner=manner)
                    runs.setdefault((title, subject.name), []).append(measured)
    told: dict[str, object] = {}
    for title in MANNERS:
        mine, theirs = runs[title, ours.name], runs[title, nginx.name]
        pairs = list(zip(mine, theirs, strict=True))
        told[title] = {
            "requests_per_s": {
                subject.name: round(median(each.requests_per_s for each in runs[title, subject.name]))
                for subject in (ours, nginx)
            },
            "cpu_us": {
                subject.name: round(median(each.cpu_us for each in runs[title, subject.name]), 1)
                for subject in (ours, nginx)
            },
            "ours / nginx": round(median(own.requests_per_s / other.requests_per_s for own, other in pairs), 3),
        }
    return told
