"""A gateway with a raw upstream, shared by the tests of a module: a start takes a third of a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway_sync.snapshot import Policy
from tests.waiting import wait_until
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.http2_stage import stage  # noqa: F401 - a fixture
from tests.wire.raw import RawClient, RawUpstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    """What the gateway proxies to."""
    with RawUpstream() as server:
        yield server


@pytest.fixture(autouse=True)
def _fresh_script(request: pytest.FixtureRequest) -> None:
    """Each test begins with an upstream that answers 200 and has seen nothing."""
    if "upstream" not in request.fixturenames:
        return
    upstream: RawUpstream = request.getfixturevalue("upstream")
    upstream.begin()
    if "gateway" in request.fixturenames:
        _let_pass_what_is_under_way(request.getfixturevalue("gateway"))
        upstream.begin()


def _let_pass_what_is_under_way(gateway: GatewayProcess) -> None:
    """Earlier tests hang up without waiting: what they sent before this exchange reaches the upstream before it.

    A gateway that was just kept busy refuses calls until it has caught up.
    """

    def is_served() -> bool:
        with RawClient(gateway.port) as client:
            client.send(f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode())
            return client.read_answer()[0] == 200

    wait_until(is_served, "the gateway serves again")


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One worker, no limits but a body of 1 MiB on v1; v2 is deprecated, v3 retired, v4 free, v5 without patience."""
    home = Home(tmp_path_factory.mktemp("gateway"))
    policies = (Policy("size-limit", {"max": 2**20}), Policy("cors", {"origins": ["https://app.example.com"]}))
    v1 = make_version(upstream.port, policies=policies)
    v2 = make_version(
        upstream.port,
        id="ver_2",
        name="v2",
        state="deprecated",
        deprecated_at=1767225600,
        sunset_at=1782864000,
        successor="v1",
    )
    v3 = make_version(upstream.port, id="ver_3", name="v3", state="retired", successor="v1")
    v4 = make_version(upstream.port, id="ver_4", name="v4")
    v5 = make_version(upstream.port, id="ver_5", name="v5", timeout_ms=500)
    home.install(make_snapshot([v1, v2, v3, v4, v5]))
    process = GatewayProcess(home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()
