"""Webhooks: signed, retried, and on demand held, lost, twice and in another order."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe

from tests.stripe_server import scenes
from tests.stripe_server.fixture import StripeServer
from tests.waiting import wait_until

SECRET = "whsec_of_the_test"

pytestmark = pytest.mark.usefixtures("stand_in_only")


class Listener(ThreadingHTTPServer):
    """Keeps what it receives; answers with the statuses it is given, then 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[bytes, str]] = []
        self.statuses: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"

    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for body, _ in self.received]


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.server.received.append((body, self.headers["Stripe-Signature"]))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def listener(stripe_server: StripeServer) -> Iterator[Listener]:
    server = Listener()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    stripe_server.control("POST", "endpoints", url=server.url, secret=SECRET)
    yield server
    server.shutdown()
    server.server_close()


def test_events_are_sent_signed_and_the_client_accepts_them(stripe_server: StripeServer, listener: Listener):
    made = stripe_server.client().v1.customers.create({"name": "Ana"})
    wait_until(lambda: len(listener.received) == 1, "the webhook")

    body, signature = listener.received[0]
    event = stripe.Webhook.construct_event(body, signature, SECRET)

    assert (event.type, event.data.object["id"]) == ("customer.created", made.id)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", signature, SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, "whsec_other")


def test_an_endpoint_made_by_the_api_tells_its_secret_once_and_gets_only_what_it_wants(
    stripe_server: StripeServer, listener: Listener
):
    client = stripe_server.client()
    made = client.v1.webhook_endpoints.create({"url": listener.url, "enabled_events": ["product.created"]})

    client.v1.customers.create({"name": "Ana"})
    client.v1.products.create({"name": "Bank"})
    stripe_server.wait_for_webhooks()

    assert made.secret
    assert made.secret.startswith("whsec_")
    assert client.v1.webhook_endpoints.retrieve(made.id).secret is None
    assert len(listener.received) == 3  # two to the endpoint of the fixture, one to this one


@pytest.mark.parametrize("url", ["ftp://shop/", "shop/hook", "http:///hook", "http://shop:port/"])
def test_an_endpoint_without_an_address_is_refused(stripe_server: StripeServer, url: str):
    with pytest.raises(stripe.InvalidRequestError, match="Invalid URL") as caught:
        stripe_server.client().v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
    assert caught.value.code == "url_invalid"


def test_a_delivery_that_fails_is_tried_again(stripe_server: StripeServer, listener: Listener):
    stripe_server.control("POST", "webhooks", retry_after=[0.01, 0.01])
    listener.statuses = [500, 302]

    stripe_server.client().v1.customers.create({"name": "Ana"})
    stripe_server.wait_for_webhooks()

    assert len(listener.received) == 3
    assert len(set(listener.ids())) == 1
    assert stripe_server.client().v1.events.list().data[0].pending_webhooks == 0


def test_held_events_are_released_twice_and_in_another_order(stripe_server: StripeServer, listener: Listener):
    stripe_server.control("POST", "webhooks", mode="hold")
    client = stripe_server.client()
    for name in ("Ana", "Eva"):
        client.v1.customers.create({"name": name})

    assert stripe_server.control("POST", "webhooks/release", order="shuffled", copies=2, seed=4) == {"released": 4}
    stripe_server.wait_for_webhooks()

    made = [event.id for event in client.v1.events.list().data]
    assert sorted(listener.ids()) == sorted(made * 2)


def test_lost_events_are_still_in_the_list_and_can_be_sent_again(stripe_server: StripeServer, listener: Listener):
    stripe_server.control("POST", "webhooks", mode="lose")
    client = stripe_server.client()
    client.v1.customers.create({"name": "Ana"})
    event = client.v1.events.list({"type": "customer.*"}).data[0]
    stripe_server.wait_for_webhooks()
    assert listener.received == []

    stripe_server.control("POST", "webhooks/resend", event=event.id, copies=2)
    stripe_server.wait_for_webhooks()

    assert listener.ids() == [event.id, event.id]


def test_an_update_tells_what_was_before(stripe_server: StripeServer):
    client = stripe_server.client()
    made = client.v1.customers.create({"name": "Ana"})
    client.v1.customers.update(made.id, {"name": "Eva"}, {"idempotency_key": "key"})

    event = client.v1.events.list({"type": "customer.updated"}).data[0]

    assert event.data.previous_attributes
    assert event.data.previous_attributes.to_dict() == {"name": "Ana"}
    assert event.request
    assert event.request.idempotency_key == "key"
    assert scenes.kinds(client) == ["customer.created", "customer.updated"]
