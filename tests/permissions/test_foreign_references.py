"""Bodies that name another tenant's objects: nothing is made, and nothing tells that the object exists.

Promises R10, H29.
"""

from __future__ import annotations

import json

import pytest
from django.apps import apps

from apim.access.models import Credential, Subscription
from apim.audit.models import AuditEvent
from tests.permissions.world import DOCUMENT, World

OWNERS = ("admin", "owner")
MEMBERS = ("admin", "developer")
EVERYONE = ("stranger", "developer", "other_owner", "owner", "admin")

CONTRACT = {"document": DOCUMENT, "upstream": "http://127.0.0.1:9101"}

# path, body, who may; everyone else is refused. Owners invite: who has an account is nothing they may find out.
BODIES = (
    ("apis", {"name": "mine", "organization": "acme"}, OWNERS),
    ("imports", {"name": "mine", "version": "v1", "organization": "acme", **CONTRACT}, OWNERS),
    ("imports", {"name": "vault", "version": "v9", **CONTRACT}, OWNERS),
    ("members", {"organization": "acme", "user": "stranger@example.net", "role": "owner"}, ("admin",)),
    ("invitations", {"organization": "acme", "email": "eve@example.org", "role": "owner"}, OWNERS),
    ("applications", {"organization": "initech", "name": "mine"}, MEMBERS),
    ("credentials", {"application": "initech:shop"}, MEMBERS),
    ("subscriptions", {"application": "initech:shop", "product": "payments", "plan": "manual"}, MEMBERS),
    ("subscriptions", {"application": "initech:shop", "product": "vaults", "plan": "secret-plan"}, ("admin",)),
    ("products", {"name": "mine", "organization": "acme", "items": [{"version": "bank:v1"}]}, OWNERS),
    ("plans", {"name": "mine", "organization": "acme", "terms": {}}, ("admin",)),
)  # fmt: skip

DOCUMENTS = (
    "kind: API\nmetadata: {name: vault}\nspec: {displayName: Taken over}",
    "kind: Plan\nmetadata: {name: secret-plan}\nspec: {displayName: Taken over}",
    "kind: Product\nmetadata: {name: vaults}\nspec: {displayName: Taken over, apis: [{api: vault, versions: [v1]}]}",
    "kind: Application\nmetadata: {name: shop}\nspec: {organization: initech, displayName: Taken over}",
    "kind: Subscription\nmetadata: {name: mine}\nspec: {application: initech/shop, product: payments, plan: manual}",
    "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: Taken over}",
)


def counts() -> dict[str, int]:
    """How many rows each table of ours has, except for what refusals leave behind."""
    return {
        model._meta.label: model._base_manager.count()
        for model in apps.get_models()
        if model.__module__.startswith(("apim.", "gateway_sync.")) and "management_api" not in model._meta.label
    }


@pytest.mark.parametrize(("path", "body", "allowed"), BODIES, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("role", EVERYONE)
def test_a_body_with_foreign_ids_makes_nothing(
    world: World, role: str, path: str, body: dict[str, object], allowed: tuple[str, ...]
) -> None:
    before = counts()
    response = world.client(role).post(f"/api/v1/{path}", json.dumps(body), "application/json")
    if role in allowed:
        assert response.status_code in {200, 201}, response.content
    else:
        assert response.status_code in {403, 404}, response.content
        assert counts() == before


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("role", ["stranger", "other_owner"])
def test_a_document_about_foreign_objects_changes_nothing(world: World, role: str, document: str) -> None:
    before, events = counts(), AuditEvent.objects.count()
    body = json.dumps({"documents": f"apiVersion: apim.dev/v1\n{document}\n"})
    response = world.client(role).post("/api/v1/documents/apply", body, "application/json")
    assert response.status_code in {400, 403, 404, 422}, response.content
    assert counts() == before
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize(
    "field", ["id", "is_platform_admin", "organization_id", "state", "key_hash", "creator", "created_by", "is_default"]
)
def test_fields_that_are_not_offered_change_nothing(world: World, field: str) -> None:
    """Mass assignment: a body with more than it may hold is refused or the field ignored."""
    client = world.client("developer")
    body = {"application": "initech:shop", field: "suspended"}
    client.post("/api/v1/credentials", json.dumps(body), "application/json")
    made = Credential.objects.exclude(label="").union(Credential.objects.filter(state="suspended"))
    assert not made.exists()
    assert all(credential.created_by != "suspended" for credential in Credential.objects.all())
    organization = json.dumps({"display_name": "Initech", field: True})
    changed = client.patch(world.path("api/v1/organizations/<str:organization>"), organization, "application/json")
    assert changed.status_code == 404


@pytest.mark.parametrize("path", ["applications", "credentials", "subscriptions", "members", "invitations", "users",
                                  "apis", "versions", "products", "plans", "tokens", "audit-events"])  # fmt: skip
def test_lists_show_a_stranger_nothing_of_others(world: World, path: str) -> None:
    answer = world.client("stranger").get(f"/api/v1/{path}").content.decode()
    for secret in ("vault", "secret-plan", "shop", "initech", "acme.example", "dev@"):
        assert secret not in answer
    assert Subscription.objects.exists()
