"""TLS of the listener: connections whose handshakes show what ListenerTLS has, and what is known of a caller then."""

from __future__ import annotations

import socket
import ssl

from gateway_sync.problems import Problem
from gateway_sync.runtime.core.hosts import TLSPeer
from gateway_sync.runtime.listener_tls import ListenerTLS, NamedObject
from gateway_sync.runtime.serving import Serving
from gateway_sync.runtime.tls_handshake import TLSAcceptor
from gateway_sync.snapshot import Edge

BACKLOG = 4096


def peer_of(session: ssl.SSLObject) -> TLSPeer:
    """What a finished handshake told of the caller."""
    name = session.server_name if isinstance(session, NamedObject) else ""
    if session.getpeercert(binary_form=True) is None:
        return TLSPeer(name)
    # Public from Python 3.13 on; before, the same method exists below the surface.
    below = getattr(session, "_sslobj", None)
    chain = below.get_verified_chain() if below is not None else None
    return TLSPeer(name, tuple(_der_of(certificate) for certificate in chain or ()))


def _der_of(certificate: object) -> bytes:
    if isinstance(certificate, bytes):
        return certificate
    pem: str = certificate.public_bytes()  # type: ignore[attr-defined]  # _ssl.Certificate, PEM by default
    return ssl.PEM_cert_to_DER_cert(pem)


class TLSServer:
    """The listener of one worker; changes of certificates and authorities cut no connection."""

    def __init__(self, serving: Serving, listener: socket.socket, sealing_key: bytes) -> None:
        """Does not listen yet; the first `use` does."""
        self._serving = serving
        self._listener = listener
        self._tls = ListenerTLS(sealing_key)
        self._acceptor: TLSAcceptor | None = None

    def use(self, edge: Edge) -> tuple[Problem, ...]:
        """Show the certificates of an edge to who connects from now on; what cannot be used of it."""
        problems = self._tls.use(edge)
        if self._acceptor is None:
            self._listener.listen(BACKLOG)
            self._acceptor = TLSAcceptor(self._serving, self._listener, self._tls.first_context, peer_of)
        return problems

    def close(self) -> None:
        """Accept no more."""
        if self._acceptor is not None:
            self._acceptor.close()
