"""A policy kind of another package: found where it is installed, and never skipped where it is not."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway_sync.snapshot import Policy
from tests.wire.gateways import GatewayProcess, Home, make_snapshot, make_version
from tests.wire.policies import call, seen
from tests.wire.raw import RawUpstream, answer_with

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef"
SIGNED = (Policy("tenant-signature", {"secret": SECRET, "mask": False}),)
MASKED = (Policy("tenant-signature", {"secret": SECRET, "mask": True}),)


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example package was installed: a virtual environment that sees what this one has."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    site = next(folder.glob("lib/python*/site-packages"))
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    (site / "ours.pth").write_text("\n".join(paths) + "\n")
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*command, "--python", str(folder / "bin/python"), str(ROOT / "examples/policy-kind")], check=True)
    return site


def make_home(folder: Path, upstream: RawUpstream) -> Home:
    """A plain version, and two with the kind."""
    home = Home(folder)
    versions = [
        make_version(upstream.port),
        make_version(upstream.port, id="ver_2", name="signed", policies=SIGNED),
        make_version(upstream.port, id="ver_3", name="masked", policies=MASKED),
    ]
    home.install(make_snapshot(versions))
    return home


@pytest.fixture(scope="module")
def gateway(
    upstream: RawUpstream, site_packages: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway that has the package."""
    home = make_home(tmp_path_factory.mktemp("gateway"), upstream)
    process = GatewayProcess(home, variables={"PYTHONPATH": f"{ROOT}:{site_packages}"})
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def test_the_control_plane_knows_the_installed_kind(site_packages: Path) -> None:
    program = (
        "from gateway_sync.policies import KINDS, read_policy\n"
        "from gateway_sync.problems import Where\n"
        "assert KINDS[-1] == 'tenant-signature', KINDS\n"
        "print(read_policy('tenant-signature', {'secret': 'short'}, Where('version', 'v'))[1][0].code)\n"
    )
    found = subprocess.run(
        [site_packages.parents[2] / "bin/python", "-c", program], check=True, capture_output=True, text=True
    )
    assert found.stdout == "tenant_signature.E002\n"


def test_the_kind_sees_the_body_and_signs_it(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    assert call(gateway, "/signed/accounts", "X-Tenant: mine\r\n", method="POST", body=b'{"a":1}')[0] == 200
    request = seen(upstream)
    signature = hmac.digest(SECRET.encode(), b'POST\n/accounts\norg_1\n{"a":1}', "sha256").hex()
    assert "X-Tenant: org_1\r\n" in request
    assert "mine" not in request
    assert f"X-Tenant-Signature: {signature}\r\n" in request
    assert hashlib.sha256(b'{"a":1}').hexdigest() in request
    assert request.endswith('\r\n\r\n{"a":1}')


def test_a_chunked_body_arrives_whole_at_the_kind(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    extra = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n"
    assert call(gateway, "/signed/accounts", extra, method="POST")[0] == 200
    request = seen(upstream)
    assert "Content-Length: 7\r\n" in request
    assert request.endswith("\r\n\r\nabcdefg")


def test_a_body_larger_than_the_kind_takes_is_refused(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    status, _, body = call(gateway, "/signed/accounts", method="POST", body=b"x" * 65_537)
    assert (status, json.loads(body)["code"]) == (413, "body-too-large")
    assert upstream.requests == []


def test_the_kind_changes_the_whole_body_of_an_answer(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nIBAN \r\n4\r\n1234\r\n0\r\n\r\n"
    upstream.script = answer_with(chunks)
    status, fields, body = call(gateway, "/masked/accounts")
    assert (status, fields["content-length"], body) == (200, "9", b"IBAN ####")


def test_an_answer_larger_than_the_kind_takes_is_not_sent(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    upstream.script = answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"1" * 70_000)
    assert call(gateway, "/masked/accounts")[0] == 502


def test_a_gateway_without_the_kind_serves_nothing_of_the_version(tmp_path: Path, upstream: RawUpstream) -> None:
    process = GatewayProcess(make_home(tmp_path, upstream)).wait_ready()
    try:
        status, _, body = call(process, "/signed/accounts")
        assert (status, json.loads(body)["code"]) == (503, "internal-error")
        assert upstream.requests == []
        assert call(process, "/v1/accounts")[0] == 200
        assert "tenant-signature" in json.dumps(process.status())
    finally:
        process.stop()


BROKEN = """
from dataclasses import dataclass
from gateway_sync.policies.descriptions import Description

DESCRIPTION = Description("broken", "Broken", "Fails.", (), "broken: {}")

@dataclass(frozen=True)
class POLICY:
    def on_request(self, request):
        if request.operation == "GET /accounts":
            raise ZeroDivisionError("a secret")

    def on_answer(self, request, answer):
        answer.fields.set("Content-Length", "0")

def parse(settings, where):
    return POLICY(), ()

def dump(policy):
    return {}
"""


def test_a_kind_that_fails_costs_the_call_and_lets_nothing_pass(tmp_path: Path, upstream: RawUpstream) -> None:
    site = tmp_path / "site"
    (site / "broken-1.dist-info").mkdir(parents=True)
    (site / "broken_kind.py").write_text(BROKEN)
    (site / "broken-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (site / "broken-1.dist-info/entry_points.txt").write_text("[apim.policies]\nbroken = broken_kind\n")
    home = Home(tmp_path / "home")
    broken = make_version(upstream.port, id="ver_2", name="broken", policies=(Policy("broken", {}),))
    home.install(make_snapshot([make_version(upstream.port), broken]))
    process = GatewayProcess(home, variables={"PYTHONPATH": f"{ROOT}:{site}"}).wait_ready()
    try:
        status, fields, body = call(process, "/broken/accounts")
        assert (status, json.loads(body)["code"]) == (500, "internal-error")
        assert upstream.requests == []
        log = (home.path / "gateway.log").read_text()
        assert fields["x-request-id"] in log
        assert "ZeroDivisionError" in log
        assert b"secret" not in body
        assert call(process, "/broken/accounts/7")[0] == 500  # the answer's turn
        assert call(process, "/v1/accounts")[0] == 200
    finally:
        process.stop()
