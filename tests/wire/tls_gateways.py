"""Gateways with HTTPS for tests: certificates sealed as a control plane would, and clients that look at handshakes."""

from __future__ import annotations

import http.client
import secrets
import socket
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from gateway_sync.runtime.credentials import Credentials
from gateway_sync.runtime.sealing import seal
from gateway_sync.snapshot import Certificate, Challenge, Edge, Host, Snapshot
from tests.factories.certificates import Authority
from tests.ports import free_ports
from tests.waiting import PATIENCE_S
from tests.wire.gateways import KEY, GatewayProcess, Home


@dataclass
class SealedHome(Home):
    """A home whose gateway can open what was sealed for it."""

    sealing_key: bytes = field(default_factory=lambda: secrets.token_bytes(64))

    def credentials(self) -> Credentials:
        """With the sealing key."""
        return msgspec.structs.replace(super().credentials(), sealing_key=self.sealing_key.hex())

    def certificate(
        self, name: str, chain_and_key: tuple[str, str], hosts: Sequence[str], organization: str = ""
    ) -> Certificate:
        """A certificate as it travels."""
        chain, key = chain_and_key
        sealed = seal(self.sealing_key, key.encode(), f"cert_{name}")
        return Certificate(f"cert_{name}", name, organization, chain, sealed, tuple(hosts))


def make_host(name: str, **changes: object) -> Host:
    """A host for every API, without anything else."""
    return replace(Host(name, "", "", False, 0, "off", ""), **changes)  # type: ignore[arg-type]  # noqa: FBT003


def with_edge(
    snapshot: Snapshot,
    certificates: Sequence[Certificate],
    hosts: Sequence[Host] = (),
    challenges: Sequence[Challenge] = (),
) -> Snapshot:
    """The snapshot with certificates, hosts, and what is answered to authorities."""
    return replace(snapshot, edge=Edge(tuple(certificates), tuple(hosts), tuple(challenges)))


@dataclass
class TLSGateway:
    """A gateway that serves HTTPS."""

    process: GatewayProcess
    tls_port: int

    @property
    def port(self) -> int:
        """Where it serves plain HTTP."""
        return self.process.port


@contextmanager
def tls_gateway(home: SealedHome, *, options: Sequence[str] = ()) -> Iterator[TLSGateway]:
    """A running gateway with the state of a home."""
    (tls_port,) = free_ports(1)
    process = GatewayProcess(home, options=("--tls-port", str(tls_port), *options))
    try:
        yield TLSGateway(process.wait_ready(), tls_port)
    finally:
        process.stop()


def client_context(authority: Authority, chain_and_key: tuple[str, str] | None = None) -> ssl.SSLContext:
    """A client that trusts one authority and may show a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.pem)
    if chain_and_key is not None:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write("".join(chain_and_key))
            file.flush()
            context.load_cert_chain(file.name)
    return context


def connect(port: int, context: ssl.SSLContext, server_name: str) -> ssl.SSLSocket:
    """A finished handshake for a host."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    try:
        return context.wrap_socket(plain, server_hostname=server_name)
    except BaseException:
        plain.close()
        raise


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    fields: dict[str, str]
    body: bytes


def ask(
    connection: ssl.SSLSocket, host: str, path: str = "/bank/v1/accounts", *fields: str, method: str = "GET"
) -> Answer:
    """The answer to a request with the key, on a connection that stays open."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", f"X-API-Key: {KEY}", *fields, "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return read_answer(connection)


def read_answer(connection: socket.socket, method: str = "GET") -> Answer:
    """The next answer on a connection."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def write_pem(folder: Path, name: str, text: str) -> str:
    """The path of a file with a PEM text, for programs."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return str(path)
