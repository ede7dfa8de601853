"""A server for a test: `from tests.stripe_server.fixture import running_stripe_server, stripe_server` in a conftest.

The server runs in the test's own process on a free port; between tests it forgets everything. With STRIPE_TEST_KEY set,
the tests run against Stripe itself instead, and those skip that need what only the stand-in can be told.
"""

from __future__ import annotations

import functools
import json
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import stripe

from tests.stripe_server.keys import TEST_KEY
from tests.stripe_server.server import Server
from tests.waiting import wait_until

_STRIPE = "https://api.stripe.com"


@dataclass(frozen=True, slots=True)
class StripeServer:
    """The running server, or Stripe, as a test uses it."""

    url: str
    key: str = TEST_KEY

    @property
    def is_stripe(self) -> bool:
        """Whether this is Stripe itself."""
        return self.url == _STRIPE

    def client(self, key: str | None = None) -> stripe.StripeClient:
        """Stripe's own client, pointed here."""
        return _client(key or self.key, self.url)

    def control(self, method: str, path: str, /, **given: Any) -> Any:
        """Ask one of the control endpoints, such as control("POST", "faults", status=500)."""
        if self.is_stripe:
            pytest.skip("only the stand-in can be told so")
        body = json.dumps(given).encode() if method != "GET" else None
        request = urllib.request.Request(f"{self.url}/_control/{path}", body, method=method)  # noqa: S310 -- http only
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer)

    def advance(self, clock: str, to: int) -> None:
        """Move a test clock, and wait until it has arrived."""
        client = self.client()
        client.v1.test_helpers.test_clocks.advance(clock, {"frozen_time": to})
        wait_until(lambda: client.v1.test_helpers.test_clocks.retrieve(clock).status == "ready", "the test clock")

    def wait_for_webhooks(self) -> None:
        """Until no delivery is under way."""

        def is_quiet() -> bool:
            pending = self.control("GET", "webhooks")["pending"]
            return bool(pending["queued"] == 0 and pending["retrying"] == 0)

        wait_until(is_quiet, "webhooks to be delivered")


@functools.cache
def _client(key: str, url: str) -> stripe.StripeClient:
    return stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=0)


@pytest.fixture(scope="session")
def running_stripe_server() -> Iterator[Server]:
    """The stand-in itself, for tests that look inside."""
    if "STRIPE_TEST_KEY" in os.environ:
        pytest.skip("runs against the stand-in only")
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stripe_server(request: pytest.FixtureRequest) -> StripeServer:
    """A server that knows nothing yet; or Stripe's test mode, as it is."""
    key = os.environ.get("STRIPE_TEST_KEY", "")
    if key:
        assert "_test_" in key, "STRIPE_TEST_KEY must be a key of Stripe's test mode"
        return StripeServer(_STRIPE, key)
    running: Server = request.getfixturevalue("running_stripe_server")
    found = StripeServer(running.state.address)
    found.control("POST", "reset", endpoints=True)
    return found


@pytest.fixture
def stand_in_only() -> None:
    """Skips against Stripe: the test counts on an account of its own, on hosted pages or on times of our choice."""
    if "STRIPE_TEST_KEY" in os.environ:
        pytest.skip("runs against the stand-in only")
