"""Targets: the addresses of upstreams, as connections and heads need them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_sync.snapshot import Target
from gateway_sync.upstreams.tls import TLS


@dataclass(frozen=True, slots=True)
class TargetTLS:
    """How a target with https is connected to; organization is whose client certificates may be shown there."""

    settings: TLS
    organization: str


class TargetEntry:
    """One address of an upstream, with the bytes that requests to it need."""

    __slots__ = ("address", "base_path", "connects_by", "host_field", "is_http2", "is_tls", "tls")

    def __init__(self, target: Target, tls: TargetTLS | None = None, *, is_http2: bool = False) -> None:
        """address is (host, port); connects_by is what targets have in common that share connections."""
        self.address = (target.host, target.port)
        self.is_tls = target.scheme == "https"
        self.tls = tls if self.is_tls else None
        self.is_http2 = is_http2
        self.connects_by = (self.address, self.is_tls, self.tls, is_http2)
        self.base_path = target.base_path.rstrip("/").encode()
        host = f"[{target.host}]" if ":" in target.host else target.host
        is_default = target.port == (443 if self.is_tls else 80)
        self.host_field = (b"Host: " + host.encode()) + (b"" if is_default else b":%d" % target.port)
