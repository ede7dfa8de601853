"""Applications that change hands, over REST."""

from __future__ import annotations

from typing import Any

import pytest

from apim.access.models import Application, ApplicationTransfer
from apim.accounts.models import Organization, User
from tests.apim.api.conftest import MakeClient, assert_problem

pytestmark = pytest.mark.django_db

TRANSFERS = "/api/v1/transfers"


@pytest.fixture
def offered(api: MakeClient, bank: dict[str, Any], developer: User) -> dict[str, Any]:
    """initech's application, offered to acme, with a subscription and a key."""
    client = api(developer)
    wish = {"application": "shop", "product": "payments", "plan": "starter"}
    assert client.post("/api/v1/subscriptions", wish, format="json").status_code == 201
    assert client.post("/api/v1/credentials", {"application": "shop"}, format="json").status_code == 201
    made = client.post(TRANSFERS, {"application": "shop", "to": "acme", "note": "Yours."}, format="json")
    assert made.status_code == 201, made.content
    body: dict[str, Any] = made.json()
    return body


def test_an_application_is_looked_at_and_accepted_with_new_keys(
    api: MakeClient, offered: dict[str, Any], owner: User, acme: Organization
) -> None:
    client, path = api(owner), f"{TRANSFERS}/{offered['id']}"
    assert (offered["source"], offered["to"], offered["state"]) == ("initech", "acme", "offered")
    luggage = client.get(f"{path}/luggage").json()
    assert luggage["organization"] == "acme"
    assert [(each["product"], each["fate"]) for each in luggage["subscriptions"]] == [("payments", "follows")]
    assert len(luggage["keys"]) == 1
    assert_problem(client.post(f"{path}/accept", {"agreed": "stale"}, format="json"), 409, "access.transfer_changed")
    body = {"agreed": luggage["digest"], "overlap_s": 3600}
    key = {"HTTP_IDEMPOTENCY_KEY": "once"}
    moved, again = (client.post(f"{path}/accept", body, format="json", **key) for _ in range(2))
    assert moved.status_code == 200, moved.content
    assert moved.json()["application"]["organization"] == "acme"
    assert moved.json()["issued"][0]["key"].startswith("apim_")
    assert again.json() == moved.json()
    assert Application.objects.get().organization == acme
    listed = client.get(f"{TRANSFERS}?filter[state]=accepted").json()["data"]
    assert [each["id"] for each in listed] == [offered["id"]]
    assert owner.email not in str(listed)  # the other side is not told who of them answered
    assert_problem(client.post(f"{path}/refuse", format="json"), 409, "access.transfer_over")


def test_either_side_can_end_an_offer_and_only_its_own_way(
    api: MakeClient, offered: dict[str, Any], developer: User, owner: User
) -> None:
    path = f"{TRANSFERS}/{offered['id']}"
    assert_problem(api(owner).post(f"{path}/withdraw", format="json"), 403, "request.forbidden")
    assert_problem(api(developer).post(f"{path}/refuse", format="json"), 403, "request.forbidden")
    assert api(developer).get(f"{path}/luggage").json()["organization"] is None
    assert api(developer).post(f"{path}/withdraw", format="json").json()["state"] == "withdrawn"
    made = api(developer).post(TRANSFERS, {"application": "shop", "to": "acme"}, format="json").json()["id"]
    assert api(owner).post(f"{TRANSFERS}/{made}/refuse", format="json").json()["state"] == "refused"


def test_who_gets_an_offer_by_mail_takes_it_for_an_organization_of_theirs(
    api: MakeClient, offered: dict[str, Any], developer: User, stranger: User, owner: User
) -> None:
    api(developer).post(f"{TRANSFERS}/{offered['id']}/withdraw", format="json")
    made = api(developer).post(TRANSFERS, {"application": "shop", "to": stranger.email}, format="json").json()["id"]
    assert_problem(api(owner).post(f"{TRANSFERS}/{made}/accept", format="json"), 404, "request.not_found")
    refused = api(stranger).post(f"{TRANSFERS}/{made}/accept", {"organization": "acme"}, format="json")
    assert_problem(refused, 404, "request.not_found")
    assert api(stranger).post(f"{TRANSFERS}/{made}/accept", {}, format="json").status_code == 200
    assert ApplicationTransfer.objects.get(pk=made).state == "accepted"
    assert stranger.memberships.filter(organization=Application.objects.get().organization).exists()
