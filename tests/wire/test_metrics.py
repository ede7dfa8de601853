"""/metrics, read by Prometheus' own parser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway_sync.runtime.metrics import METRICS
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream

CALLS = 7


@pytest.fixture
def gateway(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    home = Home(tmp_path_factory.mktemp("gateway"))
    with KeepingControlPlane(home) as control:  # takes usage at once, so that segments are deleted while they are read
        control.publish(make_snapshot([make_version(upstream.port)]))
        control.change(home.records())
        process = GatewayProcess(home, workers=2)
        try:
            yield process.wait_ready()
        finally:
            process.stop()


def scrape(gateway: GatewayProcess) -> dict[str, Metric]:
    text = gateway.admin("/metrics")[1].decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family: Metric, *labels: str) -> dict[tuple[str, ...], float]:
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in family.samples}


def get(gateway: GatewayProcess, path: str = "accounts", key: str = KEY) -> int:
    with RawClient(gateway.port) as client:
        return client.send(
            f"GET /bank/v1/{path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\n\r\n".encode()
        ).read_answer()[0]


def test_the_page_is_prometheus_text_and_has_every_metric_of_the_reference(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    families = scrape(gateway)
    wanted = {metric.name.removesuffix("_total"): metric.type for metric in METRICS}
    assert {name: family.type for name, family in families.items()} == wanted
    for family in families.values():
        assert family.documentation
        if family.type == "histogram" and family.samples:  # there is none of arms where there are no arms
            assert {sample.labels["le"] for sample in family.samples if sample.name.endswith("_bucket")} >= {"+Inf"}


def test_exchanges_are_counted_by_api_and_by_code_once_somebody_asks(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    def is_followed() -> bool:
        get(gateway)
        return bool(scrape(gateway)["apim_api_requests"].samples)

    wait_until(is_followed, "the first exchange by API", pause_s=0.2)
    counts: list[float] = []

    def is_settled() -> bool:
        counts.append(sum(values(scrape(gateway)["apim_api_requests"], "api", "version", "status").values()))
        return len(set(counts[-3:])) == 1 and len(counts) > 2

    wait_until(is_settled, "all that was sent before is counted", pause_s=1)
    before = values(scrape(gateway)["apim_api_requests"], "api", "version", "status")
    timed = values(scrape(gateway)["apim_exchange_seconds"], "part")
    for _ in range(CALLS):
        assert get(gateway) == 200
        assert get(gateway, "closed") == 403
        assert get(gateway, key="apim_live_wrong") == 401
        assert get(gateway, "none/of/these") == 404
    upstream.script = lambda peer, _request: bool(peer.close())
    assert get(gateway) == 502

    wanted = {("bank", "v1", "2xx"): CALLS, ("bank", "v1", "4xx"): CALLS * 3, ("bank", "v1", "5xx"): 1}

    def grown() -> dict[tuple[str, ...], float]:
        now = values(scrape(gateway)["apim_api_requests"], "api", "version", "status")
        return {key: value - before.get(key, 0) for key, value in now.items() if value != before.get(key, 0)}

    wait_until(lambda: sum(grown().values()) >= sum(wanted.values()), "all counted", pause_s=0.2)
    assert grown() == wanted
    codes = values(scrape(gateway)["apim_rejections"], "code")
    assert {key[0] for key in codes} == {"unauthenticated", "no-subscription", "not-found", "upstream-unreachable"}
    times = values(scrape(gateway)["apim_exchange_seconds"], "part")
    assert set(times) == {("total",), ("upstream",), ("gateway",)}
    assert set(timed) == set(times)


def test_what_workers_are_and_have_is_told(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    assert get(gateway) == 200

    def is_told() -> bool:
        families = scrape(gateway)
        idle = values(families["apim_upstream_connections"], "slot", "state")
        return (
            set(idle) == {("0", "idle"), ("0", "in_use"), ("1", "idle"), ("1", "in_use")}
            and all(value > 2**20 for value in values(families["apim_worker_memory_bytes"], "slot").values())
            and all(value > 5 for value in values(families["apim_worker_open_files"], "slot").values())
            and values(families["apim_ready"])[()] == 1
        )

    wait_until(is_told, "the gauges")
