"""What a gateway says of itself, as the report door reads it from the wire, and no more than can be kept and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from gateway_sync.wire_values import Count, Message, MomentS, Name, Place, SmallCount, Words

_Bucket = Annotated[
    int, msgspec.Meta(ge=0, le=255)
]  # of gateway_sync.latencies, whose last one is of 2^63 microseconds


@dataclass(frozen=True, slots=True)
class ProblemReport:
    """Something that is wrong with a worker. Shapes: revision is of the state that it is about, 0 = of none."""

    code: Name
    message: Message = ""
    revision: Count = 0


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One process of a gateway.

    Units: started_at and applied_at in seconds since the epoch; applied_at 0 = nothing applied yet; silent_s since the
    worker said something.
    """

    slot: Place
    pid: SmallCount
    boot: Name
    started_at: MomentS
    revision: Count = 0
    digest: Name = ""
    access_seq: Count = 0
    applied_at: MomentS = 0
    silent_s: SmallCount = 0
    problems: tuple[ProblemReport, ...] = ()
    stats: Mapping[Name, Count | tuple[Count, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetReport:
    """A target of a version as all workers of a gateway together see it.

    Shapes: state is up, ejected or down (by its health check); breaker is closed, half-open or open; the counts are
    since the workers started.
    """

    version: Name
    target: Message
    arm: Words = ""
    state: Name = "up"
    breaker: Name = "closed"
    active: Count = 0
    requests: Count = 0
    failures: Count = 0
    latency_us: Count = 0
    ejections: Count = 0
    retries: Count = 0
    latencies: tuple[tuple[_Bucket, Count], ...] = ()  # (bucket of gateway_sync.latencies, calls)


@dataclass(frozen=True, slots=True)
class EventReport:
    """Something that happened to a target or a breaker. Units: at in seconds since the epoch."""

    at: Annotated[int, msgspec.Meta(ge=0, le=2**37)]
    version: Name
    what: Words
    arm: Words = ""
    target: Message = ""


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """A gateway and all of its live workers.

    Shapes: targets and events None = as reported before; takes_trials = one of its workers can try a state;
    boots = how many records each life of a worker has noted, in some reports only.
    """

    workers: tuple[WorkerReport, ...]
    software_version: Words = ""
    host: Words = ""
    is_push_connected: bool = False
    takes_trials: bool = False
    targets: tuple[TargetReport, ...] | None = None
    events: tuple[EventReport, ...] | None = None
    boots: Mapping[Name, Count] = field(default_factory=dict)
