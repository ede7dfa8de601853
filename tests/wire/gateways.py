"""Real gateways for tests: state written to disk as a control plane would have sent it, then the real processes."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway_sync.runtime.access_file import encode_records, write_access_file
from gateway_sync.runtime.access_state import AccessPage
from gateway_sync.runtime.credentials import Credentials, Doors
from gateway_sync.runtime.generations import Generations
from gateway_sync.snapshot import (
    API,
    Environment,
    Manifest,
    Plan,
    Policy,
    Product,
    Products,
    Quota,
    Rate,
    Route,
    Snapshot,
    Target,
    Version,
    digest,
    encode,
    manifest_of,
    signed_bytes,
)
from tests.ports import free_ports
from tests.waiting import PATIENCE_S

KEY = "apim_live_" + "k" * 32 + "123456"
LOOPBACK = ("127.0.0.0/8", "::1/128")
PATIENCE_MS = int(PATIENCE_S * 1000)  # upstreams are threads of the test: they answer late when it is not scheduled


def make_environment(**changes: object) -> Environment:
    """An environment that reaches loopback, without policies."""
    plain = Environment("env_1", "default", LOOPBACK, False, (), 500, 1000, ())  # noqa: FBT003
    return replace(plain, **changes)  # type: ignore[arg-type]


def make_version(upstream_port: int, **changes: object) -> Version:
    """A published version whose routes the product `prd_1` opens."""
    routes = (
        Route("GET /accounts", "GET", "/accounts", ("prd_1",)),
        Route("POST /accounts", "POST", "/accounts", ("prd_1",)),
        Route("GET /accounts/{id}", "GET", "/accounts/{id}", ("prd_1",)),
        Route("GET /users/me", "GET", "/users/me", ("prd_1",)),
        Route("GET /users/{id}", "GET", "/users/{id}", ("prd_1",)),
        Route("GET /closed", "GET", "/closed", ("prd_other",)),
    )
    plain = Version(
        "ver_1",
        "v1",
        "published",
        1,
        (Target("http", "127.0.0.1", upstream_port, "", 100),),
        PATIENCE_MS,
        (),
        routes,
        0,
        0,
        "",
        "",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def make_snapshot(
    versions: Sequence[Version],
    *,
    rate: Rate | None = None,
    quotas: tuple[Quota, ...] = (),
    environment: Environment | None = None,
) -> Snapshot:
    """One API `bank` with the versions, one product, one plan `pln_1`."""
    products = Products((Product("prd_1", "payments"),), (Plan("pln_1", "starter", 1, rate, quotas, "UTC"),))
    api = API("api_1", "bank", "org_owner", "X-API-Key", tuple(versions))
    return Snapshot(environment or make_environment(), products, (api,))


Record = tuple[str, str, Mapping[str, object] | None]


@dataclass
class Home:
    """A gateway's home with the keys of a control plane that does not exist."""

    path: Path
    control_url: str = "http://127.0.0.1:1"
    redis_url: str = ""
    token: str = "token"
    signing_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    pepper: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    revision: int = 0

    def credentials(self) -> Credentials:
        """Those of the control plane that the tests play."""
        verify_key = base64.b64encode(self.signing_key.public_key().public_bytes_raw()).decode()
        return Credentials(self.pepper.hex(), verify_key, "default")

    def doors(self) -> Doors:
        """Those to the control plane that the tests play."""
        return Doors(self.control_url, self.token, self.redis_url)

    def write_credentials(self) -> Path:
        """The file that a gateway is started with."""
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / "credentials.json"
        parts = [msgspec.to_builtins(part) for part in (self.doors(), self.credentials())]
        path.write_bytes(msgspec.json.encode(parts[0] | parts[1]))
        path.chmod(0o600)
        return path

    @property
    def state(self) -> Path:
        """Where the gateway keeps what it knows."""
        return self.path / self.credentials().fingerprint()

    def sign(self, snapshot: Snapshot) -> tuple[Manifest, dict[str, str]]:
        """The next revision: its manifest, and its fragments by digest."""
        self.revision += 1
        contents = encode(snapshot)
        manifest = manifest_of("default", self.revision, contents)
        signature = base64.b64encode(self.signing_key.sign(signed_bytes(manifest))).decode()
        return replace(manifest, signature=signature), {
            digest(content): content.decode() for content in contents.values()
        }

    def page(
        self, after: int, upto: int, records: Sequence[Record] = (), *, is_full: bool = False, more: bool = False
    ) -> AccessPage:
        """A page of the access log, signed as control planes do."""
        page = AccessPage(after, upto, is_full, msgspec.Raw(msgspec.json.encode(records)), more)
        signature = base64.b64encode(self.signing_key.sign(page.signed_content("default"))).decode()
        return msgspec.structs.replace(page, signature=signature)

    def hash_of(self, key: str) -> str:
        """What a credential is stored under."""
        return hmac.digest(self.pepper, key.encode(), "sha256").hex()

    def records(self, *, key: str = KEY, **subscription: object) -> list[Record]:
        """One key of one application with one subscription."""
        body = {
            "organization": "org_1",
            "product": "prd_1",
            "plan": "pln_1",
            "lifecycle": "active",
            "payment": "none",
            "applications": ["app_1"],
            "created_at": 1,
            "ends_at": 0,
        } | subscription
        credential = {
            "id": "crd_1",
            "application": "app_1",
            "organization": "org_1",
            "product": "",
            "state": "active",
            "expires_at": 0,
        }
        return [
            ("credential", self.hash_of(key), credential),
            ("application", "app_1", {"organization": "org_1", "state": "active", "name": "shop"}),
            ("organization", "org_1", {"state": "active"}),
            ("subscription", "sub_1", body),
        ]

    def install(self, snapshot: Snapshot, records: Sequence[Record] | None = None) -> None:
        """Put a state on disk as if it had been pulled."""
        manifest, fragments = self.sign(snapshot)
        Generations(self.state / "snapshots").save(manifest, fragments)
        folder = self.state / "access"
        folder.mkdir(parents=True, exist_ok=True)
        encoded = encode_records(self.records() if records is None else records)
        write_access_file(
            folder / "000000000001-10.map", 10, {name: body for name, body in encoded if body is not None}
        )


class GatewayProcess:
    """A running gateway."""

    def __init__(
        self,
        home: Home,
        *,
        workers: int = 1,
        command: Sequence[str] = (),
        options: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Starts it, under a command and with further options; `wait_ready` or `stop` come next."""
        self.home = home
        self.port, self.admin_port = free_ports(2)
        credentials = home.write_credentials()
        self.log = (home.path / "gateway.log").open("ab")
        self.process = subprocess.Popen(
            [
                *command,
                sys.executable,
                "-m",
                "gateway_sync.runtime",
                "--home",
                str(home.path),
                "--port",
                str(self.port),
                "--admin-port",
                str(self.admin_port),
                "--workers",
                str(workers),
                "--bind",
                "127.0.0.1",
                "--credentials",
                str(credentials),
                *options,
            ],
            env={**os.environ, **(variables or {})},
            stderr=self.log,
            stdout=self.log,
        )

    def admin(self, path: str) -> tuple[int, bytes]:
        """Status and body of a page of the admin door."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def wait_ready(self) -> GatewayProcess:
        """Return once every worker serves."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                if self.admin("/healthz/ready")[0] == 200:
                    return self
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        message = f"the gateway is not ready: {(self.home.path / 'gateway.log').read_text()}"
        raise AssertionError(message)

    def status(self) -> dict[str, object]:
        """The /status page."""
        found: dict[str, object] = json.loads(self.admin("/status")[1])
        return found

    def pids(self) -> list[int]:
        """The workers' process ids."""
        workers = self.status()["workers"]
        assert isinstance(workers, list)
        return [int(worker["pid"]) for worker in workers]

    def kill_worker(self, number: int) -> int:
        """kill -9 the worker in a slot."""
        pid = self.pids()[number]
        os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
        self.log.close()


__all__ = ["KEY", "GatewayProcess", "Home", "Policy", "make_environment", "make_snapshot", "make_version"]
