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
class GatewayReport:
    """A gateway and all of its live workers."""

    workers: tuple[WorkerReport, ...]
    software_version: str = ""
    host: str = ""
    is_push_connected: bool = False
