"""A gateway of another host: joins by a token, serves, starts again without it, and is removed.

That host has the base install: no Django, no Celery.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests import base_install
from tests.e2e.journey import OWNER, Journey
from tests.ports import free_ports
from tests.product import ROOT
from tests.upstreams import Upstream
from tests.waiting import PATIENCE_S, wait_until

DOCUMENT = """
openapi: 3.0.3
info: {title: Joined, version: "1"}
paths:
  /a:
    get: {responses: {"200": {description: Good}}}
"""


@contextmanager
def gateway(home: Path, ports: range, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A gateway by its command, with these variables; ended afterwards."""
    command = (
        sys.executable, "-m", "apim.cli", "gateway", "run", "--home", str(home), "--port", str(ports[0]),
        "--admin-port", str(ports[1]), "--workers", "1", *arguments,
    )  # fmt: skip
    environment = os.environ | variables
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def answers(port: int, path: str, key: str) -> bool:
    """True when the gateway at a port answers 200."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", headers={"X-API-Key": key}).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_gateway_joins_serves_starts_again_and_is_removed(journey: Journey, echo: Upstream, tmp_path: Path) -> None:
    names = {"name": "joined", "version": "v1", "organization": OWNER}
    journey.post("imports", **names, publish=True, upstream=echo.url, document=DOCUMENT)
    key = journey.offer("joined", "joined:v1")
    journey.wait("/joined/v1/a", key, 200)
    secret = journey.post("join-tokens", name="far-1")["token"]
    ports, home = free_ports(2), tmp_path / "far"
    join = ("--join", journey.product.web)

    base = base_install.python_path(tmp_path / "base")
    with gateway(home, ports, *join, APIM_JOIN_TOKEN=secret, PYTHONPATH=base):
        wait_until(lambda: answers(ports[0], "/joined/v1/a", key))
        wait_until(lambda: bool(journey.get("gateways/far-1")["workers"]))
    with gateway(home, ports, *join, PYTHONPATH=base):
        wait_until(lambda: answers(ports[0], "/joined/v1/a", key))
    assert secret not in "".join(path.read_text(errors="replace") for path in home.rglob("*") if path.is_file())

    with gateway(tmp_path / "other", free_ports(2), *join, APIM_JOIN_TOKEN=secret) as refused:
        assert refused.wait(timeout=PATIENCE_S) == 1
        assert refused.stderr is not None
        assert "make another in the console" in refused.stderr.read()

    journey.ask("DELETE", "gateways/far-1")
    assert journey.ask("GET", "gateways/far-1").status_code == 404
