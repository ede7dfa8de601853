"""The table of metrics is what workers count."""

from __future__ import annotations

from gateway_sync.runtime.metrics import METRICS
from gateway_sync.runtime.stats import POSITIONS


def test_every_count_of_a_worker_has_a_metric() -> None:
    counted = {f"apim_{name}_total" for name in POSITIONS}
    own = {
        "apim_worker_restarts_total",
        "apim_worker_hangs_total",
        "apim_worker_silent_seconds",
        "apim_latency_seconds",
        "apim_event_loop_lag_seconds",
        "apim_upstream_connections",
        "apim_worker_memory_bytes",
        "apim_worker_open_files",
        "apim_composites_under_way",
        "apim_kept_body_bytes",
        "apim_unsent_bytes",
    }
    assert {metric.name for metric in METRICS if metric.has_slot} == counted | own
