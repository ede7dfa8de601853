"""A request that is sent twice has one effect (promise H31)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apim.access.models import Credential
from apim.accounts.models import Organization, User
from apim.api.models import IdempotentAnswer
from apim.catalog.models import API
from tests.apim.api.conftest import MakeClient, assert_problem
from tests.factories.access import application

pytestmark = pytest.mark.django_db


def test_a_post_sent_twice_has_one_effect_and_the_same_secret(
    api: MakeClient,
    owner: User,
    acme: Organization,
    environment: object,
) -> None:
    client, body = api(owner), {"application": application(of=acme).pk}
    first = client.post("/api/v1/credentials", body, format="json", HTTP_IDEMPOTENCY_KEY="one")
    second = client.post("/api/v1/credentials", body, format="json", HTTP_IDEMPOTENCY_KEY="one")
    assert first.status_code == second.status_code == 201, first.content
    assert first.json() == second.json()
    assert second["Idempotency-Replayed"] == "true"
    assert second["Location"] == first["Location"]
    assert Credential.objects.count() == 1
    row = IdempotentAnswer.objects.get()
    assert first.json()["key"].encode() not in bytes(row.answer)


def test_a_key_used_for_another_request_is_refused(api: MakeClient, owner: User) -> None:
    client = api(owner)
    client.post("/api/v1/apis", {"name": "one"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    other = client.post("/api/v1/apis", {"name": "two"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert_problem(other, 422, "request.idempotency_mismatch")
    assert list(API.objects.values_list("name", flat=True)) == ["one"]


def test_a_refused_request_may_be_sent_again_with_its_key(api: MakeClient, owner: User) -> None:
    client = api(owner)
    assert client.post("/api/v1/apis", {"name": "no good"}, format="json", HTTP_IDEMPOTENCY_KEY="k").status_code == 400
    assert client.post("/api/v1/apis", {"name": "good"}, format="json", HTTP_IDEMPOTENCY_KEY="k").status_code == 201


def test_a_key_belongs_to_its_person_and_lasts_a_day(api: MakeClient, owner: User, other_owner: User) -> None:
    api(owner).post("/api/v1/apis", {"name": "one"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    other = api(other_owner).post("/api/v1/apis", {"name": "two"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert other.status_code == 201
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    fresh = api(owner).post("/api/v1/apis", {"name": "three"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert fresh.status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "a\tb"])
def test_an_unusable_key_is_refused(api: MakeClient, owner: User, key: str) -> None:
    response = api(owner).post("/api/v1/apis", {"name": "one"}, format="json", HTTP_IDEMPOTENCY_KEY=key)
    assert_problem(response, 400, "request.invalid")
