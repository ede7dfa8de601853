"""Handshakes that are not finished count like connections: by address, and in all."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack
from pathlib import Path

from gateway_sync.runtime.bounds import SHED
from gateway_sync.snapshot import Policy
from tests.factories.certificates import authority
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.gateways import KEY, make_environment, make_snapshot, make_version
from tests.wire.raw import RawUpstream
from tests.wire.tls_gateways import SealedHome, ask, client_context, connect, tls_gateway, with_edge

HOST = "api.example.com"
MOST = 2


def test_an_address_that_only_begins_handshakes_is_bounded_and_harms_no_other(
    upstream: RawUpstream, tmp_path: Path
) -> None:
    home, root = SealedHome(tmp_path / "home"), authority()
    environment = make_environment(policies=(Policy("client-limits", {"perAddress": MOST, "header": "64KiB"}),))
    snapshot = make_snapshot([make_version(upstream.port)], environment=environment)
    home.install(with_edge(snapshot, [home.certificate("public", root.issue(HOST), [HOST])]))
    context = client_context(root)

    with tls_gateway(home) as gateway, ExitStack() as stack:

        def begin() -> socket.socket:
            return stack.enter_context(socket.create_connection(("127.0.0.1", gateway.tls_port), PATIENCE_S))

        begun = [begin() for _ in range(MOST + SHED)]
        assert begin().recv(1) == b""

        other = stack.enter_context(
            socket.create_connection(("127.0.0.1", gateway.tls_port), PATIENCE_S, source_address=("127.0.0.2", 0))
        )
        with context.wrap_socket(other, server_hostname=HOST) as served:
            assert ask(served, HOST).status == 200

        for one in begun:
            one.close()

        def is_served() -> bool:
            try:
                with connect(gateway.tls_port, context, HOST) as connection:
                    return ask(connection, HOST).status == 200
            except (ConnectionError, ssl.SSLError):
                return False

        wait_until(is_served, "room for the address")


def test_an_https_target_is_served_by_https_only(upstream: RawUpstream, tmp_path: Path) -> None:
    home, root = SealedHome(tmp_path / "home"), authority()
    snapshot = make_snapshot([make_version(upstream.port)])
    home.install(with_edge(snapshot, [home.certificate("public", root.issue(HOST), [HOST])]))

    with tls_gateway(home) as gateway:
        with connect(gateway.tls_port, client_context(root), HOST) as connection:
            assert ask(connection, HOST, f"https://{HOST}/bank/v1/accounts").status == 200
        head = f"GET https://{HOST}/bank/v1/accounts HTTP/1.1\r\nHost: {HOST}\r\nX-API-Key: {KEY}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", gateway.port), PATIENCE_S) as plain:
            plain.sendall(head.encode())
            answer = plain.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 421 ")
    assert b'"code":"misdirected"' in answer
    assert len(upstream.requests) == 1
