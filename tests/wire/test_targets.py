"""Several targets, TLS to targets, and what no answer may tell about them (hostile inputs 15, 16; promise R1)."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway_sync.snapshot import Target
from tests.ports import free_ports
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import OK, RawClient, RawUpstream, answer_with

HEAD = f"/bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n".encode()
GET = b"GET " + HEAD + b"\r\n"
POST = b"POST " + HEAD + b"Content-Length: 2\r\n\r\nhi"


def gateway_to(home: Home, *targets: Target, **more: object) -> GatewayProcess:
    """A gateway in front of these targets."""
    home.install(make_snapshot([make_version(0, targets=targets)]))
    return GatewayProcess(home, **more).wait_ready()  # type: ignore[arg-type]


def test_another_target_serves_when_one_cannot_be_connected_to(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream:
        (port,) = free_ports(1)
        dead = Target("http", "127.0.0.1", port, "", 100)
        gateway = gateway_to(home, dead, Target("http", "127.0.0.1", upstream.port, "", 100))
        try:
            with RawClient(gateway.port) as client:
                for request in [GET, POST] * 10:
                    assert client.send(request).read_answer()[0] == 200
        finally:
            gateway.stop()
        assert len(upstream.requests) == 20
        assert {request.partition(b"\r\n\r\n")[2] for request in upstream.requests if request[:4] == b"POST"} == {b"hi"}


def test_all_targets_dead_is_502_without_a_word_about_them(tmp_path: Path) -> None:
    home = Home(tmp_path)
    dead = [Target("http", "127.0.0.1", port, "", 100) for port in free_ports(3)]
    gateway = gateway_to(home, *dead)
    try:
        with RawClient(gateway.port) as client:
            status, head, body = client.send(GET).read_answer()
    finally:
        gateway.stop()
    assert (status, b'"code":"upstream-unreachable"' in body) == (502, True)
    assert b"127.0.0.1" not in head + body
    told = next(line for line in head.split(b"\r\n") if line.startswith(b"Date: "))
    sent_at = parsedate_to_datetime(told.partition(b": ")[2].decode())
    assert abs(dt.datetime.now(dt.UTC) - sent_at) < dt.timedelta(hours=1)


NASTY = {
    "Location": "http://{address}/secret",
    "Content-Location": "http://{address}/x",
    "Link": "<http://{address}/next>; rel=next",
    "Refresh": "0; url=http://{address}/",
    "Set-Cookie": "a=b; Domain=127.0.0.1; Path=/",
    "Server": "internal-{port}",
    "Via": "1.1 {address}",
    "X-Backend": "{address}",
    "X-Debug": "from 127.0.0.1",
    "Alt-Svc": 'h2="{address}"',
    "Access-Control-Allow-Origin": "http://{address}",
    "Content-Security-Policy": "default-src http://{address}",
    "Warning": '199 {address} "stale"',
}


@pytest.mark.parametrize("name", [*NASTY, "reason", "interim", "trailer"])
def test_no_answer_tells_the_address_of_the_upstream(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream:
        address = f"127.0.0.1:{upstream.port}"
        line = f"{name}: {NASTY.get(name, '').format(address=address, port=upstream.port)}\r\n"
        body = f"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-From: {address}\r\n\r\n"
        answers = {
            "reason": f"HTTP/1.1 200 Served by {address}\r\nContent-Length: 2\r\n\r\nok",
            "interim": f"HTTP/1.1 103 Early Hints\r\nLink: <http://{address}/>\r\n\r\n" + OK.decode(),
            "trailer": f"HTTP/1.1 200 OK\r\nTrailer: X-From\r\n{body}",
        }
        upstream.script = answer_with(
            answers.get(name, f"HTTP/1.1 302 Found\r\n{line}Content-Length: 0\r\n\r\n").encode()
        )
        gateway = gateway_to(home, Target("http", "127.0.0.1", upstream.port, "", 100))
        try:
            with RawClient(gateway.port) as client:
                _, head, content = client.send(GET).read_answer()
        finally:
            gateway.stop()
    assert b"127.0.0.1" not in head + content
    assert str(upstream.port).encode() not in head + content


def test_https_target_is_verified_and_named(tmp_path: Path) -> None:
    """A certificate of a known authority for the right name serves; any other is 502."""
    names: list[str | None] = []
    good, bad = Authority(tmp_path / "good.pem"), Authority(tmp_path / "bad.pem")
    cases = {"right": (good, "localhost"), "wrong name": (good, "other.example"), "unknown": (bad, "localhost")}
    for number, (authority, name) in enumerate(cases.values()):
        context = authority.context_for(name, tmp_path)
        context.sni_callback = lambda _socket, asked, _context: names.append(asked)
        with TLSUpstream(context) as upstream:
            gateway = gateway_to(
                Home(tmp_path / str(number)),
                Target("https", "localhost", upstream.port, "", 100),
                variables={"SSL_CERT_FILE": str(good.path)},
            )
            try:
                with RawClient(gateway.port) as client:
                    statuses = [client.send(request).read_answer()[0] for request in (GET, POST, GET)]
            finally:
                gateway.stop()
        assert statuses == ([200] * 3 if number == 0 else [502] * 3)
    assert set(names) == {"localhost"}


class TLSUpstream(RawUpstream):
    """A RawUpstream behind TLS."""

    def __init__(self, context: ssl.SSLContext) -> None:
        """Listens at once."""
        self._context = context
        super().__init__()

    def _serve(self, peer: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(peer, server_side=True) as secured:
            super()._serve(secured)

    def _read_some(self, peer: socket.socket) -> tuple[bytes, int]:
        return peer.recv(65_536), self._test  # TLS keeps bytes that the socket does not show any more


class Authority:
    """A certificate authority; its certificate is at path."""

    def __init__(self, path: Path) -> None:
        """New keys."""
        self.path = path
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, path.stem)])
        certificate = self._sign(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - dt.timedelta(days=1),
            not_valid_after=now + dt.timedelta(days=1),
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256())

    def context_for(self, name: str, folder: Path) -> ssl.SSLContext:
        """A server's context with a certificate for the name."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.SubjectAlternativeName(
            [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]
        )
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key, alternative)
        path = folder / f"{self.path.stem}-{name}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context
