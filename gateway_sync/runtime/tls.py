"""TLS of the listener: which certificate a caller is shown, and what is known of the caller once it is connected.

Owns: contexts, SNI, client certificates. Python's SNI callback swaps the certificate and nothing else, so every caller
is asked for a client certificate where any host wants one, and core.hosts decides by the verified chain (ADR 9).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from gateway_sync.problems import Problem, Where
from gateway_sync.runtime.core.hosts import TLSPeer
from gateway_sync.runtime.sealing import UnsealFailed, unseal
from gateway_sync.runtime.serving import Serving
from gateway_sync.runtime.tls_context import load_chain
from gateway_sync.runtime.tls_handshake import TLSAcceptor
from gateway_sync.snapshot import Certificate, Edge

# TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325 section 4.2); 1.3 has no others.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
PROTOCOLS = ["h2", "http/1.1"]
BACKLOG = 4096
DEFAULT = "default"


class NamedObject(ssl.SSLObject):
    """A TLS session that remembers which host it was asked for."""

    server_name = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What callers are shown: contexts by exact host and by wildcard's suffix, and for everybody else."""

    exact: dict[str, ssl.SSLContext]
    wildcards: dict[str, ssl.SSLContext]
    other: ssl.SSLContext | None

    def context_of(self, name: str) -> ssl.SSLContext | None:
        """The context for a host; a name that no certificate covers gets the default one."""
        return self.exact.get(name) or self.wildcards.get(name.partition(".")[2]) or self.other


class ListenerTLS:
    """The certificates of one listener, which may change while it listens."""

    def __init__(self, sealing_key: bytes) -> None:
        """Nothing can be shown yet."""
        self._sealing_key = sealing_key
        self._shown = Shown({}, {}, None)
        self._edge: Edge | None = None
        self._first = self._context("")

    def use(self, edge: Edge) -> tuple[Problem, ...]:
        """Show the certificates of an edge from the next handshake on; what cannot be used of it."""
        if edge == self._edge:
            return ()
        authorities = "".join(sorted({host.client_ca for host in edge.hosts if host.client_certificates != "off"}))
        problems: list[Problem] = []
        exact: dict[str, ssl.SSLContext] = {}
        wildcards: dict[str, ssl.SSLContext] = {}
        other: ssl.SSLContext | None = None
        for certificate in _for_callers(edge):
            try:
                context = self._context(authorities, certificate)
            except (UnsealFailed, ssl.SSLError, OSError) as error:
                where = Where("certificate", certificate.id)
                problems.append(Problem("certificate.E001", f"{certificate.name} cannot be shown: {error}", where))
                continue
            for name in certificate.hosts:
                if name.startswith("*."):
                    wildcards.setdefault(name[2:], context)
                else:
                    exact.setdefault(name, context)
            other = other or context
        self._shown = Shown(exact, wildcards, other)
        self._first = self._context(authorities)  # whom to ask for a certificate is fixed where a handshake begins
        self._edge = edge
        return tuple(problems)

    def first_context(self) -> ssl.SSLContext:
        """The context that handshakes begin with; it hands them to that of the host."""
        return self._first

    def _context(self, authorities: str, certificate: Certificate | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_alpn_protocols(PROTOCOLS)
        context.sslobject_class = NamedObject
        context.sni_callback = self._on_name  # type: ignore[assignment]  # typed for SSLObject only
        if authorities:
            # A resumed session has no chain to look at, so there are none where chains matter.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
            context.verify_mode = ssl.CERT_OPTIONAL
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an authority need not be a root
            context.load_verify_locations(cadata=authorities)
        if certificate is not None:
            key = unseal(self._sealing_key, certificate.sealed_key, certificate.id)
            load_chain(context, certificate.chain, key)
        return context

    def _on_name(self, session: NamedObject, name: str | None, _first: ssl.SSLContext) -> int | None:
        """Choose the context of a host; the alert to send when there is no certificate at all."""
        session.server_name = (name or "").lower().rstrip(".")
        context = self._shown.context_of(session.server_name)
        if context is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        session.context = context
        return None


def _for_callers(edge: Edge) -> Iterable[Certificate]:
    """The certificates that callers are shown; one named "default" first, then by name."""
    found = [certificate for certificate in edge.certificates if not certificate.organization]
    return sorted(found, key=lambda certificate: (certificate.name != DEFAULT, certificate.name))


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
