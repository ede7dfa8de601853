"""A public host with the whole product: its certificate is ordered, shown, renewed without a cut; failures are told."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.acme_server.authority import Authority
from tests.acme_server.server import ACMEServer
from tests.e2e.journey import Journey
from tests.waiting import wait_until
from tests.wire.tls_gateways import ask, connect

HOST, LOST = "pay.example.com", "lost.example.com"


@pytest.fixture
def server(journey: Journey) -> Iterator[ACMEServer]:
    """An authority for which every host but one is the gateway."""
    gateway = urlsplit(journey.product.gateway)

    def address_of(host: str) -> tuple[str, int]:
        return ("127.0.0.1", 1 if host == LOST else gateway.port or 80)

    with ACMEServer(Authority(address_of)) as running:
        yield running


def order_of(journey: Journey, host: str) -> dict[str, Any]:
    found: dict[str, Any] = journey.get(f"hosts/{host}")["order"]
    return found


def test_a_host_gets_its_certificate_and_the_next_one_without_a_cut(
    journey: Journey, server: ACMEServer, tls_port: int
) -> None:
    journey.patch(
        "environments/default",
        acme_directory=server.directory_url,
        acme_contact="ops@example.com",
        has_agreed_to_acme_terms=True,
    )
    journey.post("hosts", name=HOST, certificate_source="acme", is_redirected_to_https=True)
    states = ["waiting", "answering", "validating", "issued"]
    for place in (1, 2, 3):  # each with patience of its own: a busy machine needs it
        wait_until(lambda place=place: states.index(order_of(journey, HOST)["state"]) >= place, states[place])  # type: ignore[misc]
    journey.post("hosts", name=LOST, certificate_source="acme")
    wait_until(lambda: order_of(journey, LOST)["fault"], "the failure is told")
    fault = order_of(journey, LOST)  # now, for it is tried again after a minute

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=server.authority.pem)

    def shown_serial() -> object:
        try:
            with connect(tls_port, context, HOST) as connection:
                found = connection.getpeercert()
                return found and found["serialNumber"]
        except ssl.SSLError:
            return None

    wait_until(lambda: shown_serial() is not None, "the certificate is shown")
    first = shown_serial()
    with connect(tls_port, context, HOST) as early:
        assert ask(early, HOST, "/nothing/here").status == 404
        journey.post(f"hosts/{HOST}/order")
        wait_until(lambda: shown_serial() not in {first, None}, "the next certificate is shown")
        assert ask(early, HOST, "/nothing/here").status == 404

    assert fault["fault"].startswith("The authority could not reach this host by HTTP, port 80.")
    assert fault["state"] == "waiting"
    assert [name for name, _ in server.authority.looked] == [HOST, HOST]
