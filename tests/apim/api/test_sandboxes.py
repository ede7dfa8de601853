"""The service of a sandbox through REST."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.audit.models import AuditEvent
from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from apim.gateways.services import update_environment
from tests.apim.api.conftest import MakeClient, assert_problem
from tests.factories import catalog
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db

URL = "/api/v1/versions/bank:v1/sandbox"
UPSTREAM = {"targets": [{"url": "https://test.example.com"}], "headers": {"X-Test": "secret"}}


@pytest.fixture
def bank(environment: Environment, acme: Organization) -> APIVersion:
    """A public version with a document, where there is a sandbox."""
    update_environment(environment=environment, changes={"has_sandbox": True}, by=TESTER)
    return catalog.described(name="bank", organization=acme)


def test_an_owner_names_a_service_for_the_sandbox_and_takes_it_back(
    bank: APIVersion, api: MakeClient, owner: User
) -> None:
    client = api(owner)
    assert client.get(URL).json() == {"version_id": bank.pk, "answers_from": "document", "upstream": {}}
    wanted = Environment.objects.get().revision
    named = client.post(URL, {"upstream": UPSTREAM}, format="json").json()
    assert named["answers_from"] == "service"
    assert named["upstream"] == {
        "targets": [{"url": "https://test.example.com", "weight": 100}],
        "timeout_s": 30,
        "headers": {"X-Test": "secret"},
    }
    assert bank.revisions.count() == 1
    assert Environment.objects.get().revision == wanted + 1
    assert client.post(URL, {"upstream": None}, format="json").json()["answers_from"] == "document"
    assert "secret" not in str(list(AuditEvent.objects.values_list("before", "after")))


@pytest.mark.usefixtures("bank")
def test_a_service_of_a_sandbox_is_judged_as_every_upstream_is(api: MakeClient, owner: User) -> None:
    client = api(owner)
    metadata = {"targets": [{"url": "http://169.254.169.254/latest"}]}
    assert_problem(client.post(URL, {"upstream": metadata}, format="json"), 400, "catalog.upstream")
    headers = UPSTREAM | {"headers": {"Host": "elsewhere"}}
    assert_problem(client.post(URL, {"upstream": headers}, format="json"), 400, "catalog.sandbox")
    assert_problem(
        client.post(URL, {"upstream": UPSTREAM | {"canary": {}}}, format="json"), 400, "request.unknown_field"
    )
