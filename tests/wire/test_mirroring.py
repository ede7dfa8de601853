"""Mirroring: what the copy holds, and that callers never notice it."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

from tests.ports import free_ports
from tests.waiting import wait_until
from tests.wire.pools import GET, ask, body_of, gateway, named
from tests.wire.raw import OK, RawClient, RawUpstream


def mirror_to(port: int, **more: object) -> dict[str, object]:
    """Settings with a mirror."""
    return {"mirror": {"url": f"http://127.0.0.1:{port}/copy", **more}}


def test_the_copy_is_the_request_at_another_place_and_its_answer_is_seen_by_nobody(tmp_path: Path) -> None:
    with named("copy") as copy, gateway(tmp_path, [service := named("a")], mirror_to(copy.port)) as process:
        with RawClient(process.port) as client:
            assert client.send(body_of(b"POST", b"hello")).read_answer()[2] == b"a"
            assert client.send(GET).read_answer()[2] == b"a"
        wait_until(lambda: len(copy.requests) == 2)
        assert copy.requests[0].startswith(b"POST /copy/accounts HTTP/1.1\r\n")
        assert copy.requests[0].endswith(b"\r\n\r\nhello")
        assert b"apim_live" not in b"".join(copy.requests)
        assert len(service.requests) == 2


def test_a_dead_or_silent_mirror_delays_nobody_and_is_bounded(tmp_path: Path) -> None:
    (dead,) = free_ports(1)
    with gateway(tmp_path / "dead", [named("a")], mirror_to(dead)) as process:
        assert ask(process.port, 20) == [(200, b"a")] * 20
    release = threading.Event()
    silent = RawUpstream(lambda peer, _request: release.wait(60) and not peer.sendall(OK))
    with ExitStack() as stack:
        stack.callback(release.set)
        stack.enter_context(silent)
        process = stack.enter_context(gateway(tmp_path / "silent", [named("a")], mirror_to(silent.port, most=3)))
        assert ask(process.port, 20) == [(200, b"a")] * 20
        wait_until(lambda: len(silent.requests) == 3)
        assert ask(process.port, 20) == [(200, b"a")] * 20
        assert len(silent.requests) == 3


def test_large_bodies_and_the_rest_of_the_share_are_not_copied(tmp_path: Path) -> None:
    with named("copy") as copy, gateway(tmp_path, [named("a")], mirror_to(copy.port, share=50, body=100)) as process:
        with RawClient(process.port) as client:
            assert client.send(body_of(b"POST", b"x" * 200)).read_answer()[0] == 200
        ask(process.port, 100)
        wait_until(lambda: len(copy.requests) > 20)
        assert len(copy.requests) < 85
        assert not any(request.startswith(b"POST") for request in copy.requests)
