"""Bodies that policies read whole: many slow uploads cost a worker no more than it grants, and stop nobody else.

Promise R1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from apim.catalog.contracts import contract_of
from gateway_sync.snapshot import Policy
from tests.waiting import wait_until
from tests.wire.bodies import SIZE, gauge, rss_bytes, upload
from tests.wire.contract import DOCUMENT, ROUTES
from tests.wire.gateways import KEY, GatewayProcess, Home, make_environment, make_snapshot, make_version
from tests.wire.policies import policies_of
from tests.wire.raw import RawClient, RawUpstream

BUDGET = 4 << 20


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One worker that keeps 4 MiB of bodies; v1 is plain, v2 reads them, v3 keeps them for another try."""
    home = Home(tmp_path_factory.mktemp("gateway"))
    plain = make_version(upstream.port)
    checked = make_version(
        upstream.port, id="ver_2", name="v2", policies=policies_of([{"validate-request": {"max": "2MiB"}}])
    )
    tried = make_version(upstream.port, id="ver_3", name="v3", upstream={"retries": {"count": 1, "body": "2MiB"}})
    versions = [plain, replace(checked, routes=ROUTES, contract=contract_of(DOCUMENT)), tried]
    limits = Policy("client-limits", {"keptBodies": BUDGET})
    home.install(make_snapshot(versions, environment=make_environment(policies=(limits,))))
    process = GatewayProcess(home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def test_many_slow_uploads_are_refused_beyond_the_budget_and_plain_calls_pass(gateway: GatewayProcess) -> None:
    (pid,) = gateway.pids()
    before = rss_bytes(pid)
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(gateway.port)) for _ in range(24)]
        for client in clients[:3]:
            upload(client, "PUT /bank/v2/accounts/1")
        wait_until(lambda: gauge(gateway, "apim_kept_body_bytes") == 3 * (SIZE - 1), "three are kept")
        answers = []
        for client in clients[3:]:
            upload(client, "PUT /bank/v2/accounts/1", 2 * SIZE, SIZE + 1024)
            answers.append(client.read_answer())
        assert {status for status, _, _ in answers} == {503}
        assert all(b"Retry-After: 1\r\n" in head for _, head, _ in answers)
        assert json.loads(answers[0][2])["code"] == "overloaded"
        assert rss_bytes(pid) - before < 4 * BUDGET
        with RawClient(gateway.port) as other:
            other.send(f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode())
            assert other.read_answer()[0] == 200
        for client in clients[:3]:
            client.send(b" ")
            assert client.read_answer()[0] == 400  # it was read: spaces are no JSON
    wait_until(lambda: gauge(gateway, "apim_kept_body_bytes") == 0, "all is given back")
    assert gauge(gateway, "apim_bodies_refused_total") >= 21


def test_a_body_that_cannot_be_kept_for_another_try_is_sent_once(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    with ExitStack() as stack:
        for client in [stack.enter_context(RawClient(gateway.port)) for _ in range(3)]:
            upload(client, "PUT /bank/v2/accounts/1", 2 * SIZE, SIZE + SIZE // 4)
        wait_until(lambda: gauge(gateway, "apim_kept_body_bytes") == 3 * (SIZE + SIZE // 4), "little is left")
        client = stack.enter_context(RawClient(gateway.port))
        upload(client, "POST /bank/v3/accounts", SIZE, SIZE)
        assert client.read_answer()[0] == 200
        assert any(request.startswith(b"POST /accounts") for request in upstream.requests)
