"""The stand-in as a program of its own: it keeps its books over a restart, and ends when asked to."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from apim.up.options import ROOT
from tests.stripe_server import scenes
from tests.stripe_server.fixture import StripeServer
from tests.stripe_server.pages import BANNER
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.usefixtures("stand_in_only")


@contextmanager
def program(*arguments: str) -> Iterator[StripeServer]:
    """The running program; ended in the end."""
    command = [sys.executable, "-m", "tests.stripe_server", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.readline()
        assert said.startswith(BANNER)
        try:
            yield StripeServer(said.removeprefix(BANNER).split()[0])
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


def test_what_was_made_is_there_after_a_restart(tmp_path: Path):
    kept = tmp_path / "stripe.json"
    with program("--db", str(kept)) as server:
        client = server.client()
        made, customer, clock = scenes.subscribed(server, scenes.price(client))
        client.v1.customers.update(customer, {"name": "Eva"}, {"idempotency_key": "k"})

    with program("--db", str(kept), "--webhook", "http://127.0.0.1:9/", "--secret", "whsec_1") as server:
        client = server.client()
        again = client.v1.customers.update(customer, {"name": "Eva"}, {"idempotency_key": "k"})
        server.advance(clock, scenes.START + 32 * scenes.DAY)

        assert again.last_response.headers["Idempotent-Replayed"] == "true"
        assert len(client.v1.invoices.list({"subscription": made.id}).data) == 2
        assert [each.url for each in client.v1.webhook_endpoints.list().data] == ["http://127.0.0.1:9/"]
