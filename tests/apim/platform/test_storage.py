"""Storage: sizes, settings within bounds, and what goes when its time is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.audit.models import AuditEvent
from apim.audit.services import record
from apim.billing.models import StripeEvent
from apim.errors import DomainError
from apim.notifications.models import Message
from apim.platform.models import RetentionRule
from apim.platform.storage import FAMILIES, days_kept, preview, purge_expired, set_retention, sizes
from apim.platform.storage.families import fixed_families
from apim.usage.models import RecordFile, UsageRecord, UsageRollup
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db


def message(days: int) -> Message:
    """A mail that was written so many days ago."""
    made = Message.objects.create(to="a@example.com", subject=f"{days} days", body="")
    Message.objects.filter(pk=made.pk).update(created_at=timezone.now() - timedelta(days=days))
    return made


def rollup(days: int, period: str) -> None:
    UsageRollup.objects.create(
        period=period, at=timezone.now() - timedelta(days=days), environment_id="env_1", status=200, calls=1
    )


def test_every_family_has_a_default_within_its_bounds() -> None:
    assert all(family.least <= family.days <= family.most for family in FAMILIES)
    assert days_kept() == {family.name: family.days for family in FAMILIES}
    assert next(family for family in FAMILIES if family.name == "audit").most > 7 * 365
    least = {family.name: family.least for family in FAMILIES}
    assert (least["records"], least["minutes"]) == (
        7,
        7,
    )  # what gateways repeat is known by the ones, billed by the others


def test_what_is_over_goes_and_the_rest_stays(acme: Organization) -> None:
    record(by=TESTER, action="old", target=acme)
    AuditEvent.objects.update(at=timezone.now() - timedelta(days=3000))
    record(by=TESTER, action="new", target=acme)
    old, young = message(200), message(100)
    for days, period in ((5, "minute"), (8, "minute"), (80, "hour"), (100, "hour"), (500, "day"), (800, "day")):
        rollup(days, period)
    now = timezone.now()
    StripeEvent.objects.create(id="evt_1", mode="test", type="x", body="{}", created_at=now - timedelta(days=2000))
    expected = preview(days_kept(), now=now)

    assert expected["messages"] == 1
    assert (expected["minutes"], expected["hours"], expected["days"]) == (1, 1, 1)
    purge_expired(now=now)

    assert list(Message.objects.values_list("pk", flat=True)) == [young.pk] != [old.pk]
    assert UsageRollup.objects.count() == 3
    assert not AuditEvent.objects.filter(action="old").exists()
    assert AuditEvent.objects.filter(action="new").exists()
    assert AuditEvent.objects.filter(action="retention.purge").count() == 2
    assert StripeEvent.objects.count() == 1
    assert purge_expired(now=now) == 0


def test_a_setting_outside_its_bounds_is_refused_and_one_within_holds() -> None:
    with pytest.raises(DomainError, match="Audit log: 30 days is not from 365"):
        set_retention(days={"audit": 30, "messages": 100}, by=TESTER)
    assert not RetentionRule.objects.exists()
    assert set_retention(days={"messages": 20}, by=TESTER)["messages"] == 20
    message(21)
    purge_expired(now=timezone.now())
    assert not Message.objects.exists()
    event = AuditEvent.objects.get(action="retention.set")
    assert (event.before, event.after) == ({"days": 180}, {"days": 20})


def test_sizes_are_told_of_every_table() -> None:
    models = {model for family in FAMILIES for model in family.models}
    models |= {model for family in fixed_families() for model in family.models}
    message(1)
    assert sizes(models).keys() == {model._meta.db_table for model in models}
    assert sizes([Message])[Message._meta.db_table].rows in {0, 1}  # an estimate where the database has one


def test_the_page_shows_what_would_be_deleted_before_it_deletes(admin: User) -> None:
    client = Client()
    client.force_login(admin)
    message(30)
    wanted = days_kept() | {"messages": 20}
    assert client.get("/console/admin/storage").status_code == 200
    shown = client.post("/console/admin/storage", wanted | {"preview": "1"})
    assert b"Would be deleted" in shown.content
    assert next(row["goes"] for row in shown.context["rows"] if row["family"].name == "messages") == 1
    assert client.post("/console/admin/storage", wanted | {"save": "1"}).status_code == 422
    assert client.post("/console/admin/storage", wanted | {"save": "1", "is_seen": "on"}).status_code == 302
    assert days_kept()["messages"] == 20
    assert client.post("/console/admin/storage", wanted | {"audit": "1", "save": "1"}).status_code == 422


def test_files_of_records_count_beside_the_rows(admin: User) -> None:
    now = timezone.now()
    RecordFile.objects.create(name="a.parquet", first_at=now, last_at=now, records=7_000, bytes=9, made_at=now)
    client = Client()
    client.force_login(admin)
    rows = client.get("/console/admin/storage").context["rows"]
    assert next(row["size"].rows for row in rows if row["family"].name == "records") == 7_000


def test_the_page_costs_the_same_queries_for_few_and_many(admin: User) -> None:
    client = Client()
    client.force_login(admin)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get("/console/admin/storage")
        return len(captured)

    few = queries()
    for days in range(5):
        message(days)
    assert UsageRecord.objects.count() == 0
    assert queries() == few
