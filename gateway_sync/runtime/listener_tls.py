"""ListenerTLS: which certificate a caller is shown, by the name that it asks for.

Owns: contexts, SNI. Python's SNI callback swaps the certificate and nothing else, so every caller is asked for a client
certificate where any host wants one, and core.hosts decides by the verified chain (ADR 9). Must not know: connections.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from gateway_sync.problems import Problem, Where
from gateway_sync.runtime.sealing import UnsealFailed, unseal
from gateway_sync.runtime.tls_context import load_chain
from gateway_sync.snapshot import Certificate, Edge

# TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325 section 4.2); 1.3 has no others.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
PROTOCOLS = ["h2", "http/1.1"]
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
        """Show the certificates of an edge from the next handshake on; what cannot be used of it.

        Errors: ssl.SSLError, OSError for authorities that nobody can read; what was shown before goes on.
        """
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
        self._first = self._context(authorities)  # whom to ask for a certificate is fixed where a handshake begins
        self._shown = Shown(exact, wildcards, other)
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
