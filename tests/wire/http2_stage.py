"""A gateway that speaks HTTP/2, shared by the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gateway_sync.snapshot import Policy
from tests.factories.certificates import Authority, authority
from tests.wire.gateways import make_snapshot, make_version
from tests.wire.http2_client import HTTP2Client
from tests.wire.raw import RawUpstream
from tests.wire.tls_gateways import SealedHome, TLSGateway, client_context, make_host, tls_gateway, with_edge

HOST = "api.example.com"
PATH = "/bank/v1/accounts"


@dataclass
class Stage:
    """A gateway and who its clients trust."""

    gateway: TLSGateway
    root: Authority

    def client(self, *, acknowledges: bool = True) -> HTTP2Client:
        """A connection of its own."""
        return HTTP2Client(self.gateway.tls_port, client_context(self.root), HOST, acknowledges=acknowledges)


@pytest.fixture(scope="module")
def stage(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """It serves the bank over TLS, with bodies of a mebibyte at most."""
    home = SealedHome(tmp_path_factory.mktemp("http2"))
    root = authority()
    version = make_version(upstream.port, policies=(Policy("size-limit", {"max": 2**20}),))
    certificate = home.certificate("public", root.issue(HOST), [HOST])
    home.install(with_edge(make_snapshot([version]), [certificate], [make_host(HOST, hsts_max_age_s=60)]))
    with tls_gateway(home) as running:
        yield Stage(running, root)
