"""Found keys: revoked or warned of, told to their owners, audited; and keys that end soon."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from apim.access.ending import tell_of_ends
from apim.access.models import Application, Credential, LeakReport
from apim.access.services import create_credential, report_leak
from apim.accounts.models import APIToken, Organization, User
from apim.accounts.services import issue_token
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.notifications.models import Message
from apim.webhooks.models import Delivery
from apim.webhooks.services import create_endpoint
from tests.apim.access.conftest import Log
from tests.conftest import LogIn

pytestmark = pytest.mark.django_db

UNKNOWN = "apim_live_" + "0" * 38


def test_a_found_key_is_revoked_and_its_owners_are_told(
    shop: Application, developer: User, log: Log, by: Actor
) -> None:
    issued = create_credential(application=shop, by=by)
    text = f"export API_KEY='{issued.key}'  # {UNKNOWN}"
    assert report_leak(text=text, found_at="https://example.com/repository") == 1
    assert Credential.objects.get().state == "revoked"
    assert log.body("credential", issued.credential.key_hash) is None
    mail = Message.objects.get(to=developer.email)
    assert "https://example.com/repository" in mail.body
    assert issued.key not in mail.body
    assert developer.notifications.get().title == "A key of shop was found in public"
    assert AuditEvent.objects.filter(action="credential.leaked").get().after["outcome"] == "revoked"
    assert report_leak(text=text) == 0
    assert LeakReport.objects.count() == 1


def test_an_organization_may_choose_to_be_warned_only(shop: Application, developer: User, by: Actor) -> None:
    Organization.objects.update(on_leak="warn")
    issued = create_credential(application=shop, by=by)
    for _ in range(2):
        report_leak(text=issued.key)
    assert Credential.objects.get().state == "active"
    assert LeakReport.objects.get().outcome == "warned"
    assert Message.objects.filter(to=developer.email).count() == 1


def test_a_found_token_is_revoked(developer: User, by: Actor) -> None:
    issued = issue_token(user=developer, name="ci", scopes=["apis:read"], by=by)
    assert report_leak(text=issued.secret) == 1
    assert APIToken.objects.get().revoked_at is not None


def test_the_answer_is_the_same_for_known_and_unknown_keys(client: Client, shop: Application, by: Actor) -> None:
    issued = create_credential(application=shop, by=by)
    answers = [
        client.post("/leaks", {"key": key}, content_type="application/json") for key in (issued.key, UNKNOWN, "x")
    ]
    assert {(each.status_code, each.content) for each in answers} == {(202, b'{"received": true}')}
    assert Credential.objects.get().state == "revoked"
    pages = [client.post("/leaks", {"key": key}).content for key in (issued.key, UNKNOWN)]
    shown = [page.split(b"<main")[1].split(b"</main")[0] for page in pages]
    assert shown[0] == shown[1]


def test_halves_of_characters_keep_no_key_alive(client: Client, shop: Application, by: Actor) -> None:
    issued = create_credential(application=shop, by=by)
    body = {"key": issued.key, "found_at": "\ud800 here"}
    assert client.post("/leaks", body, content_type="application/json").status_code == 202
    assert Credential.objects.get().state == "revoked"
    assert LeakReport.objects.get().found_at == "? here"


@pytest.mark.parametrize(
    "body",
    ["[]", "{", '{"key": ""}', '{"key": "\\u0000"}', '{"found_at": "x"}', "[" * 5000],
    ids=["list", "broken", "empty", "nul", "without-key", "deep"],
)
def test_nonsense_is_refused_in_words(client: Client, body: str) -> None:
    answer = client.post("/leaks", body, content_type="application/json")
    assert answer.status_code == 400
    assert "key" in answer.json()["detail"]


def test_reports_are_bounded_by_size_and_number(client: Client) -> None:
    assert client.post("/leaks", {"key": "x" * 200_000}, content_type="application/json").status_code == 413
    statuses = [client.post("/leaks", {"key": UNKNOWN}, content_type="application/json").status_code for _ in range(31)]
    assert statuses[0] == 202
    assert statuses[-1] == 429


def test_admins_see_what_was_found(log_in: LogIn, admin: User, shop: Application, by: Actor) -> None:
    report_leak(text=create_credential(application=shop, by=by).key, found_at="<script>alert(1)</script>")
    shown = log_in(admin).get("/console/admin/security").content.decode()
    assert "&lt;script&gt;" in shown
    assert "Initech" in shown


def test_who_leads_an_organization_chooses_what_becomes_of_found_keys(
    log_in: LogIn, owner: User, developer: User, acme: Organization, initech: Organization
) -> None:
    log_in(owner).post("/my/organization/leaks", {"on_leak": "warn"})
    acme.refresh_from_db()
    assert acme.on_leak == "warn"
    assert log_in(developer).post("/my/organization/leaks", {"on_leak": "warn"}).status_code == 403
    initech.refresh_from_db()
    assert initech.on_leak == "revoke"


def test_a_key_that_ends_soon_is_told_of_at_each_notice_once(shop: Application, developer: User, by: Actor) -> None:
    create_endpoint(organization=shop.organization, url="https://example.com/hook", event_types=["key.expiring"], by=by)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        create_credential(application=shop, by=by, expires_at=timezone.now() + timedelta(days=30))
        create_credential(application=shop, by=by, expires_at=timezone.now() + timedelta(hours=12))
        create_credential(application=shop, by=by)
        told = []
        for _ in range(31):
            told.append(tell_of_ends() + tell_of_ends())
            clock.shift(timedelta(days=1))
    assert [day for day, count in enumerate(told) if count] == [16, 27, 29]
    assert Message.objects.filter(to=developer.email, subject__contains="ends soon").count() == 3
    assert developer.notifications.filter(kind="key", path=f"/my/apps/{shop.id}").count() == 3
    assert Delivery.objects.count() == 3
