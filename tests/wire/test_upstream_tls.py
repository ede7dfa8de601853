"""TLS towards upstreams, with nginx as the service."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway_sync.snapshot import Certificate, Target, Version
from tests.factories.certificates import Authority, authority
from tests.ports import free_ports
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, make_snapshot, make_version
from tests.wire.raw import RawClient
from tests.wire.tls_gateways import SealedHome, with_edge, write_pem

NAME = "orders.internal"
_SERVER = """
server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/{certificate};
    ssl_certificate_key {folder}/{certificate};
    {more}
    location / {{ return 200 "$ssl_server_name|$ssl_client_s_dn|$ssl_protocol"; }}
}}
"""
_NGINX = """
daemon off; master_process off; worker_processes 1; error_log stderr; pid {folder}/nginx.pid;
events {{}}
http {{
    ssl_protocols TLSv1.2 TLSv1.3; access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {servers}
}}
"""


@dataclass
class Service:
    """nginx: one port for anybody, one that wants a client certificate, one of the past, one with another's name."""

    root: Authority
    clients: Authority
    port: int
    strict_port: int
    old_port: int
    foreign_port: int


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(nginx).exists():
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    root, clients = authority("Services"), authority("Clients")
    found = Service(root, clients, *free_ports(4))
    write_pem(folder, "own.pem", "".join(root.issue(NAME, "127.0.0.1")))
    write_pem(folder, "foreign.pem", "".join(root.issue("foreign.internal")))
    ca = write_pem(folder, "clients.pem", clients.pem)
    strict = f"ssl_client_certificate {ca}; ssl_verify_client on;"
    servers = "".join(
        _SERVER.format(port=port, folder=folder, certificate=certificate, more=more)
        for port, certificate, more in (
            (found.port, "own.pem", ""),
            (found.strict_port, "own.pem", strict),
            (found.old_port, "own.pem", "ssl_protocols TLSv1.2;"),
            (found.foreign_port, "foreign.pem", ""),
        )
    )
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, servers=servers))
    with (folder / "log").open("wb") as log:
        command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(found.port), "nginx")
        yield found
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _answers(port: int) -> bool:
    try:
        RawClient(port).socket.close()
    except OSError:
        return False
    return True


def version_of(number: int, port: int, **tls: object) -> Version:
    return make_version(
        0,
        id=f"ver_{number}",
        name=f"v{number}",
        targets=(Target("https", "127.0.0.1", port, "", 100),),
        upstream={"tls": tls} if tls else {},
    )


@dataclass
class Stage:
    """A running gateway and the number of the version for each kind of settings."""

    gateway: GatewayProcess
    versions: dict[str, int]

    def ask(self, kind: str) -> tuple[int, str]:
        with RawClient(self.gateway.port) as client:
            path = f"/bank/v{self.versions[kind]}/accounts"
            client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode())
            status, _, body = client.read_answer()
            return status, body.decode()

    @property
    def log(self) -> str:
        return (self.gateway.home.path / "gateway.log").read_text()


@pytest.fixture(scope="module")
def stage(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = SealedHome(tmp_path_factory.mktemp("gateway"))
    ca = service.root.pem
    kinds: dict[str, tuple[int, dict[str, object]]] = {
        "system": (service.port, {}),
        "own": (service.port, {"ca": ca}),
        "named": (service.port, {"ca": ca, "serverName": NAME}),
        "misnamed": (service.port, {"ca": ca, "serverName": "other.internal"}),
        "other": (service.port, {"ca": service.clients.pem}),
        "foreign": (service.foreign_port, {"ca": ca}),
        "foreign named": (service.foreign_port, {"ca": ca, "serverName": "foreign.internal"}),
        "unverified": (service.foreign_port, {"verify": False}),
        "old": (service.old_port, {"ca": ca}),
        "too old": (service.old_port, {"ca": ca, "minimumVersion": "1.3"}),
        "strict": (service.strict_port, {"ca": ca, "clientCertificate": "client"}),
        "strict without": (service.strict_port, {"ca": ca}),
        "strict missing": (service.strict_port, {"ca": ca, "clientCertificate": "nobody"}),
        "strict of others": (service.strict_port, {"ca": ca, "clientCertificate": "others"}),
    }
    versions = [version_of(number, port, **tls) for number, (port, tls) in enumerate(kinds.values())]
    certificates = [
        home.certificate("client", service.clients.issue("gateway.internal"), [], "org_owner"),
        home.certificate("others", service.clients.issue("thief.internal"), [], "org_other"),
    ]
    home.install(with_edge(make_snapshot(versions), certificates))
    process = GatewayProcess(home)
    try:
        yield Stage(process.wait_ready(), {kind: number for number, kind in enumerate(kinds)})
    finally:
        process.stop()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("own", "||TLSv1.3"),
        ("named", f"{NAME}||TLSv1.3"),
        ("foreign named", "foreign.internal||TLSv1.3"),
        ("unverified", "||TLSv1.3"),
        ("old", "||TLSv1.2"),
        ("strict", "|CN=gateway.internal|TLSv1.3"),
    ],
)
def test_a_service_that_can_be_verified_is_called(stage: Stage, kind: str, told: str) -> None:
    assert stage.ask(kind) == (200, told)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("system", "unable to get local issuer certificate"),
        ("misnamed", "Hostname mismatch"),
        ("other", "unable to get local issuer certificate"),
        ("foreign", "IP address mismatch"),
        ("too old", "protocol version"),
        ("strict missing", "there is no client certificate nobody"),
        ("strict of others", "there is no client certificate others"),
    ],
)
def test_a_service_that_cannot_be_is_not_and_the_log_alone_says_why(stage: Stage, kind: str, reason: str) -> None:
    status, body = stage.ask(kind)

    assert status == 502
    assert '"code":"upstream-unreachable"' in body
    assert reason not in body
    assert reason.lower().replace(" ", "") in stage.log.lower().replace(" ", "").replace("_", "")


def test_a_service_that_wants_a_certificate_says_so_itself(stage: Stage) -> None:
    assert stage.ask("strict without")[0] == 400


def test_connections_with_other_settings_are_never_shared(stage: Stage) -> None:
    assert stage.ask("strict")[0] == 200
    assert stage.ask("strict without")[0] == 400
    assert stage.ask("own")[0] == 200
    assert stage.ask("misnamed")[0] == 502


def test_a_replaced_client_certificate_is_shown_at_once(service: Service, tmp_path: Path) -> None:
    home = SealedHome(tmp_path / "home")
    version = version_of(1, service.strict_port, ca=service.root.pem, clientCertificate="client")

    def certificate(name: str) -> Certificate:
        return home.certificate("client", service.clients.issue(name), [], "org_owner")

    with KeepingControlPlane(home) as plane:
        plane.change(home.records())
        plane.publish(with_edge(make_snapshot([version]), [certificate("first.internal")]))
        process = GatewayProcess(home)
        try:
            stage = Stage(process.wait_ready(), {"strict": 1})
            assert stage.ask("strict")[1].startswith("|CN=first.internal|")
            plane.publish(with_edge(make_snapshot([version]), [certificate("second.internal")]))
            wait_until(lambda: stage.ask("strict")[1].startswith("|CN=second.internal|"), "the second certificate")
        finally:
            process.stop()
