"""Arms side by side: the calls of all gateways together."""

from __future__ import annotations

from apim.console.targets import TargetView, arms_in
from gateway_sync.latencies import bucket_of


def told(gateway: str, arm: str, *latencies_us: int) -> TargetView:
    counted = [(bucket_of(latency), 1) for latency in latencies_us]
    target = "http://127.0.0.1:1"
    return TargetView(gateway, target, arm, "up", "closed", 0, len(counted), 0, sum(latencies_us), 0, counted)


def test_the_percentiles_of_an_arm_are_of_the_calls_at_all_gateways() -> None:
    (blue,) = arms_in([told("a", "blue", 1000, 2000, 3000), told("b", "blue", 100_000), told("b", "", 5_000_000)])
    assert blue.requests == 4
    assert blue.median_ms is not None
    assert blue.p95_ms is not None
    assert 2 <= blue.median_ms <= 2.5
    assert 100 <= blue.p95_ms <= 125


def test_an_arm_without_calls_has_no_percentiles() -> None:
    (blue,) = arms_in([told("a", "blue")])
    assert (blue.median_ms, blue.p95_ms, blue.failed_percent) == (None, None, None)
