"""Alert rules over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apim.accounts.models import User
from apim.alerts.models import AlertRule, Firing
from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from apim.usage.models import VersionRollup
from tests.apim.api.conftest import MakeClient, assert_problem

pytestmark = pytest.mark.django_db

RULES = "/api/v1/alert-rules"
BODY = {"api": "bank", "kind": "error_share", "settings": {"percent": 5, "calls": 10, "hold": 0}}


def test_the_life_of_a_rule(api: MakeClient, bank: dict[str, Any], owner: User) -> None:
    client = api(owner)
    made = client.post(RULES, BODY | {"version": "v1", "recipients": ["ops@example.com"]}, format="json")
    assert made.status_code == 201, made.content
    rule = made.json()
    assert (rule["version"], rule["environment"], rule["name"]) == ("v1", None, "Share of failures")
    assert rule["settings"] == {"percent": 5, "minutes": 10, "calls": 10, "hold": 0}
    path = f"{RULES}/{rule['id']}"
    AlertRule.objects.update(state="firing", value=7.5)
    stale = client.patch(path, {"name": "Errors"}, format="json", HTTP_IF_MATCH='"other"')
    assert stale.status_code == 412
    changed = client.patch(path, {"version": None, "name": "Errors"}, format="json", HTTP_IF_MATCH=made["ETag"])
    assert changed.status_code == 200, changed.content  # that it fires meanwhile is nobody's edit
    assert (changed.json()["version"], changed.json()["name"]) == (None, "Errors")
    assert changed.json()["standing"]["state"] == "firing"
    until = (timezone.now() + timedelta(hours=8)).isoformat()
    assert client.post(f"{path}/snooze", {"until": until}, format="json").json()["snoozed_until"]
    assert client.post(f"{path}/snooze", {"until": None}, format="json").json()["snoozed_until"] is None
    assert [each["id"] for each in client.get(f"{RULES}?filter[api]=bank").json()["data"]] == [rule["id"]]
    Firing.objects.create(rule_id=rule["id"], started_at=timezone.now(), worst=9)
    fired = client.get(f"/api/v1/alert-firings?filter[rule]={rule['id']}&filter[is_over]=false").json()["data"]
    assert [(each["api"], each["worst"]) for each in fired] == [("bank", 9.0)]
    assert client.delete(path).status_code == 204
    assert not AlertRule.objects.exists()


def test_a_preview_tells_when_a_rule_would_have_fired_and_keeps_nothing(
    api: MakeClient, bank: dict[str, Any], owner: User
) -> None:
    start = timezone.now().replace(second=0, microsecond=0) - timedelta(days=1)
    VersionRollup.objects.bulk_create(
        VersionRollup(
            period="minute", at=start + timedelta(minutes=number), environment_id=Environment.objects.get().pk,
            version_id=APIVersion.objects.get().pk, calls=100, answered=50, failed=50,
        )
        for number in range(20)
    )  # fmt: skip
    client = api(owner)
    seen = client.post(f"{RULES}/preview", BODY, format="json").json()
    assert seen["times"] == 1
    assert seen["episodes"][0]["worst"] == 50
    assert not AlertRule.objects.exists()
    rule = client.post(RULES, BODY, format="json").json()["id"]
    assert client.get(f"{RULES}/{rule}/preview").json()["episodes"] == seen["episodes"]


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"kind": "weather"}, "field.invalid_choice", "/kind"),
        ({"settings": {"percent": 500}}, "alerts.setting", "/settings/percent"),
        ({"settings": {"percents": 5}}, "alerts.setting", "/settings/percents"),
        ({"recipients": ["nobody"]}, "alerts.recipients", "/recipients"),
    ],
)
def test_what_is_refused_names_the_field(
    api: MakeClient, bank: dict[str, Any], owner: User, change: dict[str, object], code: str, pointer: str
) -> None:
    for path in (RULES, f"{RULES}/preview"):
        error = api(owner).post(path, BODY | change, format="json").json()["errors"][0]
        assert (error["code"], error["pointer"]) == (code, pointer)


def test_the_traffic_of_another_api_cannot_be_previewed(
    api: MakeClient, bank: dict[str, Any], owner: User, other_owner: User
) -> None:
    client = api(other_owner)
    own = client.post("/api/v1/apis", {"name": "own", "organization": "globex"}, format="json")
    assert own.status_code == 201, own.content
    version = APIVersion.objects.get(api__name="bank").pk
    assert_problem(
        client.post(f"{RULES}/preview", BODY | {"api": "own", "version": version}, format="json"), 400, "alerts.version"
    )
    assert_problem(client.post(f"{RULES}/preview", BODY, format="json"), 403, "request.forbidden")
