"""Products, applications, keys, subscriptions and people through REST."""

from __future__ import annotations

import pytest

from apim.access.models import Credential, Subscription
from apim.accounts.models import Membership, User
from apim.accounts.services import actor_of, adopt_team
from apim.gateways.models import AccessRecord
from tests.apim.api.conftest import MakeClient, assert_problem
from tests.factories.certificates import self_signed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bank")]


def test_a_developer_gets_a_key_and_a_subscription_rolls_and_revokes(api: MakeClient, developer: User) -> None:
    client = api(developer)
    body = {"application": "shop", "product": "payments", "plan": "starter"}
    subscription = client.post("/api/v1/subscriptions", body, format="json")
    assert subscription.status_code == 201, subscription.content
    assert subscription.json()["lifecycle"] == "active"
    issued = client.post("/api/v1/credentials", {"application": "initech:shop"}, format="json").json()
    assert issued["key"].startswith(issued["prefix"])
    shown = client.get(f"/api/v1/credentials/{issued['id']}").json()
    assert "key" not in shown
    assert issued["key"] not in str(list(Credential.objects.values())) + str(list(AccessRecord.objects.values()))
    rolled = client.post(f"/api/v1/credentials/{issued['id']}/roll", {"overlap_s": 3600}, format="json").json()
    assert rolled["key"] != issued["key"]
    assert client.get(f"/api/v1/credentials/{issued['id']}").json()["state"] == "rolling"
    revoked = client.post(f"/api/v1/credentials/{rolled['id']}/revoke", {"reason": "lost"}, format="json").json()
    assert revoked["state"] == "revoked"


def test_a_key_does_not_subscribe(api: MakeClient, developer: User) -> None:
    body = {"application": "shop", "product": "payments"}
    assert api(developer).post("/api/v1/credentials", body, format="json").status_code == 201
    assert not Subscription.objects.exists()


def test_an_owner_decides_and_a_developer_cannot(api: MakeClient, owner: User, developer: User) -> None:
    body = {"application": "shop", "product": "payments", "plan": "gold", "note": "please"}
    wanted = api(developer).post("/api/v1/subscriptions", body, format="json").json()
    assert wanted["lifecycle"] == "pending"
    path = f"/api/v1/subscriptions/{wanted['id']}"
    assert_problem(api(developer).post(f"{path}/approve"), 403, "request.forbidden")
    assert Subscription.objects.get().lifecycle == "pending"
    assert api(owner).post(f"{path}/approve").json()["lifecycle"] == "active"
    assert api(owner).post(f"{path}/pause", {"reason": "abuse"}, format="json").json()["lifecycle"] == "paused"
    assert_problem(api(developer).post(f"{path}/resume"), 403, "request.forbidden")
    assert api(owner).post(f"{path}/resume").json()["lifecycle"] == "active"
    assert api(developer).post(f"{path}/cancel", {}, format="json").json()["lifecycle"] in {"canceled", "ended"}


def test_an_owner_rejects_with_a_reason(api: MakeClient, owner: User, developer: User) -> None:
    body = {"application": "shop", "product": "payments", "plan": "gold"}
    wanted = api(developer).post("/api/v1/subscriptions", body, format="json").json()
    rejected = api(owner).post(f"/api/v1/subscriptions/{wanted['id']}/reject", {"reason": "no"}, format="json").json()
    assert (rejected["lifecycle"], rejected["reason"]) == ("rejected", "no")
    listed = api(developer).get("/api/v1/subscriptions", {"filter[application]": "shop"}).json()["data"]
    assert [row["id"] for row in listed] == [wanted["id"]]


def test_plans_change_by_versions_within_ceilings(api: MakeClient, admin: User, owner: User) -> None:
    client = api(admin)
    terms = {"rate": {"requests": 20, "per_s": 1}, "quotas": [{"requests": 5000, "per": "day"}]}
    changed = client.patch("/api/v1/plans/starter", {"terms": terms}, format="json").json()
    assert (changed["terms"]["number"], changed["terms"]["rate"]["burst"]) == (2, 20)
    assert [row["number"] for row in client.get("/api/v1/plans/starter/versions").json()["data"]] == [2, 1]
    assert changed["terms"]["quotas"] == [{"requests": 5000, "per": "day", "unit": "calls", "window": "calendar"}]
    quota = {"requests": 9, "per": "period", "unit": "units", "window": "anchored"}
    units = {"quotas": [quota], "weights": {"POST /a": 3}}
    changed = client.patch("/api/v1/plans/starter", {"terms": terms | units}, format="json").json()
    assert (changed["terms"]["quotas"], changed["terms"]["weights"]) == (units["quotas"], {"POST /a": 3})
    changed = client.patch("/api/v1/plans/starter", {"terms": terms}, format="json").json()
    assert (changed["terms"]["number"], changed["terms"]["weights"]) == (4, {})
    tag = client.get("/api/v1/environments/default/ceiling")["ETag"]
    ceiling = client.put(
        "/api/v1/environments/default/ceiling", {"max_rate_per_s": 15}, format="json", HTTP_IF_MATCH=tag
    )
    assert ceiling.status_code == 200, ceiling.content
    refused = client.patch("/api/v1/plans/starter", {"terms": {"rate": {"requests": 16, "per_s": 1}}}, format="json")
    assert refused.status_code == 400
    assert "15" in refused.json()["detail"]
    assert_problem(
        api(owner).patch("/api/v1/plans/starter", {"description": "x"}, format="json"), 403, "request.forbidden"
    )


def test_admins_suspend_and_members_cannot_resume(api: MakeClient, admin: User, developer: User) -> None:
    suspended = api(admin).post("/api/v1/applications/shop/suspend", {"reason": "abuse"}, format="json").json()
    assert suspended["state"] == "suspended"
    assert_problem(api(developer).post("/api/v1/applications/shop/resume"), 403, "request.scope_missing")
    assert api(admin).post("/api/v1/applications/shop/resume").json()["state"] == "active"
    assert api(admin).post("/api/v1/organizations/initech/suspend", {}, format="json").json()["state"] == "suspended"
    assert api(admin).post("/api/v1/organizations/initech/resume").json()["state"] == "active"
    path = f"/api/v1/users/{developer.email}"
    client = api(developer)
    assert api(admin).post(f"{path}/suspend", {"reason": "left"}, format="json").json()["is_active"] is False
    assert_problem(client.get("/api/v1/me"), 401, "request.unauthenticated")
    assert api(admin).post(f"{path}/resume").json()["is_active"] is True


def test_owners_manage_the_people_of_their_organization_only(api: MakeClient, owner: User, developer: User) -> None:
    client = api(owner)
    adopt_team(organization=owner.memberships.get().organization, name="payments", by=actor_of(owner))
    body = {"email": "new@acme.example", "organization": "acme", "role": "owner", "team": "payments"}
    invitation = client.post("/api/v1/invitations", body, format="json")
    assert invitation.status_code == 201, invitation.content
    assert client.delete(f"/api/v1/invitations/{invitation.json()['id']}").status_code == 204
    refused = client.post("/api/v1/invitations", body | {"organization": "initech"}, format="json")
    assert refused.status_code in {403, 404}
    assert_problem(client.get(f"/api/v1/users/{developer.email}"), 404, "request.not_found")
    own = Membership.objects.get(user=owner)
    assert_problem(
        client.patch(f"/api/v1/members/{own.pk}", {"role": "developer"}, format="json"), 409, "accounts.last_owner"
    )
    theirs = Membership.objects.get(user=developer)
    assert_problem(client.delete(f"/api/v1/members/{theirs.pk}"), 404, "request.not_found")


def test_a_gateway_is_enrolled_with_a_token_shown_once(api: MakeClient, admin: User, owner: User) -> None:
    enrolled = api(admin).post("/api/v1/gateways", {"name": "eu-1"}, format="json").json()
    assert enrolled["token"].startswith("apimgw_")
    assert "token" not in api(owner).get("/api/v1/gateways/eu-1").json()
    assert_problem(api(owner).post("/api/v1/gateways", {"name": "eu-2"}, format="json"), 403, "request.scope_missing")


def test_an_environment_is_changed_by_admins(api: MakeClient, admin: User, owner: User, developer: User) -> None:
    body = {"address_rate_per_s": 42}
    assert api(admin).patch("/api/v1/environments/default", body, format="json").json()["address_rate_per_s"] == 42
    assert_problem(api(developer).get("/api/v1/environments/default"), 404, "request.not_found")
    forbidden = {"allowed_networks": ["169.254.0.0/16"]}
    refused = api(admin).patch("/api/v1/environments/default", forbidden, format="json")
    assert_problem(refused, 400, "gateways.network_forbidden")
    assert api(owner).get("/api/v1/environments/default").status_code == 200


def test_usage_of_an_application_is_its_members_to_see(api: MakeClient, developer: User, other_owner: User) -> None:
    usage = api(developer).get("/api/v1/usage", {"application": "shop"}).json()
    assert (usage["calls"], usage["by_status"], usage["credentials"], usage["plans"]) == (0, {}, [], [])
    assert_problem(api(other_owner).get("/api/v1/usage", {"application": "shop"}), 404, "request.not_found")
    assert_problem(api(developer).get("/api/v1/usage", {"version": "bank:v1"}), 403, "request.forbidden")
    for query in ({}, {"application": "shop", "since": "yesterday"}, {"application": "shop", "nonsense": "1"}):
        assert api(developer).get("/api/v1/usage", query).status_code == 400
    assert_problem(api(developer).get("/api/v1/requests/req_nonsense"), 404, "request.not_found")


def test_documents_are_applied_twice_without_change_and_exported(api: MakeClient, admin: User) -> None:
    client = api(admin)
    text = client.get("/api/v1/documents/export", {"kind": "all"}).json()["documents"]
    again = client.post("/api/v1/documents/apply", {"documents": text}, format="json")
    assert again.status_code == 200, again.content
    assert {change["action"] for change in again.json()["changes"]} == {"unchanged"}
    changed = text.replace("Payments", "Money")
    dry = client.post("/api/v1/documents/apply", {"documents": changed, "dry_run": True}, format="json").json()
    assert [change["action"] for change in dry["changes"] if change["kind"] == "Product"] == ["update"]
    assert client.get("/api/v1/products/payments").json()["display_name"] == "Payments"
    broken = client.post(
        "/api/v1/documents/apply", {"documents": text.replace("displayName", "displayNmae")}, format="json"
    )
    assert broken.status_code == 400
    assert "displayName" in broken.content.decode()


def test_a_client_of_an_issuer_is_registered_instead_of_a_key(api: MakeClient, developer: User, admin: User) -> None:
    client = api(developer)
    body = {"application": "initech:shop", "issuer": "https://login.example.com", "client_id": "shop-web"}
    assert_problem(client.post("/api/v1/credentials", body, format="json"), 400, "access.issuer_unknown")
    issuer = {"name": "login", "issuer": "https://login.example.com"}
    assert api(admin).post("/api/v1/issuers", issuer, format="json").status_code == 201
    answer = client.post("/api/v1/credentials", body, format="json")
    assert answer.status_code == 201
    assert answer.json()["is_for_own_apis"] is False
    made = answer.json()
    assert (made["kind"], made["key"], made["client_id"]) == ("client", "", "shop-web")
    assert client.post("/api/v1/credentials", body, format="json").status_code == 409
    rolled = client.post(f"/api/v1/credentials/{made['id']}/roll", {}, format="json")
    assert rolled.json()["code"] == "access.client_not_rolled"
    half = client.post("/api/v1/credentials", {**body, "issuer": ""}, format="json")
    assert half.status_code == 400


def test_a_client_certificate_is_registered_instead_of_a_key(api: MakeClient, developer: User) -> None:
    client = api(developer)
    body = {"application": "initech:shop", "certificate": self_signed("shop.example")[0]}
    answer = client.post("/api/v1/credentials", body, format="json")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["kind"], made["key"], made["client_id"]) == ("certificate", "", "CN=shop.example")
    assert len(made["fingerprint"]) == 64
    assert made["expires_at"]
    assert_problem(client.post("/api/v1/credentials", body, format="json"), 409, "access.certificate_taken")
    wrong = client.post("/api/v1/credentials", {**body, "certificate": "hello"}, format="json")
    found = assert_problem(wrong, 400, "access.certificate_unreadable")
    assert found["errors"][0]["pointer"] == "/certificate"
    both = {**body, "issuer": "https://login.example.com", "client_id": "shop-web"}
    assert_problem(client.post("/api/v1/credentials", both, format="json"), 400, "request.one_kind")
