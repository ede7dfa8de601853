"""Guards on the way of a version: notice before an end, who called by name, and what to type before it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.audit.models import AuditEvent
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.errors import Invalid
from apim.usage.models import CallerRollup, UsageRollup
from apim.usage.periods import start_of
from tests.conftest import LogIn
from tests.factories import access, catalog
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.usefixtures("environment")

URL = "/console/apis/bank/versions/v1"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def bank(acme: Organization) -> APIVersion:
    return catalog.published(of=catalog.api(organization=acme, name="bank"))


@pytest.fixture
def client(log_in: LogIn, owner: User) -> Client:
    return log_in(owner)


def call(version: APIVersion, name: str, calls: int) -> None:
    UsageRollup.objects.create(
        period="hour", at=timezone.now().replace(minute=0, second=0, microsecond=0), environment_id="env_1",
        version_id=version.id, operation="GET /accounts", status=200, calls=calls,
        application_id=access.application(name=name).id if name else "",
    )  # fmt: skip


def test_the_page_of_an_api_draws_its_versions_with_who_calls_each(client: Client, bank: APIVersion) -> None:
    catalog.draft(of=bank.api, name="v3")
    today = start_of("day", timezone.now())
    for number in range(2):
        CallerRollup.objects.create(
            period="day", at=today, environment_id="env_1", version_id=bank.id, application_id=f"app_{number}", calls=1
        )
    page = client.get("/console/apis/bank").content.decode()
    assert "2 applications called it in 7 days" in page
    assert page.count("applications call it</text>") == len(("wide", "narrow"))  # a draft has no life yet


def test_what_can_be_taken_back_says_where(client: Client, bank: APIVersion) -> None:
    for act, data, undo in (
        ("deprecate", {"deprecated_at": "2026-11-01"}, "reinstate"), ("block", {"reason": "A leak"}, "unblock")
    ):  # fmt: skip
        page = client.post(f"{URL}/{act}", data, follow=True).content.decode()
        assert f'<a class="button button--s" href="{URL}/{undo}">' in page
        client.post(f"{URL}/{undo}", follow=True)
    services.save_revision(version=bank, by=TESTER, policies=[{"size-limit": {"max": "1MiB"}}])
    page = client.post(f"{URL}/publish", follow=True).content.decode()
    assert f'<a class="button button--s" href="{URL}/rollback/1">' in page
    page = client.post(f"{URL}/rollback/1", follow=True).content.decode()
    assert f'<a class="button button--s" href="{URL}/rollback/2">' in page


def test_an_end_within_180_days_needs_a_reason_which_is_kept(client: Client, bank: APIVersion) -> None:
    dates = {"deprecated_at": "2026-11-01", "sunset_at": "2027-04-29"}  # 179 days
    refused = client.post(f"{URL}/deprecate", dates)
    assert refused.status_code == 422
    assert "Callers need 180 days from the deprecation to the end" in refused.content.decode()
    assert client.post(f"{URL}/deprecate", {**dates, "reason": "A fault that cannot be mended"}).status_code == 302
    assert AuditEvent.objects.get(action="version.deprecate").reason == "A fault that cannot be mended"


def test_180_days_need_none_and_other_changes_later_ask_for_none(bank: APIVersion) -> None:
    services.deprecate_version(
        version=bank, by=TESTER, deprecated_at=NOW, sunset_at=NOW + timedelta(days=180), reason="unasked"
    )
    assert AuditEvent.objects.get(action="version.deprecate").reason == ""
    sooner = NOW + timedelta(days=90)
    with pytest.raises(Invalid) as caught:
        services.deprecate_version(version=bank, by=TESTER, deprecated_at=NOW, sunset_at=sooner)
    assert (caught.value.code, caught.value.field) == ("catalog.sunset_too_soon", "sunset_at")
    services.deprecate_version(version=bank, by=TESTER, deprecated_at=NOW, sunset_at=sooner, reason="Told all")
    successor = catalog.published(of=bank.api, name="v2")
    services.deprecate_version(version=bank, by=TESTER, deprecated_at=NOW, sunset_at=sooner, successor=successor)
    assert bank.successor == successor


def test_a_retirement_names_who_called_in_the_last_days_and_has_to_be_typed(client: Client, bank: APIVersion) -> None:
    services.deprecate_version(version=bank, by=TESTER, deprecated_at=NOW)
    call(bank, "shop", 1200)
    call(bank, "till", 1)
    call(bank, "", 30)
    page = client.get(f"{URL}/retire").content.decode()
    assert "2 applications called it in the last 7 days." in page
    assert "1,200 calls." in page
    assert page.index("shop of ") < page.index("till of ")
    assert "30 calls without a known key." in page
    assert client.post(f"{URL}/retire", {"typed": "bank"}).status_code == 422
    assert client.post(f"{URL}/retire", {"typed": "bank v1"}).status_code == 302
    bank.refresh_from_db()
    assert bank.state == "retired"


def test_who_calls_most_is_named_and_the_rest_counted(client: Client, bank: APIVersion) -> None:
    for number in range(12):
        call(bank, f"shop-{number}", 100 - number)
    page = client.get(f"{URL}/block").content.decode()
    assert "shop-9 of" in page
    assert "shop-10 of" not in page
    assert "and 2 more applications." in page
