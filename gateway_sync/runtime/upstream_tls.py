"""TLS towards upstreams: the contexts that pools connect with, one for each set of settings.

Owns: whom to trust and which certificate to show. Must not know: connections.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from gateway_sync.runtime.core.targets import TargetEntry, TargetTLS
from gateway_sync.runtime.sealing import UnsealFailed, unseal
from gateway_sync.runtime.tls_context import load_chain
from gateway_sync.snapshot import Certificate, Edge

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Dialed:
    """How connections of a pool begin.

    Shapes: context None = in clear text; fault is why none can begin at all, "" when they can.
    """

    context: ssl.SSLContext | None = None
    server_name: str = ""
    fault: str = ""
    is_http2: bool = False


class UpstreamContexts:
    """Contexts of one worker, each made once: reading the system's authorities takes milliseconds."""

    def __init__(self, sealing_key: bytes) -> None:
        """None is made yet."""
        self._sealing_key = sealing_key
        self._made: dict[tuple[TargetTLS | None, bool, Certificate | None], ssl.SSLContext] = {}

    def forget(self) -> None:
        """Make them anew when they are asked for: certificates may have changed."""
        self._made.clear()

    def way_to(self, target: TargetEntry, edge: Edge) -> Dialed:
        """How to connect to an https target."""
        tls = target.tls
        certificate = None
        if tls is not None and tls.settings.client_certificate:
            certificate = _find(edge, tls)
            if certificate is None:
                return Dialed(fault=f"there is no client certificate {tls.settings.client_certificate}")
        key = (tls, target.is_http2, certificate)
        try:
            context = self._made.get(key) or self._made.setdefault(key, self._make(tls, certificate))
            context.set_alpn_protocols(["h2" if target.is_http2 else "http/1.1"])
        except (UnsealFailed, ssl.SSLError, OSError) as error:
            return Dialed(fault=f"TLS cannot be set up: {error}")
        name = (tls.settings.server_name if tls is not None else "") or target.address[0]
        return Dialed(context, name, is_http2=target.is_http2)

    def _make(self, tls: TargetTLS | None, certificate: Certificate | None) -> ssl.SSLContext:
        if tls is None:
            return ssl.create_default_context()
        settings = tls.settings
        context = ssl.create_default_context(cadata=settings.ca or None)
        context.minimum_version = _VERSIONS[settings.minimum_version]
        if settings.ca:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an authority need not be a root
        if not settings.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            key = unseal(self._sealing_key, certificate.sealed_key, certificate.id)
            load_chain(context, certificate.chain, key)
        return context


def _find(edge: Edge, tls: TargetTLS) -> Certificate | None:
    wanted = (tls.settings.client_certificate, tls.organization)
    return next((one for one in edge.certificates if (one.name, one.organization) == wanted), None)
