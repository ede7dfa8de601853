"""What a gateway says of itself, as the report door reads it from the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One process of a gateway.

    Units: started_at and applied_at in seconds since the epoch; applied_at 0 = nothing applied yet.
    """

    slot: int
    pid: int
    boot: str
    started_at: float
    revision: int = 0
    digest: str = ""
    access_seq: int = 0
    applied_at: float = 0
    problems: tuple[Mapping[str, Any], ...] = ()
    stats: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetReport:
    """A target of a version as all workers of a gateway together see it.

    Shapes: state is up, ejected or down (by its health check); breaker is closed, half-open or open; the counts are
    since the workers started.
    """

    version: str
    target: str
    arm: str = ""
    state: str = "up"
    breaker: str = "closed"
    active: int = 0
    requests: int = 0
    failures: int = 0
    latency_us: int = 0
    ejections: int = 0
    retries: int = 0
    latencies: tuple[tuple[int, int], ...] = ()  # (bucket of gateway_sync.latencies, calls)


@dataclass(frozen=True, slots=True)
class EventReport:
    """Something that happened to a target or a breaker. Units: at in seconds since the epoch."""

    at: int
    version: str
    what: str
    arm: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """A gateway and all of its live workers.

    Shapes: targets and events None = as reported before; takes_trials = one of its workers can try a state.
    """

    workers: tuple[WorkerReport, ...]
    software_version: str = ""
    host: str = ""
    is_push_connected: bool = False
    takes_trials: bool = False
    targets: tuple[TargetReport, ...] | None = None
    events: tuple[EventReport, ...] | None = None
