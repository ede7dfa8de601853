"""Certificates that change, come and go while a gateway serves."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from gateway_sync.snapshot import Certificate, Host
from tests.factories.certificates import authority, self_signed
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import make_snapshot, make_version
from tests.wire.raw import RawUpstream
from tests.wire.tls_gateways import SealedHome, ask, client_context, connect, make_host, tls_gateway, with_edge

HOST = "api.example.com"


def shown_serial(port: int, context: ssl.SSLContext) -> object:
    with connect(port, context, HOST) as connection:
        shown = connection.getpeercert()
        assert shown is not None
        return shown["serialNumber"]


def test_a_new_certificate_is_for_new_handshakes_and_cuts_no_connection(upstream: RawUpstream, tmp_path: Path) -> None:
    home = SealedHome(tmp_path / "home")
    root, clients = authority(), authority("Clients")
    with KeepingControlPlane(home) as plane:
        snapshot = make_snapshot([make_version(upstream.port)])
        plane.change(home.records())

        def publish(certificates: list[Certificate], *hosts: Host) -> None:
            plane.publish(with_edge(snapshot, certificates, hosts))

        first = home.certificate("public", root.issue(HOST), [HOST])
        publish([first])
        context = client_context(root)
        with tls_gateway(home) as gateway, connect(gateway.tls_port, context, HOST) as early:
            serial = shown_serial(gateway.tls_port, context)
            assert ask(early, HOST).status == 200

            publish([home.certificate("public", root.issue(HOST), [HOST])])
            wait_until(lambda: shown_serial(gateway.tls_port, context) != serial, "another certificate")
            assert ask(early, HOST).status == 200

            publish([first], make_host(HOST, client_certificates="required", client_ca=clients.pem))

            def is_asked_for() -> bool:
                with connect(gateway.tls_port, context, HOST) as late:
                    return ask(late, HOST).status == 403

            wait_until(is_asked_for, "a client certificate is asked for")
            with connect(gateway.tls_port, client_context(root, clients.issue("client.example")), HOST) as known:
                wait_until(lambda: ask(known, HOST).status == 200 or known.close() is None)

            publish([])

            def is_nothing_shown() -> bool:
                try:
                    connect(gateway.tls_port, context, HOST).close()
                except (ssl.SSLError, ConnectionError):
                    return True
                return False

            wait_until(is_nothing_shown, "no certificate is left")


def test_a_certificate_that_was_sealed_for_others_costs_only_itself(upstream: RawUpstream, tmp_path: Path) -> None:
    home, stranger = SealedHome(tmp_path / "home"), SealedHome(tmp_path / "stranger")
    root = authority()
    certificates = [
        home.certificate("good", root.issue(HOST), [HOST]),
        stranger.certificate("bad", self_signed("b.example.com"), ["b.example.com"]),
    ]
    home.install(with_edge(make_snapshot([make_version(upstream.port)]), certificates))

    with tls_gateway(home) as gateway:
        with connect(gateway.tls_port, client_context(root), HOST) as connection:
            assert ask(connection, HOST).status == 200
        told = str(gateway.process.status())
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(gateway.tls_port, client_context(root), "b.example.com")

    assert "certificate.E001" in told
    assert "bad cannot be shown" in told
