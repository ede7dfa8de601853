"""Webhooks over REST."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.webhooks.models import Delivery, Endpoint
from tests.apim.api.conftest import MakeClient

pytestmark = pytest.mark.django_db

BODY = {"url": "https://hooks.example.com/apim", "event_types": ["key.revoked", "key.created"]}


def test_the_life_of_an_endpoint(api: MakeClient, developer: User, initech: Organization) -> None:
    client = api(developer)
    made = client.post("/api/v1/webhooks", BODY, format="json")
    assert made.status_code == 201, made.content
    webhook, secret = made.json()["id"], made.json()["secret"]
    assert secret.startswith("whsec_")
    assert made.json()["event_types"] == ["key.created", "key.revoked"]
    read = client.get(f"/api/v1/webhooks/{webhook}")
    assert "secret" not in read.json()
    path = f"/api/v1/webhooks/{webhook}"
    rolled = client.post(f"{path}/roll", {"overlap_s": 3600}, format="json").json()
    assert rolled["secret"] != secret
    assert rolled["previous_until"]
    delivery = client.post(f"{path}/test", format="json").json()
    assert (delivery["type"], delivery["state"]) == ("webhook.test", "pending")
    Delivery.objects.update(state="failed", retry_at=None)
    one = client.get(f"/api/v1/webhook-deliveries/{delivery['id']}").json()
    assert (one["webhook_id"], one["tries"]) == (delivery["webhook_id"], [])
    assert client.post(f"{path}/replay", {"since": "2020-01-01T00:00:00Z"}, format="json").json() == {"count": 1}
    listed = client.get(f"/api/v1/webhook-deliveries?filter[endpoint]={webhook}&filter[state]=pending").json()["data"]
    assert [each["id"] for each in listed] == [delivery["id"]]
    off = client.patch(path, {"is_enabled": False}, format="json")
    assert off.json()["is_enabled"] is False
    refused = client.post(f"/api/v1/webhook-deliveries/{delivery['id']}/replay", format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "webhooks.disabled")
    assert client.delete(path).status_code == 204
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://example.com"}, "url"),
        ({"url": "https://127.0.0.1"}, "url"),
        ({"event_types": []}, "event_types"),
        ({"event_types": ["nothing"]}, "event_types"),
    ],
)
def test_what_is_refused_names_the_field(
    api: MakeClient, developer: User, initech: Organization, change: dict[str, object], field: str
) -> None:
    refused = api(developer).post("/api/v1/webhooks", BODY | change, format="json")
    assert refused.status_code in {400, 422}
    assert refused.json()["errors"][0]["pointer"] == f"/{field}"
