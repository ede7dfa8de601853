"""Health checks: who is asked, by whom, and what the verdict does on every worker."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway_sync.snapshot import Target
from tests.waiting import wait_until
from tests.wire.gateways import GatewayProcess, Home, make_snapshot, make_version
from tests.wire.pools import FAILED, ask, gateway, get, named
from tests.wire.raw import OK, RawUpstream, answer_with

CHECK: dict[str, object] = {"healthCheck": {"path": "/health", "interval": "100ms", "healthy": 1, "unhealthy": 2}}


def start(stack: ExitStack, path: Path, upstreams: list[RawUpstream], settings: dict[str, object]) -> GatewayProcess:
    """A gateway with two workers before these upstreams."""
    for upstream in upstreams:
        stack.enter_context(upstream)
    targets = tuple(Target("http", "127.0.0.1", upstream.port, "/base", 100) for upstream in upstreams)
    home = Home(path)
    home.install(make_snapshot([make_version(0, targets=targets, upstream=settings)]))
    process = GatewayProcess(home, workers=2).wait_ready()
    stack.callback(process.stop)
    return process


def checks_at(upstream: RawUpstream) -> int:
    """How often it was asked."""
    return sum(request.startswith(b"GET /base/health HTTP/1.1\r\n") for request in upstream.requests)


def test_a_target_that_fails_its_check_gets_no_calls_from_any_worker_until_it_is_well(tmp_path: Path) -> None:
    with ExitStack() as stack:
        ill, well = named("ill"), named("well")
        is_ill = threading.Event()
        is_ill.set()
        answers = ill.script
        ill.script = lambda peer, request: (
            answer_with(FAILED)(peer, request) if is_ill.is_set() and b"/health" in request else answers(peer, request)
        )
        process = start(stack, tmp_path, [ill, well], CHECK)
        wait_until(lambda: all(bodies_of(process) == {b"well"} for _ in range(8)), "both workers know")
        is_ill.clear()
        wait_until(lambda: b"ill" in bodies_of(process))


def bodies_of(process: GatewayProcess) -> set[bytes]:
    """What a few calls on one connection, so of one worker, are answered."""
    return {body for _, body in ask(process.port, 4)}


def test_two_workers_ask_no_more_than_one(tmp_path: Path) -> None:
    with ExitStack() as stack:
        upstream = RawUpstream()
        rare: dict[str, object] = {"healthCheck": {"path": "/health", "interval": "1h"}}
        process = start(stack, tmp_path, [upstream], rare)
        wait_until(lambda: checks_at(upstream) == 1)
        for _ in range(50):  # calls to both workers, each of which would check if it were its part
            assert ask(process.port, 1) == [(200, b"ok")]
        assert checks_at(upstream) == 1


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_no_healthy_target_is_503_and_comes_back(tmp_path: Path, protocol: str) -> None:
    settings = {"healthCheck": {**CHECK["healthCheck"], "protocol": protocol}}  # type: ignore[dict-item]
    with ExitStack() as stack:
        upstream = RawUpstream()
        if protocol == "tcp":
            port = upstream.port
            upstream.__exit__(None, None, None)
            target = Target("http", "127.0.0.1", port, "", 100)
            home = Home(tmp_path)
            home.install(make_snapshot([make_version(0, targets=(target,), upstream=settings)]))
            process = GatewayProcess(home).wait_ready()
            stack.callback(process.stop)
        else:
            upstream.script = answer_with(FAILED)
            process = start(stack, tmp_path, [upstream], settings)
        wait_until(lambda: b"no-healthy-target" in ask(process.port, 1)[0][1])
        if protocol == "http":
            upstream.script = answer_with(OK)
            wait_until(lambda: ask(process.port, 1) == [(200, b"ok")])


def test_the_checks_go_on_when_the_worker_that_makes_them_dies(tmp_path: Path) -> None:
    with ExitStack() as stack:
        upstream = RawUpstream()
        process = start(stack, tmp_path, [upstream], CHECK)
        wait_until(lambda: checks_at(upstream) > 1)
        process.kill_worker(0)
        asked = checks_at(upstream)
        wait_until(lambda: checks_at(upstream) > asked + 2)


def test_status_tells_the_state_of_each_target_and_what_happened(tmp_path: Path) -> None:
    with ExitStack() as stack:
        ill = RawUpstream(answer_with(FAILED))
        process = start(stack, tmp_path, [ill, named("well")], CHECK)

        def told() -> dict[str, Any]:
            status: dict[str, Any] = process.status()
            return {target["target"]: target["state"] for target in status["targets"]}

        wait_until(lambda: told().get(f"http://127.0.0.1:{ill.port}") == "down")
        wait_until(lambda: sorted(told().values()) == ["down", "up"])
        events: Any = process.status()["events"]
        assert events[0]["what"].startswith("down")
        assert events[0]["version"] == "ver_1"


def test_metrics_tell_the_arms_apart(tmp_path: Path) -> None:
    settings: dict[str, object] = {"canary": {"arms": ["stable=100", "canary=0"], "header": "X-Arm"}}
    arms: list[dict[str, object]] = [{"arm": "stable"}, {"arm": "canary"}]
    failing = RawUpstream(answer_with(FAILED))
    with gateway(tmp_path, [named("s"), failing], settings, arms) as process:
        ask(process.port, 12, get(), get(), get("X-Arm: canary"))
        wanted = {
            'apim_arm_requests_total{version="ver_1",arm="stable"} 8',
            'apim_arm_requests_total{version="ver_1",arm="canary"} 4',
            'apim_arm_failures_total{version="ver_1",arm="canary"} 4',
            'apim_arm_failures_total{version="ver_1",arm="stable"} 0',
        }
        wait_until(lambda: wanted <= set(process.admin("/metrics")[1].decode().splitlines()))
