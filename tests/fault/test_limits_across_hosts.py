"""Limits hold across gateways of several hosts, whatever becomes of them or of Redis.

Promises R5, B3, B4, H21.
"""

from __future__ import annotations

import http.client
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest

from gateway_sync.snapshot import Quota
from tests.fault.calling import call
from tests.fault.hosts import LIMIT, QUOTA, Hosts, Opener, RedisServer, snapshot
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home
from tests.wire.raw import RawUpstream

pytestmark = pytest.mark.fault


def send(port: int, body: bytes) -> int:
    """1 when a call with a body passed and its body arrived, else 0."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("POST", "/bank/v1/accounts", body, {"X-API-Key": KEY})
        return int(connection.getresponse().status == HTTPStatus.OK)
    finally:
        connection.close()


def fields(port: int) -> http.client.HTTPMessage:
    """The fields of a call's answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/bank/v1/accounts", headers={"X-API-Key": KEY})
        return connection.getresponse().headers
    finally:
        connection.close()


@contextmanager
def hosts(folder: Path, *, is_postpaid: bool = False, quota: Quota = QUOTA) -> Iterator[Hosts]:
    with RawUpstream() as upstream:
        running = Hosts(folder, snapshot(upstream.port, is_postpaid=is_postpaid, quota=quota))
        try:
            yield running
        finally:
            running.stop()


@pytest.mark.parametrize("quota", [QUOTA, Quota(LIMIT, "period", window="anchored")], ids=["calendar", "anchored"])
def test_a_quota_is_exact_across_hosts_whatever_becomes_of_redis(tmp_path: Path, quota: Quota) -> None:
    with hosts(tmp_path, quota=quota) as both:
        passed = send(both.gateways[0].port, b"x" * 300_000)  # the first call of all waits for a lease
        passed += both.call(240)[200]
        assert passed > 0
        both.redis.client.flushall()
        passed += both.call(80)[200]
        both.wait_shared()
        passed += both.call(240)[200]
        both.redis.signal(signal.SIGKILL)
        passed += both.call(160)[200]
        both.wait_degraded()
        spent = Counter[int]()
        wait_until(lambda: spent.update(both.call(80)) or spent[429] > 0)
        passed += spent[200]
        both.redis.start()
        both.wait_shared()
        rest = Counter[int]()
        wait_until(lambda: rest.update(both.call(400)) or passed + rest[200] >= LIMIT)
        assert passed + rest[200] + both.call(80)[200] == LIMIT


def test_a_redis_that_hangs_costs_no_call_an_answer(tmp_path: Path) -> None:
    with hosts(tmp_path) as both:
        first = both.call(80)
        both.redis.signal(signal.SIGSTOP)
        hung = both.call(240)
        both.wait_degraded()
        said = fields(both.gateways[0].port)["apim-limits"]
        held = both.call(80)
        both.redis.signal(signal.SIGCONT)
        both.wait_shared()
        assert (hung.total(), held.total(), said) == (240, 80, "degraded")
        assert set(hung | held) <= {200, 429}
        passed = first[200] + hung[200] + held[200]  # and what the calls of fields took
        rest = both.call(LIMIT + 400)
        assert passed + rest[200] <= LIMIT
        assert "apim-limits" not in fields(both.gateways[0].port)


@pytest.mark.slow
def test_a_postpaid_plan_goes_on_without_redis_by_a_hundredth_whatever_is_killed(tmp_path: Path) -> None:
    with hosts(tmp_path, is_postpaid=True) as both:
        passed = both.call(400)[200]
        both.redis.signal(signal.SIGKILL)
        for _ in range(3):
            passed += both.call(LIMIT)[200]
            for gateway in both.gateways:
                gateway.kill_worker(0)
                gateway.wait_ready()
        assert passed <= LIMIT + LIMIT // 100
        both.redis.start()
        both.wait_shared()
        passed += sum(both.call(400)[200] for _ in range(4))
        assert LIMIT * 0.9 < passed <= LIMIT + LIMIT // 100


@pytest.mark.slow
def test_killed_workers_and_supervisors_spend_nothing_twice(tmp_path: Path) -> None:
    with hosts(tmp_path) as both:
        passed = 0
        for round_ in range(6):
            passed += both.call(120)[200]
            number = round_ % 2
            gateway = both.gateways[number]
            if round_ < 3:
                gateway.kill_worker(0)
            else:
                gateway.process.kill()
                gateway.process.wait()
                gateway.log.close()
                both.gateways[number] = GatewayProcess(both.homes[number], workers=2)
            both.gateways[number].wait_ready()
            both.wait_shared()
        rest = Counter[int]()
        wait_until(lambda: rest.update(both.call(400)) or rest[429] > 600)
        assert LIMIT - 16 <= passed + rest[200] <= LIMIT  # an answer may be lost with the worker that was killed


@pytest.mark.slow
def test_what_a_gateway_counted_alone_counts_when_a_second_one_comes(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    opener = Opener(server, hosts=2)
    opener.start()
    first = Home(tmp_path / "first", redis_url=server.url)
    with RawUpstream() as upstream, KeepingControlPlane(first) as control:
        shared = snapshot(upstream.port, is_postpaid=False)
        control.publish(replace(shared, environment=replace(shared.environment, gateways=0)))
        control.change(first.records())
        gateways = [GatewayProcess(first, workers=2).wait_ready()]
        passed = Counter(
            status for caller in call(gateways[0].port, callers=4, calls=75) for _, status in caller.completed
        )
        assert passed == {200: 300}
        second = replace(first, path=tmp_path / "second")
        second.install(shared)
        try:
            control.publish(shared)
            gateways.append(GatewayProcess(second, workers=2).wait_ready())
            wait_until(lambda: _pass(gateways, passed) or passed[200] >= LIMIT)
            _pass(gateways, passed)
            assert passed[200] == LIMIT
        finally:
            for gateway in gateways:
                gateway.stop()
            opener.is_over.set()
            opener.join()
            server.stop()


def test_a_quota_is_exact_with_a_gateway_that_does_not_reach_redis(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    opener = Opener(server, hosts=2)
    opener.start()
    first = Home(tmp_path / "first", redis_url=server.url)
    joined = replace(first, path=tmp_path / "joined", redis_url="")
    gateways: list[GatewayProcess] = []
    with RawUpstream() as upstream, KeepingControlPlane(joined) as control:
        control.redis = server.client
        control.publish(snapshot(upstream.port, is_postpaid=False))
        control.change(first.records())
        try:
            for home in (first, joined):
                home.install(snapshot(upstream.port, is_postpaid=False))
                gateways.append(GatewayProcess(home, workers=2))
            for gateway in gateways:
                gateway.wait_ready()
            passed = Counter[int]()
            wait_until(lambda: _pass(gateways[1:], passed) or passed[200] >= LIMIT // 4)
            control.is_down = True
            wait_until(lambda: b"\napim_limits_degraded 1" in gateways[1].admin("/metrics")[1])
            _pass(gateways, passed)
            control.is_down = False
            wait_until(lambda: _pass(gateways, passed) or passed[200] >= LIMIT)
            _pass(gateways, passed)
            assert passed[200] == LIMIT
        finally:
            for gateway in gateways:
                gateway.stop()
            opener.is_over.set()
            opener.join()
            server.stop()


def _pass(gateways: list[GatewayProcess], passed: Counter[int]) -> None:
    """Call each, and add what came of it."""
    for gateway in gateways:
        for caller in call(gateway.port, callers=4, calls=25):
            passed.update(status for _, status in caller.completed)
