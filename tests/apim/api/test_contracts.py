"""/versions/{version}/lint and /versions/{version}/comparison."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from apim.accounts.models import User
from apim.catalog.models import APIVersion
from apim.usage.models import UsageRollup
from tests.apim.api.conftest import MakeClient, assert_problem
from tests.factories import access, catalog

pytestmark = pytest.mark.django_db

URL = "/api/v1/versions/bank:v1"
OPERATION = "get: {responses: {'200': {description: ok}}}"


@pytest.fixture
def client(api: MakeClient, owner: User, bank: dict[str, Any]) -> Any:
    """An owner whose bank:v1 runs one revision and has a newer one with other paths."""
    client = api(owner)
    document = catalog.openapi(f"  /other:\n    {OPERATION}")
    assert client.post(f"{URL}/revisions", {"document": document}, format="json").status_code == 201
    return client


def test_findings_of_the_newest_revision_come_with_lines(client: Any) -> None:
    told = client.get(f"{URL}/lint").json()
    assert told["revision_number"] == 2
    assert 0 < told["score"] < 100
    assert {"rule", "severity", "pointer", "line", "message"} == set(told["findings"][0])


def test_a_revision_is_named_by_its_number(client: Any) -> None:
    assert client.get(f"{URL}/lint?revision=1").json()["revision_number"] == 1
    assert_problem(client.get(f"{URL}/lint?revision=9"), 404, "request.not_found")
    assert_problem(client.get(f"{URL}/lint?revision=x"), 400, "request.invalid")


def test_what_publishing_would_change_names_who_really_calls_it(client: Any) -> None:
    version = APIVersion.objects.get(name="v1", api__name="bank")
    operation = version.revisions.get(number=1).operations[0]
    name = f"{operation['method']} {operation['path']}"
    UsageRollup.objects.create(
        period="day", at=timezone.now().replace(hour=0, minute=0, second=0, microsecond=0), environment_id="env_1",
        version_id=version.id, operation=name, application_id=access.application(name="till").id, status=200, calls=3,
    )  # fmt: skip

    told = client.get(f"{URL}/comparison").json()

    assert told["is_breaking"] is True
    assert {"operation-removed", "operation-added"} <= {change["kind"] for change in told["changes"]}
    assert [(one["application"], one["operations"], one["calls"]) for one in told["callers"]] == [("till", [name], 3)]


def test_two_revisions_are_chosen_by_number(client: Any) -> None:
    told = client.get(f"{URL}/comparison?revision=1&before=bank:v1&before_revision=1").json()
    assert (told["changes"], told["is_breaking"], told["callers"]) == ([], False, [])


def test_only_who_may_change_a_version_sees_either(api: MakeClient, developer: User, client: Any) -> None:
    for path in ("lint", "comparison"):
        assert api(developer).get(f"{URL}/{path}").status_code in {403, 404}


def test_publishing_what_breaks_who_calls_names_them_and_a_waiver_lets_it_through(client: Any) -> None:
    version = APIVersion.objects.get(name="v1", api__name="bank")
    UsageRollup.objects.create(
        period="day", at=timezone.now().replace(hour=0, minute=0, second=0, microsecond=0), environment_id="env_1",
        version_id=version.id, operation="GET /accounts", application_id=access.application(name="till").id,
        status=200, calls=3,
    )  # fmt: skip

    refused = client.post(f"{URL}/publish", {}, format="json")

    assert_problem(refused, 409, "releases.breaks_callers")
    told = refused.json()
    assert [one["application"] for one in told["applications"]] == ["till"]
    assert "GET /accounts is removed." in {change["message"] for change in told["changes"]}
    assert client.post(f"{URL}/publish", {"waiver": "The till agreed"}, format="json").status_code == 200
