"""What a subscription's payment does to calls that come, with the same key, as access records change."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from gateway_sync.snapshot import Quota, Rate
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
    quotas = (Quota(1, "period", "bill"), Quota(2, "period"))
    environment = make_environment(portal_url=PORTAL)
    control.publish(
        make_snapshot([make_version(upstream.port)], rate=Rate(1000, 1, 1000), quotas=quotas, environment=environment)
    )
    control.change(control.home.records())
    process = GatewayProcess(control.home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def call(gateway: GatewayProcess) -> tuple[int, bytes, bytes]:
    with RawClient(gateway.port) as client:
        return client.send(GET).read_answer()


def test_payment_refuses_and_restores_and_quota_warns_before_it_refuses(
    control: KeepingControlPlane, gateway: GatewayProcess
) -> None:
    control.change(control.home.records(payment="suspended"))
    wait_until(lambda: call(gateway)[0] == 402, "the payment that failed is known")
    status, head, body = call(gateway)
    problem = json.loads(body)
    assert (status, problem["code"]) == (402, "payment-required")
    assert problem["action"] == {"name": "pay", "url": f"{PORTAL}/my/subscriptions/sub_1"}
    assert b"application/problem+json" in head

    control.change(control.home.records(payment="ok", credits="exhausted"))
    wait_until(lambda: b"credits-exhausted" in call(gateway)[2], "the empty balance is known")
    control.change(control.home.records(lifecycle="paused", reason="The trial ended without a card."))
    wait_until(lambda: call(gateway)[0] == 403, "the pause is known")
    assert json.loads(call(gateway)[2])["detail"] == "The trial ended without a card."

    control.change(control.home.records(payment="ok", capped=int(time.time()) + 3600))
    wait_until(lambda: b"quota-exceeded" in call(gateway)[2], "the cap is known")
    status, head, body = call(gateway)
    problem = json.loads(body)
    assert (status, problem["action"]["name"]) == (429, "upgrade")
    assert b"Retry-After: " in head

    answers: list[tuple[int, bytes, bytes]] = []

    def passes() -> bool:
        answers.append(call(gateway))
        return answers[-1][0] == 200

    # Its billing periods begin anew, so that the calls above do not count in this one.
    control.change(control.home.records(payment="grace", anchor=int(time.time()) - 60))
    wait_until(passes, "the payment is known")
    assert b"apim-overage" not in answers[-1][1]
    assert b"apim-overage: true" in call(gateway)[1]
    status, head, body = call(gateway)
    problem = json.loads(body)
    assert (status, problem["code"], problem["action"]["name"]) == (429, "quota-exceeded", "upgrade")
    assert b"Retry-After: " in head
