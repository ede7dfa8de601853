"""The bank example with an edge and an internal gateway, by its one command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.e2e.journey import Journey
from tests.ports import free_ports
from tests.product import ROOT
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow


def test_mobile_calls_through_the_edge_and_trading_calls_accounts_inside(journey: Journey, tmp_path: Path) -> None:
    ports = free_ports(4)
    command = (
        sys.executable, "-m", "examples.bank.two_gateways", "--json", "--port", str(ports[0]), "--home", str(tmp_path),
    )  # fmt: skip
    variables = {**os.environ, "APIM_URL": journey.product.web, "APIM_TOKEN": journey.product.token}
    process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        edge, inside = told["mobile"]["url"], told["trading"]["url"]

        def status(url: str, who: str = "mobile") -> int:
            return httpx.get(url, headers={"X-API-Key": told[who]["key"]}, timeout=PATIENCE_S).status_code

        wait_until(lambda: status(f"{inside}/trading/v1/instruments") == 403, "served inside")
        assert status(f"{edge}/trading/v1/instruments") == 404
        assert (status(f"{edge}/bank/v1/accounts"), status(f"{inside}/bank/v1/accounts", "trading")) == (200, 200)
        for application in ("shop", "trading-desk"):
            usage = f"usage?application={application}&version=bank:v1"
            wait_until(lambda usage=usage: journey.get(usage)["calls"] > 0, "counted")  # type: ignore[misc]
        groups = {each["name"]: each["group"] for each in journey.get("gateways")["data"]}
        assert {groups["bank-edge"], groups["bank-internal"]} == {"edge", "internal"}
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
        journey.post("versions/trading:v1/groups", groups=[])
        for name in ("bank-edge", "bank-internal"):
            journey.ask("DELETE", f"gateways/{name}")
    assert process.returncode == 0
