"""What credits pay for at a gateway, as the access record of a prepaid subscription changes. Promises R5, B11."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_environment, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream

GET = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()
PORTAL = "https://portal.example.com"


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeepingControlPlane]:
    with KeepingControlPlane(Home(tmp_path_factory.mktemp("gateway"))) as plane:
        yield plane


@pytest.fixture(scope="module")
def gateway(control: KeepingControlPlane, upstream: RawUpstream) -> Iterator[GatewayProcess]:
    control.publish(make_snapshot([make_version(upstream.port)], environment=make_environment(portal_url=PORTAL)))
    control.change(control.home.records())
    process = GatewayProcess(control.home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def call(gateway: GatewayProcess) -> tuple[int, bytes]:
    with RawClient(gateway.port) as client:
        status, _, body = client.send(GET).read_answer()
        return status, body


def test_prepaid_calls_are_admitted_to_the_last_one_and_each_top_up_lets_as_many_more_pass(
    control: KeepingControlPlane, gateway: GatewayProcess
) -> None:
    since = int(time.time()) - 30
    answers: list[int] = []

    def told(calls: int) -> None:
        control.change(control.home.records(payment="ok", allowance=[since, calls]))

    def passes() -> bool:
        answers.append(call(gateway)[0])
        return answers[-1] == 200

    told(0)
    wait_until(lambda: b"credits-exhausted" in call(gateway)[1], "the balance is known")
    told(1)
    wait_until(passes, "the top-up is known")
    assert [call(gateway)[0] for _ in range(3)] == [402, 402, 402]
    problem = json.loads(call(gateway)[1])
    assert problem["action"] == {"name": "top-up", "url": f"{PORTAL}/my/subscriptions/sub_1/credits"}
    told(4)
    wait_until(passes, "the second top-up is known")
    assert [call(gateway)[0] for _ in range(4)] == [200, 200, 402, 402]
