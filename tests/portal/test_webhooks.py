"""Webhooks in the portal: made, tested, looked at, rolled, sent again, deleted; and what hostile input gets."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.ui.said import said
from apim.webhooks.delivering import note
from apim.webhooks.models import Delivery, Endpoint, Event
from apim.webhooks.sending import Outcome
from apim.webhooks.services import create_endpoint, send_test
from tests.conftest import LogIn

pytestmark = pytest.mark.django_db

URL = "https://hooks.example.com/apim"


@pytest.fixture
def client(log_in: LogIn, developer: User) -> Client:
    return log_in(developer)


@pytest.fixture
def endpoint(initech: Organization, by: Actor) -> Endpoint:
    return create_endpoint(organization=initech, url=URL, event_types=["key.created", "key.revoked"], by=by).endpoint


def answered(delivery: Delivery, status: int | None, **more: str) -> None:
    """As if the attempt had been made."""
    Delivery.objects.filter(pk=delivery.pk).update(attempts=1)
    delivery.refresh_from_db()
    note(delivery, Outcome(status, 12, **more))


def test_an_endpoint_is_made_and_its_secret_shown_once(client: Client) -> None:
    assert "No endpoint yet" in client.get("/my/webhooks").content.decode()
    page = client.post("/my/webhooks/new", {"url": URL, "event_types": ["key.created"]})
    endpoint = Endpoint.objects.get()
    secret = re.search(r"whsec_[A-Za-z0-9+/=]{44}", page.content.decode())
    assert secret
    assert (endpoint.url, endpoint.event_types) == (URL, ["key.created"])
    shown = client.get(f"/my/webhooks/{endpoint.id}").content.decode()
    assert "Nothing was sent yet" in shown
    assert secret[0] not in shown


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/", "by https only"),
        ("https://169.254.169.254/latest", "not sent to the address"),
        ("https://10.0.0.7/", "not sent to the address"),
        ("javascript:alert(1)", "starts with https://"),
        ("<script>alert(1)</script>", "starts with https://"),
    ],
)
def test_a_forbidden_address_is_refused_beside_the_field(client: Client, url: str, words: str) -> None:
    page = client.post("/my/webhooks/new", {"url": url, "event_types": ["key.created"]})
    assert page.status_code == 422
    assert words in page.content.decode()
    assert "<script>alert" not in page.content.decode()
    assert not Endpoint.objects.exists()


def test_events_that_do_not_exist_are_refused(client: Client) -> None:
    for event_types in ([], ["key.made-up"], ["\0"]):
        assert client.post("/my/webhooks/new", {"url": URL, "event_types": event_types}).status_code == 422


def test_a_test_event_leads_to_its_delivery(client: Client, endpoint: Endpoint) -> None:
    answer = client.post(f"/my/webhooks/{endpoint.id}/test")
    delivery = Delivery.objects.get()
    assert answer["Location"] == f"/my/webhooks/deliveries/{delivery.id}"
    waiting = client.get(answer["Location"]).content.decode()
    assert "It is on its way" in waiting
    assert "every 2s" in waiting
    answered(delivery, 200, response="<b>taken</b>")
    done = client.get(answer["Location"]).content.decode()
    assert "&lt;b&gt;taken&lt;/b&gt;" in done
    assert delivery.event_id in done
    assert "every 2s" not in done


def test_what_failed_is_sent_again_one_or_all(client: Client, endpoint: Endpoint, by: Actor) -> None:
    for _ in range(3):
        send_test(endpoint=endpoint, by=by)
    Delivery.objects.update(state="failed", retry_at=None)
    page = client.get(f"/my/webhooks/{endpoint.id}?state=failed").content.decode()
    assert page.count("Send again") >= 4
    one = Delivery.objects.first()
    assert one
    client.post(f"/my/webhooks/deliveries/{one.id}/replay")
    assert Delivery.objects.filter(state="pending").count() == 1
    Delivery.objects.filter(pk=one.pk).update(created_at=timezone.now() - timedelta(days=2))
    client.post(f"/my/webhooks/{endpoint.id}/replay", {"hours": "24"})
    assert Delivery.objects.filter(state="pending").count() == 3


def test_an_endpoint_is_changed_switched_and_deleted(client: Client, endpoint: Endpoint) -> None:
    changes = {"url": f"{URL}/2", "description": "Till", "event_types": ["key.revoked"]}
    client.post(f"/my/webhooks/{endpoint.id}/edit", changes)
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.description, endpoint.event_types) == (f"{URL}/2", "Till", ["key.revoked"])
    client.post(f"/my/webhooks/{endpoint.id}/switch", {"on": "0"})
    page = client.get(f"/my/webhooks/{endpoint.id}").content.decode()
    assert "This endpoint is switched off" in page
    assert f"/my/webhooks/{endpoint.id}/test" not in page
    endpoint.refresh_from_db()
    assert endpoint.disabled_reason in page
    with translation.override("ja"):
        told = said(endpoint.disabled_reason)
    assert told != endpoint.disabled_reason
    assert told in client.get(f"/my/webhooks/{endpoint.id}", headers={"accept-language": "ja"}).content.decode()
    client.post(f"/my/webhooks/{endpoint.id}/switch", {"on": "1"})
    endpoint.refresh_from_db()
    assert endpoint.is_enabled
    assert "cannot be undone" in client.get(f"/my/webhooks/{endpoint.id}/delete").content.decode()
    client.post(f"/my/webhooks/{endpoint.id}/delete")
    assert not Endpoint.objects.exists()


def test_a_secret_is_rolled_with_the_overlap_that_is_chosen(client: Client, endpoint: Endpoint) -> None:
    for value, expected in (("3600", True), ("0", False)):
        page = client.post(f"/my/webhooks/{endpoint.id}/roll", {"overlap_s": value}).content.decode()
        assert "whsec_" in page
        endpoint.refresh_from_db()
        assert (endpoint.previous_until is not None) == expected
    assert client.post(f"/my/webhooks/{endpoint.id}/roll", {"overlap_s": "99999999"}).status_code == 422


def test_somebody_elses_endpoints_are_unknown(log_in: LogIn, stranger: User, endpoint: Endpoint, by: Actor) -> None:
    delivery = send_test(endpoint=endpoint, by=by)
    client = log_in(stranger)
    assert URL not in client.get("/my/webhooks").content.decode()
    for path in (endpoint.id, f"{endpoint.id}/edit", f"deliveries/{delivery.id}"):
        assert client.get(f"/my/webhooks/{path}").status_code == 404


@pytest.mark.parametrize("query", ["?page=-1", "?page=x", "?page=99999999999", "?state=nothing"])
def test_made_up_queries_show_the_page(client: Client, endpoint: Endpoint, query: str) -> None:
    assert client.get(f"/my/webhooks/{endpoint.id}{query}").status_code == 200


def test_the_number_of_queries_does_not_grow(client: Client, endpoint: Endpoint, by: Actor) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(path).status_code == 200
        return len(seen)

    paths = ("/my/webhooks", f"/my/webhooks/{endpoint.id}")
    send_test(endpoint=endpoint, by=by)
    few = [queries(path) for path in paths]
    for number in range(12):
        create_endpoint(organization=endpoint.organization, url=f"{URL}/{number}", event_types=["key.created"], by=by)
        send_test(endpoint=endpoint, by=by)
    assert Event.objects.count() == 13
    assert [queries(path) for path in paths] == few
