"""/requests explains a call, to each as much as is theirs to know."""

from __future__ import annotations

import pytest

from apim.accounts.models import User
from apim.usage.traces import keep_traces
from tests.apim.api.conftest import MakeClient
from tests.factories import access, catalog
from tests.factories.gateways import enrolled_gateway
from tests.factories.traces import SECRET_ARM, TARGET, trace

ID = "0123456789abcdef-00000001"


@pytest.fixture(autouse=True)
def _kept(developer: User, owner: User) -> None:
    """A call of the developer's application to the owner's API, and one of nobody."""
    application = access.application(of=developer.memberships.get().organization)
    version = catalog.draft(of=catalog.api(organization=owner.memberships.get().organization))
    of_both = trace(ID, version_id=version.id, application=application.id, credential="crd_1")
    nobodys = trace("0123456789abcdef-00000002", status=401, code="unauthenticated", tries=[], parts=[], span=None)
    keep_traces(gateway=enrolled_gateway().gateway, traces=[of_both, nobodys])


def test_an_owner_is_told_the_policies_the_tries_and_the_times(api: MakeClient, owner: User) -> None:
    told = api(owner).get(f"/api/v1/requests/{ID}").json()
    assert (told["request_id"], told["status"], told["operation"]) == (ID, 200, "GET /accounts/{id}")
    assert (told["duration_ms"], told["upstream_ms"]) == (6.1, 4.0)
    explanation = told["explanation"]
    assert explanation["reason"] == "retried"
    assert not explanation["is_redacted"]
    assert explanation["tries"][0]["target"] == TARGET
    assert explanation["tries"][1] == {
        "target": TARGET,
        "outcome": "answered",
        "at_us": 1100,
        "us": 5000,
        "connect_us": 400,
        "first_byte_us": 4000,
        "status": 200,
        "span_id": "ab" * 8,
    }
    assert {"kind": "request-headers", "done": "changed", "us": 14} in explanation["policies"]


def test_a_caller_is_told_its_own_calls_without_what_is_the_owners(
    api: MakeClient, developer: User, other_owner: User
) -> None:
    answer = api(developer).get(f"/api/v1/requests/{ID}")
    assert answer.json()["explanation"]["is_redacted"]
    for hidden in (TARGET, SECRET_ARM, "request-headers", "ab" * 16):
        assert hidden not in answer.content.decode()
    assert api(other_owner).get(f"/api/v1/requests/{ID}").status_code == 404


def test_calls_of_nobody_are_for_admins(api: MakeClient, admin: User, owner: User) -> None:
    told = api(admin).get("/api/v1/requests/0123456789abcdef-00000002").json()
    assert (told["application"], told["code"], told["client_request_id"]) == (None, "unauthenticated", "")
    assert api(owner).get("/api/v1/requests/0123456789abcdef-00000002").status_code == 404
