"""A server for a test: `from tests.stripe_server.fixture import stripe_server` in a conftest.

The server runs in the test's own process on a free port; between tests it forgets everything.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import stripe

from tests.stripe_server.keys import TEST_KEY
from tests.stripe_server.server import Server
from tests.waiting import wait_until


@dataclass(frozen=True, slots=True)
class StripeServer:
    """The running server, as a test uses it."""

    url: str
    key: str = TEST_KEY

    def client(self, key: str | None = None) -> stripe.StripeClient:
        """Stripe's own client, pointed here."""
        return stripe.StripeClient(key or self.key, base_addresses={"api": self.url}, max_network_retries=0)

    def control(self, method: str, path: str, /, **given: Any) -> Any:
        """Ask one of the control endpoints, such as control("POST", "faults", status=500)."""
        body = json.dumps(given).encode() if method != "GET" else None
        request = urllib.request.Request(f"{self.url}/_control/{path}", body, method=method)  # noqa: S310 -- http only
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer)

    def advance(self, clock: str, to: int) -> None:
        """Move a test clock, and wait until it has arrived; in steps, as Stripe allows two intervals at a time."""
        client = self.client()
        client.v1.test_helpers.test_clocks.advance(clock, {"frozen_time": to})
        wait_until(lambda: client.v1.test_helpers.test_clocks.retrieve(clock).status == "ready", "the test clock")

    def wait_for_webhooks(self) -> None:
        """Until no delivery is under way."""

        def is_quiet() -> bool:
            pending = self.control("GET", "webhooks")["pending"]
            return pending["queued"] == 0 and pending["retrying"] == 0

        wait_until(is_quiet, "webhooks to be delivered")


@pytest.fixture(scope="session")
def running_stripe_server() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stripe_server(running_stripe_server: Server) -> StripeServer:
    """A server that knows nothing yet."""
    found = StripeServer(running_stripe_server.state.address)
    found.control("POST", "reset", endpoints=True)
    return found
