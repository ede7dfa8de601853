"""Options: how a gateway was started, as its supervisor goes by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gateway_sync.runtime.access_log import LogOptions
from gateway_sync.runtime.bounds import Given
from gateway_sync.runtime.span_exporter import Collector
from gateway_sync.runtime.spool_format import SPOOL_BYTES
from gateway_sync.runtime.watching import HANG_S


@dataclass(frozen=True, slots=True)
class Options:
    """How the gateway was started."""

    home: Path
    bind: str
    port: int
    admin_port: int
    workers: int
    spool_bytes: int = SPOOL_BYTES
    given: Given = field(default_factory=Given)
    log: LogOptions = field(default_factory=LogOptions)
    tls_port: int = 0  # 0 = no HTTPS
    worker_bytes: int = 0  # soft limit of a worker's memory, 0 = none
    hang_s: float = HANG_S  # without a sign of life, after which a worker is replaced
    collector: Collector = field(default_factory=Collector)  # of spans

    def own_addresses(self) -> tuple[str, ...]:
        """`host:port` of what the gateway listens on, to which it never proxies."""
        ports = (self.port, self.admin_port, self.tls_port)
        return (*(f"{self.bind}:{port}" for port in ports if port), f"127.0.0.1:{self.admin_port}")
