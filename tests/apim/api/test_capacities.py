"""What the services of an API bear, over REST."""

from __future__ import annotations

from typing import Any

import pytest

from apim.accounts.models import User
from tests.apim.api.conftest import MakeClient, assert_problem

pytestmark = pytest.mark.django_db

PATH = "/api/v1/apis/bank/capacity"


def test_owners_say_what_services_bear_and_see_what_is_promised(
    api: MakeClient, bank: dict[str, Any], owner: User, developer: User
) -> None:
    client = api(owner)
    seen = client.get(PATH)
    assert seen.json() == {
        "api": "bank", "calls_per_s": None, "promised": {"per_s": 0, "without_rate": 0, "is_over": False},
    }  # fmt: skip
    assert_problem(client.put(PATH, {"calls_per_s": 5}, format="json"), 428, "request.precondition_required")
    wish = {"application": "shop", "product": "payments", "plan": "starter"}
    assert api(developer).post("/api/v1/subscriptions", wish, format="json").status_code == 201
    said = client.put(PATH, {"calls_per_s": 5}, format="json", HTTP_IF_MATCH=seen["ETag"])
    assert said.status_code == 200, said.content  # who subscribes meanwhile is nobody's edit
    assert said.json()["promised"] == {"per_s": 10, "without_rate": 0, "is_over": True}
    assert_problem(client.put(PATH, {"calls_per_s": 0}, format="json", HTTP_IF_MATCH="*"), 400, "request.invalid")
    assert_problem(api(developer).get(PATH), 403, "request.forbidden")
