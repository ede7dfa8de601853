"""Two releases side by side: a gateway of one is told, revoked at and counted by a control plane of the other.

Then a gateway of the control plane's release starts from that gateway's disk, with the control plane gone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from apim.up.options import ROOT
from benchmarks import processes
from tests.upgrade.releases import environment_of, manage, running, web_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.product]

_PUBLISH = """
import django; django.setup()
from gateway_sync.delivery.services import publish_pending
print(publish_pending())
"""
_COUNT = """
import django; django.setup()
from apim.usage.models import UsageRecord
print(UsageRecord.objects.count())
"""


class ControlPlane:
    """One of some sources, which publishes when it is told to."""

    def __init__(self, sources: Path, settings: Mapping[str, str], told: Mapping[str, Any], url: str) -> None:
        self._sources, self._settings, self.told = sources, settings, told
        self._rest = httpx.Client(
            base_url=f"{url}/api/v1/", headers={"Authorization": f"Bearer {told['token']}"}, timeout=60
        )

    def close(self) -> None:
        self._rest.close()

    def rest(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self._rest.request(method, path, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def run(self, program: str) -> str:
        command = (sys.executable, "-c", program)
        ended = subprocess.run(
            command, cwd=self._sources, env=dict(self._settings), capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def publish(self) -> str:
        """What gateways are to serve from now on, by its digest."""
        self.run(_PUBLISH)
        return str(self.rest("GET", "publications?limit=1")["data"][0]["digest"])


class Gateway:
    """One that runs, with the ports of its callers and of its admin."""

    def __init__(self, port: int, admin_port: int) -> None:
        self.url, self._admin = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin_port}"

    def digests(self) -> set[str]:
        return {worker["digest"] for worker in httpx.get(f"{self._admin}/status", timeout=60).json()["workers"]}

    def status_for(self, key: str) -> int:
        """What a caller with the key is answered; 502 = the call was let through, and there is no service."""
        return httpx.get(f"{self.url}/bank/v1/accounts", headers={"X-API-Key": key}, timeout=60).status_code


@contextmanager
def gateway_of(sources: Path, home: Path, credentials: Path, environment: Mapping[str, str]) -> Iterator[Gateway]:
    ports = processes.free_port(), processes.free_port()
    places = ("--home", home, "--port", ports[0], "--admin-port", ports[1], "--credentials", credentials)
    command = (sys.executable, "-m", "gateway_sync.runtime", *map(str, places), "--workers", "1")
    with running(command, sources, environment, home.with_suffix(".log"), ports[1]):
        yield Gateway(*ports)


@pytest.mark.parametrize("older", ["gateway", "control plane"])
def test_a_gateway_goes_on_beside_a_control_plane_of_the_other_release(
    before: Path,
    tmp_path: Path,
    older: str,
) -> None:
    plain = environment_of(tmp_path / "home", REDIS_URL=f"unix://{tmp_path / 'nothing.sock'}", PYTHONPATH="")
    gateway_sources, sources = (before, ROOT) if older == "gateway" else (ROOT, before)
    settings = plain | {"PYTHONPATH": str(sources)}
    port = processes.free_port()
    credentials = tmp_path / "credentials.json"
    example = f"--example={sources / 'examples' / 'bank' / 'apim.yaml'}"
    places = (
        f"--credentials={credentials}",
        f"--control-url=http://127.0.0.1:{port}",
        "--gateway-url=http://127.0.0.1:2",
    )
    told = json.loads(manage(sources, settings, "prepare_installation", "--fresh", *places, example))
    with (
        web_of(sources, settings, tmp_path / "web.log", port) as url,
        closing(ControlPlane(sources, settings, told, url)) as control,
    ):
        digest = control.publish()
        runs = gateway_of(
            gateway_sources, tmp_path / "gateway", credentials, plain | {"PYTHONPATH": str(gateway_sources)}
        )
        with runs as gateway:
            wait_until(lambda: gateway.digests() == {digest}, "the first state serves")
            issued = control.rest("POST", "credentials", {"application": "shop", "label": "rolling"})
            control.publish()
            wait_until(lambda: gateway.status_for(issued["key"]) != httpx.codes.UNAUTHORIZED, "a new key is let in")
            control.rest("PATCH", "environments/default", {"address_rate_per_s": 4_321})
            changed = control.publish()
            assert changed != digest
            wait_until(lambda: gateway.digests() == {changed}, "a change serves")
            control.rest("POST", f"credentials/{issued['id']}/revoke", {})
            control.publish()
            wait_until(
                lambda: gateway.status_for(issued["key"]) == httpx.codes.UNAUTHORIZED, "a revoked key is refused"
            )
            wait_until(lambda: int(control.run(_COUNT)) > 0, "calls are counted")
    with gateway_of(sources, tmp_path / "gateway", credentials, settings) as successor:
        wait_until(lambda: successor.digests() == {changed}, "it starts from what the other release wrote")
        assert successor.status_for(issued["key"]) == httpx.codes.UNAUTHORIZED
