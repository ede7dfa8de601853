"""The page of composites: drawn, told, and changed as text."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apim.accounts.models import Membership, Organization, User
from apim.catalog.models import APIVersion
from apim.catalog.services import save_revision
from apim.console.drawing import draw_composite, sentence_of
from apim.gateways.models import Worker
from gateway_sync.compositions import read_composite
from gateway_sync.problems import Where
from tests.conftest import LogIn
from tests.factories import accounts, catalog
from tests.factories.accounts import TESTER
from tests.factories.gateways import enrolled_gateway

STEPS = """\
POST /transfers:
  steps:
    - { name: payer, call: "GET /accounts/{request.body.from}" }
    - { name: payee, after: [], call: "GET /accounts/{request.body.to}" }
    - { name: withdraw, after: [payer, payee], call: POST /w, compensate: { call: POST /reversals } }
    - { name: deposit, call: POST /d }
  answer: { body: "{steps.deposit.body}" }
"""


OPERATIONS = ({"method": "POST", "path": "/transfers"}, {"method": "GET", "path": "/accounts"})


@pytest.fixture
def version(acme: Organization) -> APIVersion:
    made = catalog.draft(of=catalog.api(organization=acme))
    save_revision(version=made, by=TESTER, operations=OPERATIONS)
    return made


@pytest.fixture
def client_of(log_in: LogIn, acme: Organization) -> Client:
    return log_in(accounts.member(acme, role=Membership.Role.OWNER))


def address(version: APIVersion) -> str:
    return f"/console/apis/{version.api.name}/versions/{version.name}/composites"


def test_what_is_written_is_saved_drawn_and_told(client_of: Client, version: APIVersion):
    client, url = client_of, address(version)
    assert "No composite operation" in client.get(url).content.decode()
    assert client.post(url, {"composites": STEPS}).status_code == 302
    composite = version.revisions.first().composites["POST /transfers"]  # type: ignore[union-attr]
    assert [step["name"] for step in composite["steps"]] == ["payer", "payee", "withdraw", "deposit"]
    shown = client.get(url).content.decode()
    assert (
        "POST /transfers: payer, payee, then withdraw, then deposit. When one fails, withdraw can be undone." in shown
    )
    assert "undo: POST /reversals" in shown


def test_a_fault_is_told_with_its_place_and_the_nearest_name(client_of: Client, version: APIVersion):
    client, url = client_of, address(version)
    shown = client.post(url, {"composites": STEPS.replace("after: [payer, payee]", "after: [payr]")}).content.decode()
    assert "There is no step &quot;payr&quot;" in shown
    assert "Did you mean &quot;payer&quot;?" in shown
    assert "steps.2.after" in shown
    assert "[payr]" in shown, "what was written is still there"


@pytest.mark.parametrize(
    ("text", "told"),
    [("a: [", "not valid YAML"), ("- a", "operations and their steps"), ("POST /x: {}", "no operation")],
)
def test_what_is_no_composite_is_told(client_of: Client, version: APIVersion, text: str, told: str):
    client, url = client_of, address(version)
    assert told in client.post(url, {"composites": text}).content.decode()


def test_all_can_be_taken_away(client_of: Client, version: APIVersion):
    client, url = client_of, address(version)
    client.post(url, {"composites": STEPS})
    assert client.post(url, {"composites": ""}).status_code == 302
    assert version.revisions.first().composites == {}  # type: ignore[union-attr]


def test_every_step_is_in_both_drawings():
    steps: list[dict[str, Any]] = [{"name": f"s{n}", "call": "GET /", "after": []} for n in range(20)]
    composite, _ = read_composite("GET /x", {"steps": steps, "answer": {}}, Where("version", ""))
    assert all(str(draw_composite(composite)).count(f">s{n}<") == 2 for n in range(20))
    assert sentence_of(composite).startswith("GET /x: s0, s1")


def test_admins_see_what_composites_a_worker_has(log_in: LogIn, admin: User):
    gateway = enrolled_gateway().gateway
    now = timezone.now()
    stats = {"composites": 7, "composites_under_way": 2, "composites_not_undone": 1}
    Worker.objects.create(gateway=gateway, slot=0, pid=1, boot="x", started_at=now, seen_at=now, stats=stats)
    shown = log_in(admin).get("/console/admin/gateways").content.decode()
    assert "7 begun, 2 under way" in shown
    assert '<span class="is-danger">1 not undone</span>' in shown
