"""Injected faults: delays and errors, for a share of the calls or those with a header."""

from __future__ import annotations

from pathlib import Path

from gateway_sync.snapshot import Policy, Target
from tests.wire.gateways import GatewayProcess, Home, make_snapshot, make_version
from tests.wire.pools import ask, body_of, get
from tests.wire.raw import RawClient, RawUpstream


def gateway_with(path: Path, upstream: RawUpstream, *faults: dict[str, object]) -> GatewayProcess:
    """A gateway that injects these faults."""
    home = Home(path)
    policies = tuple(Policy("fault", fault) for fault in faults)
    target = Target("http", "127.0.0.1", upstream.port, "", 100)
    home.install(make_snapshot([make_version(0, targets=(target,), policies=policies)]))
    return GatewayProcess(home).wait_ready()


def test_a_share_of_the_calls_is_aborted_and_the_service_does_not_see_them(tmp_path: Path) -> None:
    with RawUpstream() as upstream:
        process = gateway_with(tmp_path, upstream, {"abort": 503, "share": 50})
        try:
            statuses = [status for status, _ in ask(process.port, 200)]
        finally:
            process.stop()
        assert 60 < statuses.count(503) < 140
        assert len(upstream.requests) == statuses.count(200)


def test_a_header_chooses_the_calls(tmp_path: Path) -> None:
    with RawUpstream() as upstream:
        process = gateway_with(tmp_path, upstream, {"abort": 500, "header": "X-Try"})
        try:
            assert [status for status, _ in ask(process.port, 4, get(), get("X-Try: 1"))] == [200, 500, 200, 500]
        finally:
            process.stop()


def test_a_delayed_call_goes_on_with_its_whole_body_after_others(tmp_path: Path) -> None:
    with RawUpstream() as upstream:
        process = gateway_with(tmp_path, upstream, {"delay": "3s", "header": "X-Try"})
        try:
            with RawClient(process.port) as held:
                head, _, body = body_of(b"POST", b"x" * 100_000).partition(b"\r\n\r\n")
                held.send(head + b"\r\nX-Try: 1\r\n\r\n" + body[:10])
                held.send(body[10:])
                assert ask(process.port, 1) == [(200, b"ok")]
                assert held.read_answer()[0] == 200
        finally:
            process.stop()
        assert [request.partition(b" ")[0] for request in upstream.requests] == [b"GET", b"POST"]
        assert upstream.requests[1].endswith(b"x" * 100_000)
