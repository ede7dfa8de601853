"""Exposition: /metrics in Prometheus' text format, from the shared maps, the supervisor and the Observer."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from gateway_sync.latencies import Counted, add, edge_of
from gateway_sync.runtime.core.breakers import CLOSED
from gateway_sync.runtime.generations import age_of
from gateway_sync.runtime.metrics import METRICS, heading
from gateway_sync.runtime.processes import look_at
from gateway_sync.runtime.stats import BUCKETS
from gateway_sync.runtime.supervisor import Supervisor

MOST_TARGETS = 500  # whose counts have labels

Samples = defaultdict[str, list[str]]


def exposition(supervisor: Supervisor) -> str:
    """The page. Asking for it also keeps the counts by API and by code going."""
    supervisor.observer.want()
    samples: Samples = defaultdict(list)
    _add_state(supervisor, samples)
    _add_slots(supervisor, samples)
    _add_traffic(supervisor, samples)
    lines: list[str] = []
    for metric in METRICS:  # samples of one metric stand together, as the format wants it
        lines += heading(metric)
        lines += [metric.name + sample for sample in samples[metric.name]]
    return "\n".join(lines) + "\n"


def _add_state(supervisor: Supervisor, samples: Samples) -> None:
    manifest, shipper = supervisor.keeper.manifest, supervisor.shipper
    age_s = supervisor.keeper.vouching.age_s()
    values: dict[str, float] = {
        "apim_config_revision": manifest.revision if manifest else 0,
        "apim_access_seq": supervisor.keeper.access.seq,
        "apim_config_age_seconds": age_of(supervisor.keeper.generation) or 0,
        "apim_access_age_seconds": math.inf if age_s is None else age_s,
        "apim_push_connected": int(supervisor.follower.is_push_connected),
        "apim_limits_degraded": int(supervisor.lessor.is_degraded),
        "apim_limits_degraded_seconds_total": round(supervisor.lessor.degraded_for(), 3),
        "apim_ready": int(supervisor.is_ready()),
        "apim_usage_pending": shipper.pending(),
        "apim_usage_indeterminate_total": shipper.indeterminate,
        "apim_control_plane_unseen_seconds": supervisor.follower.unseen_s() or 0,
        "apim_usage_torn_segments_total": shipper.torn,
        "apim_spool_bytes": shipper.spool_bytes(),
        "apim_spool_limit_bytes": shipper.limit_bytes,
    }
    values |= {
        "apim_traces_shipped_total": supervisor.traces.shipped,
        "apim_traces_lost_total": supervisor.traces.lost(),
    }
    if (spans := supervisor.spans) is not None:
        values |= {
            "apim_spans_exported_total": spans.exported,
            "apim_spans_dropped_total": spans.dropped,
            "apim_spans_waiting": spans.waiting(),
        }
    for name, value in values.items():
        samples[name].append(f" {value}")
    _add_targets(supervisor, samples)
    samples["apim_problem"] += [f"{_labels(code=code)} 1" for code in supervisor.problems()]


def _add_targets(supervisor: Supervisor, samples: Samples) -> None:
    targets = supervisor.targets.targets()
    states = Counter({"up": 0, "ejected": 0, "down": 0})
    states.update(target.state for target in targets)
    samples["apim_targets"] += [f"{_labels(state=state)} {count}" for state, count in sorted(states.items())]
    failing = {(target.version, target.arm) for target in targets if target.breaker != CLOSED}
    samples["apim_breakers_open"].append(f" {len(failing)}")
    counts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    ejections: Counter[str] = Counter()
    latencies: dict[tuple[str, str], Counted] = {}
    for target in targets[:MOST_TARGETS]:
        arm = (target.version, target.arm)
        counts["requests"][arm] += target.requests
        counts["failures"][arm] += target.failures
        counts["seconds"][arm] += target.latency_us
        latencies[arm] = add(latencies.get(arm, ()), target.latencies)
        ejections[target.version] += target.ejections
    for name, arms in counts.items():
        for (version, label), count in sorted(arms.items()):
            value = count / 1e6 if name == "seconds" else count
            samples[f"apim_arm_{name}_total"].append(f"{_labels(version=version, arm=label)} {value}")
    for (version, label), counted in sorted(latencies.items()):
        labels, sum_us = {"version": version, "arm": label}, counts["seconds"][version, label]
        samples["apim_arm_duration_seconds"] += _histogram_of_edges(labels, counted, sum_us)
    samples["apim_ejections_total"] += [
        f"{_labels(version=version)} {count}" for version, count in sorted(ejections.items())
    ]


def _add_slots(supervisor: Supervisor, samples: Samples) -> None:
    for slot in supervisor.slots:
        label = _labels(slot=str(slot.number))
        counts = supervisor.host.stats_of(slot) | {"worker_restarts": slot.restarts}
        buckets, sum_us = counts.pop("latency"), counts.pop("latency_sum_us")
        if isinstance(buckets, list) and isinstance(sum_us, int):
            samples["apim_latency_seconds"] += _histogram({"slot": str(slot.number)}, buckets, sum_us)
        for name, count in counts.items():
            samples[f"apim_{name}_total"].append(f"{label} {count}")
        samples["apim_worker_hangs_total"].append(f"{label} {supervisor.watching.counts.get(slot.number, 0)}")
        samples["apim_worker_silent_seconds"].append(f"{label} {slot.silent_s:.1f}")
        gauges = supervisor.host.gauges_of(slot)
        idle = gauges["upstreams_idle"]
        for state, value in (("idle", idle), ("in_use", max(0, gauges["upstreams_open"] - idle))):
            labels = _labels(slot=str(slot.number), state=state)
            samples["apim_upstream_connections"].append(f"{labels} {value}")
        samples["apim_composites_under_way"].append(f"{label} {gauges['composites_under_way']}")
        for name in ("kept_body_bytes", "unsent_bytes"):
            samples[f"apim_{name}"].append(f"{label} {gauges[name]}")
        samples["apim_event_loop_lag_seconds"].append(f"{label} {gauges['loop_lag_us'] / 1e6:.6f}")
        if (process := look_at(slot.pid)) is not None:
            samples["apim_worker_memory_bytes"].append(f"{label} {process.memory_bytes}")
            samples["apim_worker_open_files"].append(f"{label} {process.open_files}")


def _add_traffic(supervisor: Supervisor, samples: Samples) -> None:
    traffic = supervisor.traffic
    for (api, version, status), count in sorted(traffic.requests.copy().items()):
        samples["apim_api_requests_total"].append(f"{_labels(api=api, version=version, status=status)} {count}")
    for code, count in sorted(traffic.rejections.copy().items()):
        samples["apim_rejections_total"].append(f"{_labels(code=code)} {count}")
    for (api, version, kind, done), count in sorted(traffic.shadows.copy().items()):
        labels = _labels(api=api, version=version, kind=kind, done=done)
        samples["apim_policy_shadow_total"].append(f"{labels} {count}")
    parts = {"total": traffic.total, "upstream": traffic.upstream, "gateway": traffic.gateway}
    for part, histogram in parts.items():
        samples["apim_exchange_seconds"] += _histogram({"part": part}, histogram.buckets, histogram.sum_us)


def _labels(**values: str) -> str:
    """The label set of a sample."""
    escaped = {
        name: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for name, value in values.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"


def _histogram_of_edges(labels: Mapping[str, str], counted: Counted, sum_us: int) -> list[str]:
    """The samples of a histogram with an edge at each power of two of microseconds from 2**10 to 2**26."""
    lines = []
    for power in range(10, 27):
        below = sum(calls for bucket, calls in counted if edge_of(bucket) <= 2**power)
        lines.append(f"_bucket{_labels(**labels, le=f'{2**power / 1e6:.6f}')} {below}")
    total = sum(calls for _, calls in counted)
    lines.append(f"_bucket{_labels(**labels, le='+Inf')} {total}")
    return [*lines, f"_count{_labels(**labels)} {total}", f"_sum{_labels(**labels)} {sum_us / 1e6:.6f}"]


def _histogram(labels: Mapping[str, str], buckets: Sequence[int], sum_us: int) -> list[str]:
    """The samples of a histogram, each bucket counting those below it as well."""
    lines = []
    reached = 0
    for position, count in enumerate(list(buckets)):
        reached += count
        edge = "+Inf" if position == BUCKETS - 1 else f"{2**position / 1e6:.6f}"
        lines.append(f"_bucket{_labels(**labels, le=edge)} {reached}")
    return [*lines, f"_count{_labels(**labels)} {reached}", f"_sum{_labels(**labels)} {sum_us / 1e6:.6f}"]
