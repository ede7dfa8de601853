"""HTTPS of the gateway's listener, with real handshakes: Python's, curl's and openssl's."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway_sync.policies.client_certificate import certificate_text
from gateway_sync.snapshot import Challenge, Policy, Snapshot
from tests.factories.certificates import Authority, authority
from tests.waiting import PATIENCE_S
from tests.wire.gateways import KEY, make_snapshot, make_version
from tests.wire.raw import RawUpstream
from tests.wire.tls_gateways import (
    SealedHome,
    TLSGateway,
    ask,
    client_context,
    connect,
    make_host,
    read_answer,
    tls_gateway,
    with_edge,
    write_pem,
)

HOST = "api.example.com"


@dataclass
class Stage:
    """A gateway with an authority that its clients trust, and one that vouches for clients."""

    gateway: TLSGateway
    home: SealedHome
    snapshot: Snapshot
    root: Authority
    clients: Authority
    others: Authority
    known: tuple[str, str]  # a client's certificate that an application registered

    def connect(self, name: str = HOST, chain_and_key: tuple[str, str] | None = None) -> ssl.SSLSocket:
        return connect(self.gateway.tls_port, client_context(self.root, chain_and_key), name)


@pytest.fixture(scope="module")
def stage(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = SealedHome(tmp_path_factory.mktemp("tls"))
    root, clients, others = authority("Root"), authority("Clients"), authority("Others")
    v2 = make_version(upstream.port, id="ver_2", name="v2")
    also = make_version(upstream.port, id="ver_3", name="v3", policies=(Policy("client-certificate", {}),))
    only = make_version(upstream.port, id="ver_4", name="v4", policies=(Policy("client-certificate", {"only": True}),))
    snapshot = make_snapshot([make_version(upstream.port), v2, also, only])
    certificates = [
        home.certificate("default", root.issue(HOST, "mapped.example.com"), [HOST, "mapped.example.com"]),
        home.certificate("wild", root.issue("*.example.org"), ["*.example.org"]),
        home.certificate("strict", root.issue("strict.example.net"), ["strict.example.net"]),
        home.certificate("lax", root.issue("lax.example.net"), ["lax.example.net"]),
        home.certificate("other", root.issue("others.example.net"), ["others.example.net"]),
        home.certificate("client", clients.issue("gateway.example"), ["gateway.example"], "org_owner"),
    ]
    hosts = [
        make_host(HOST, is_redirected_to_https=True, hsts_max_age_s=600),
        make_host("mapped.example.com", prefix="/bank/v1", base_path="/money"),
        make_host("*.example.org", prefix="/bank"),
        make_host("strict.example.net", client_certificates="required", client_ca=clients.pem),
        make_host("lax.example.net", client_certificates="optional", client_ca=clients.pem),
        make_host("others.example.net", client_certificates="required", client_ca=others.pem),
    ]
    known = clients.issue("known.example")
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(known[0])).hexdigest()
    records = home.records()
    text = certificate_text("env_1", fingerprint)
    records.append(("client", home.hash_of(text), dict(records[0][2] or {}, id="crd_2")))
    challenges = [Challenge(name, "token", "token.print") for name in (HOST, "strict.example.net")]
    home.install(with_edge(snapshot, certificates, hosts, challenges), records)
    with tls_gateway(home) as running:
        yield Stage(running, home, snapshot, root, clients, others, known)


@pytest.mark.parametrize("name", [HOST, "a.example.org", "b.example.org"])
def test_a_host_is_shown_its_certificate_exact_or_by_wildcard(stage: Stage, name: str) -> None:
    with stage.connect(name) as connection:
        assert connection.version() == "TLSv1.3"
        path = "/bank/v1/accounts"
        assert ask(connection, name, path).status == 200
        assert ask(connection, f"{name.upper()}:443", path).status == 200


def test_a_wildcard_is_not_shown_two_labels_below(stage: Stage) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        stage.connect("a.b.example.org")


@pytest.mark.parametrize(("option", "is_taken"), [("-tls1_2", True), ("-tls1_3", True), ("-tls1_1", False)])
def test_only_modern_versions_are_spoken(stage: Stage, tmp_path: Path, option: str, is_taken: bool) -> None:
    command = [
        "openssl", "s_client", "-connect", f"127.0.0.1:{stage.gateway.tls_port}", "-servername", HOST, option,
        "-CAfile", write_pem(tmp_path, "ca.pem", stage.root.pem), "-verify_return_error",
    ]  # fmt: skip
    found = subprocess.run(command, input=b"", capture_output=True, timeout=PATIENCE_S, check=False)

    assert (b"BEGIN CERTIFICATE" in found.stdout and b"Verify return code: 0 (ok)" in found.stdout) is is_taken


@pytest.mark.parametrize("cipher", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES256-GCM-SHA384"])
def test_ciphers_without_forward_secrecy_or_authentication_are_not(stage: Stage, cipher: str) -> None:
    context = client_context(stage.root)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(stage.gateway.tls_port, context, HOST)


def test_the_upstream_is_told_of_https(stage: Stage, upstream: RawUpstream) -> None:
    with stage.connect() as connection:
        ask(connection, HOST)

    assert b"X-Forwarded-Proto: https\r\n" in upstream.requests[0]
    assert f"X-Forwarded-Port: {stage.gateway.tls_port}\r\n".encode() in upstream.requests[0]


def test_curl_is_served(stage: Stage, tmp_path: Path) -> None:
    port = stage.gateway.tls_port
    trusted = write_pem(tmp_path, "ca.pem", stage.root.pem)
    command = [
        "curl", "-sS", "--cacert", trusted, "--resolve", f"{HOST}:{port}:127.0.0.1", "-w", "%{http_code}",
        "-H", f"X-API-Key: {KEY}", f"https://{HOST}:{port}/bank/v1/accounts",
    ]  # fmt: skip
    found = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=True)

    assert found.stdout == b"ok200"


def test_a_host_other_than_the_connection_was_made_for_is_misdirected(stage: Stage, upstream: RawUpstream) -> None:
    with stage.connect() as connection:
        answer = ask(connection, "strict.example.net")

    assert answer.status == 421
    assert b'"code":"misdirected"' in answer.body
    assert not upstream.requests


def plain(stage: Stage, request: str, method: str = "GET") -> tuple[int, dict[str, str]]:
    with socket.create_connection(("127.0.0.1", stage.gateway.port), timeout=PATIENCE_S) as connection:
        connection.sendall(request.encode())
        answer = read_answer(connection, method)
        return answer.status, answer.fields


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_plain_http_is_led_to_https(stage: Stage, upstream: RawUpstream, method: str) -> None:
    target = "/bank/v1/accounts?a=1"

    status, fields = plain(stage, f"{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n", method)
    _, at_port = plain(stage, f"{method} {target} HTTP/1.1\r\nHost: {HOST}:{stage.gateway.port}\r\n\r\n", method)

    assert status == 308
    assert fields["location"] == f"https://{HOST}{target}"
    assert at_port["location"] == f"https://{HOST}:{stage.gateway.tls_port}{target}"
    assert "strict-transport-security" not in fields
    assert not upstream.requests


def test_https_is_asked_for_in_the_future_too_in_every_answer(stage: Stage) -> None:
    with stage.connect() as connection:
        answers = [ask(connection, HOST), ask(connection, HOST, "/bank/v1/nothing")]
    with stage.connect("a.example.org") as connection:
        without = ask(connection, "a.example.org")

    assert [answer.status for answer in answers] == [200, 404]
    assert {answer.fields["strict-transport-security"] for answer in answers} == {"max-age=600"}
    assert "strict-transport-security" not in without.fields


def test_a_host_stands_for_one_version_under_its_base_path(stage: Stage, upstream: RawUpstream) -> None:
    name = "mapped.example.com"
    for path, status in (
        ("/money/accounts", 200), ("/money/../money/accounts", 200), ("/bank/v1/accounts", 200),
        ("/accounts", 404), ("/moneyaccounts", 404), ("/bank/v2/accounts", 404), ("/money/../bank/v2/accounts", 404),
    ):  # fmt: skip
        with stage.connect(name) as connection:
            assert ask(connection, name, path).status == status, path

    assert {request.split(b" ")[1] for request in upstream.requests} == {b"/accounts"}


def test_a_host_without_base_path_stands_for_every_version_of_its_api(stage: Stage, upstream: RawUpstream) -> None:
    name = "a.example.org"
    with stage.connect(name) as connection:
        assert ask(connection, name, "/v1/accounts").status == 200
        assert ask(connection, name, "/v2/accounts").status == 200
    with stage.connect(name) as connection:
        assert ask(connection, name, "/v9/accounts").status == 404

    assert len(upstream.requests) == 2


def test_a_client_certificate_of_the_hosts_authority_is_needed_and_told(stage: Stage, upstream: RawUpstream) -> None:
    name = "strict.example.net"
    chain, key = stage.clients.issue("client.example")
    with stage.connect(name, (chain, key)) as connection:
        assert ask(connection, name, "/bank/v1/accounts", "Client-Cert: :Zm9yZ2Vk:").status == 200
    told = [line for line in upstream.requests[0].split(b"\r\n") if line.lower().startswith(b"client-cert")]

    assert told == [b"Client-Cert: :" + base64.b64encode(ssl.PEM_cert_to_DER_cert(chain)) + b":"]


def test_without_one_or_with_one_of_another_host_the_caller_is_refused(stage: Stage, upstream: RawUpstream) -> None:
    name = "strict.example.net"
    with stage.connect(name) as connection:
        assert ask(connection, name).status == 403
    with stage.connect("others.example.net", stage.clients.issue("client.example")) as connection:
        assert ask(connection, "others.example.net").status == 403
    with stage.connect("others.example.net", stage.others.issue("client.example")) as connection:
        assert ask(connection, "others.example.net").status == 200
    assert plain(stage, f"GET /bank/v1/accounts HTTP/1.1\r\nHost: {name}\r\nX-API-Key: {KEY}\r\n\r\n")[0] == 403

    assert len(upstream.requests) == 1


def test_who_no_authority_vouches_for_is_cut_off_in_the_handshake(stage: Stage) -> None:
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        stage.connect("strict.example.net", authority("Nobody").issue("client.example")) as connection,
    ):
        ask(connection, "strict.example.net")


def test_an_optional_certificate_is_told_when_it_is_good(stage: Stage, upstream: RawUpstream) -> None:
    name = "lax.example.net"
    with stage.connect(name) as connection:
        assert ask(connection, name).status == 200
    with stage.connect(name, stage.others.issue("client.example")) as connection:
        assert ask(connection, name).status == 200
    with stage.connect(name, stage.clients.issue("client.example")) as connection:
        assert ask(connection, name).status == 200

    assert [b"\r\nClient-Cert: " in request for request in upstream.requests] == [False, False, True]


@pytest.mark.parametrize("name", ["strict.example.net", "lax.example.net"])
def test_a_registered_certificate_says_who_calls_without_a_key(stage: Stage, upstream: RawUpstream, name: str) -> None:
    with stage.connect(name, stage.known) as connection:
        for version, status in (("v3", 200), ("v4", 200), ("v1", 401)):
            connection.sendall(f"GET /bank/{version}/accounts HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            assert read_answer(connection).status == status

    assert len(upstream.requests) == 2
    assert all(request.lower().count(b"client-cert") == 1 for request in upstream.requests)
    assert not any(b"certificate:" in request or b"\0" in request for request in upstream.requests)


def test_a_certificate_that_nobody_registered_says_nothing(stage: Stage) -> None:
    name = "lax.example.net"
    with stage.connect(name, stage.clients.issue("client.example")) as connection:
        connection.sendall(f"GET /bank/v3/accounts HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        answer = read_answer(connection)
    assert answer.status == 401
    assert b"a client certificate that an application registered" in answer.body
    with stage.connect(name, stage.others.issue("client.example")) as connection:  # another host's authority
        assert ask(connection, name, "/bank/v4/accounts").status == 401


def test_where_certificates_alone_count_a_key_does_not(stage: Stage) -> None:
    with stage.connect() as connection:
        answer = ask(connection, HOST, "/bank/v4/accounts")
    assert answer.status == 401
    assert answer.fields["www-authenticate"] == 'ClientCertificate realm="/bank/v4"'


@pytest.mark.parametrize("name", [HOST, "strict.example.net"])
def test_an_authority_is_answered_over_plain_http_before_all_else(
    stage: Stage, upstream: RawUpstream, name: str
) -> None:
    path = "/.well-known/acme-challenge/token"
    for method, body in (("GET", b"token.print"), ("HEAD", b"")):
        with socket.create_connection(("127.0.0.1", stage.gateway.port), timeout=PATIENCE_S) as connection:
            connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            answer = read_answer(connection, method)
        assert (answer.status, answer.fields["content-length"], answer.body) == (200, "11", body)
    for other in (f"POST {path}", f"GET {path}x"):
        assert plain(stage, f"{other} HTTP/1.1\r\nHost: {name}\r\nContent-Length: 0\r\n\r\n")[0] in {308, 403}
    assert plain(stage, f"GET {path} HTTP/1.1\r\nHost: lax.example.net\r\n\r\n")[0] == 404
    with stage.connect(HOST) as connection:
        assert ask(connection, HOST, path).status == 404
    assert upstream.requests == []


def test_the_connection_ends_with_its_own_words(stage: Stage) -> None:
    with stage.connect() as connection:
        assert ask(connection, HOST, "/bank/v1/accounts", "Connection: close").status == 200
        assert connection.recv(1) == b""  # close_notify; a cut connection would raise


def test_bytes_that_are_no_handshake_do_no_harm(stage: Stage) -> None:
    with socket.create_connection(("127.0.0.1", stage.gateway.tls_port), timeout=PATIENCE_S) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.settimeout(PATIENCE_S)
        try:
            while connection.recv(1024):
                pass
        except ConnectionError:
            pass
    with stage.connect() as connection:
        assert ask(connection, HOST).status == 200
