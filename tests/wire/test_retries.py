"""Retries: what is sent again, what never is, and how much of it there is."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.wire.pools import FAILED, GET, ask, body_of, gateway, named
from tests.wire.raw import OK, RawClient, RawUpstream, answer_with


def hang_up(_peer: socket.socket, _request: bytes) -> bool:
    """Close without an answer."""
    return False


def silent(peer: socket.socket, _request: bytes) -> bool:
    """Say nothing until the gateway leaves."""
    while peer.recv(65_536):
        pass
    return False


def test_a_failed_status_is_tried_at_another_target(tmp_path: Path) -> None:
    upstreams = [RawUpstream(answer_with(FAILED)), named("b")]
    settings: dict[str, object] = {"retries": {"budget": 100}}
    with gateway(tmp_path, upstreams, settings) as process:
        assert ask(process.port, 10) == [(200, b"b")] * 10


@pytest.mark.parametrize("fault", [hang_up, silent])
def test_a_broken_connection_and_a_slow_try_are_tried_again(tmp_path: Path, fault: object) -> None:
    upstreams = [RawUpstream(fault), named("b")]  # type: ignore[arg-type]
    settings: dict[str, object] = {"retries": {"budget": 100, "perTry": "500ms"}}
    with gateway(tmp_path, upstreams, settings) as process:
        assert ask(process.port, 6) == [(200, b"b")] * 6


@pytest.mark.parametrize(("fault", "status"), [(answer_with(FAILED), 503), (hang_up, 502), (silent, 504)])
def test_what_may_take_effect_twice_is_never_sent_twice(tmp_path: Path, fault: object, status: int) -> None:
    first, second = RawUpstream(fault), RawUpstream(fault)  # type: ignore[arg-type]
    settings: dict[str, object] = {"retries": {"attempts": 3, "perTry": "500ms"}}
    with gateway(tmp_path, [first, second], settings) as process:
        with RawClient(process.port) as client:
            assert client.send(body_of(b"POST", b"pay")).read_answer()[0] == status
        assert len(first.requests) + len(second.requests) == 1


def test_a_body_is_sent_again_whole_and_a_large_one_not_at_all(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def fail_first(peer: socket.socket, request: bytes) -> bool:
        asked.append(request)
        peer.sendall(FAILED if len(asked) % 2 else OK)
        return True

    settings: dict[str, object] = {"retries": {"budget": 100, "body": 1000}}
    service = RawUpstream(fail_first)
    with (
        gateway(tmp_path, [service], settings, routes=("PUT /accounts",)) as process,
        RawClient(process.port) as client,
    ):
        assert client.send(body_of(b"PUT", b"x" * 900)).read_answer()[0] == 200
        assert [request.partition(b"\r\n\r\n")[2] for request in asked] == [b"x" * 900] * 2
        asked.clear()
        assert client.send(body_of(b"PUT", b"y" * 1100)).read_answer()[0] == 503
        assert len(asked) == 1


def test_nothing_is_sent_again_once_the_answer_has_begun(tmp_path: Path) -> None:
    def cut(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        return False

    upstreams = [RawUpstream(cut), RawUpstream(cut)]
    with gateway(tmp_path, upstreams, {"retries": {"attempts": 3}}) as process:
        with RawClient(process.port) as client:
            assert client.send(GET).read_to_end().endswith(b"\r\n\r\nhalf")
        assert sum(len(upstream.requests) for upstream in upstreams) == 1


def test_the_budget_bounds_how_much_is_sent_again(tmp_path: Path) -> None:
    service = RawUpstream(answer_with(FAILED))
    with gateway(tmp_path, [service], {"retries": {"attempts": 1, "budget": 10, "backoff": 0}}) as process:
        assert [status for status, _ in ask(process.port, 100)] == [503] * 100
        again = len(service.requests) - 100
    assert 10 <= again < 60  # ten saved up, a tenth of the calls, one a second
