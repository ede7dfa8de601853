"""Days of PostgreSQL: made ahead, filled by rows that came before, dropped whole when they are over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apim.audit.actor import system_actor
from apim.gateways.services import default_environment, enroll_gateway
from apim.platform.storage import sizes
from apim.usage.models import UsageRecord
from apim.usage.records import days
from apim.usage.records.database import DatabaseLog
from tests.factories.usage import batch, event, ingest

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]  # SQLite keeps records in one table


def take_in(*moments: datetime) -> None:
    gateway = enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway
    ingest(gateway=gateway, batch=batch(*(event(seq, at=at) for seq, at in enumerate(moments, 1))))


def places() -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, tableoid::regclass::text FROM usage_usagerecord")
        return dict(cursor.fetchall())


def test_days_are_there_before_they_begin_and_take_what_came_for_them() -> None:
    today = days.start_of_day(timezone.now())
    edge = today + timedelta(days=9)
    take_in(today, edge - timedelta(microseconds=1), edge, edge + timedelta(days=1))
    assert places() == {1: f"usage_usagerecord_{today:%Y%m%d}"} | dict.fromkeys((2, 3, 4), "usage_usagerecord_others")
    made = days.prepare(ahead=9)
    assert f"usage_usagerecord_{edge:%Y%m%d}" in made
    assert days.prepare(ahead=9) == []
    before = edge - timedelta(days=1)
    assert places() == {
        1: f"usage_usagerecord_{today:%Y%m%d}", 2: f"usage_usagerecord_{before:%Y%m%d}",
        3: f"usage_usagerecord_{edge:%Y%m%d}", 4: "usage_usagerecord_others",
    }  # fmt: skip
    assert [each.seq for each in UsageRecord.objects.newest_first()] == [4, 3, 2, 1]


def test_a_day_that_is_over_is_dropped_and_what_lies_elsewhere_is_deleted() -> None:
    now = timezone.now()
    take_in(now - timedelta(days=100), now - timedelta(days=8), now - timedelta(days=7), now)
    assert DatabaseLog().count_before(now - timedelta(days=7), 9) == 2
    old = f"usage_usagerecord_{now - timedelta(days=8):%Y%m%d}"
    assert old in {part.name for part in days.parts()}
    DatabaseLog().purge(now - timedelta(days=7))
    assert old not in {part.name for part in days.parts()}
    assert sorted(UsageRecord.objects.values_list("seq", flat=True)) == [3, 4]


def test_the_size_of_the_table_is_that_of_its_days() -> None:
    take_in(timezone.now())
    size = sizes([UsageRecord])["usage_usagerecord"]
    assert size.bytes
    assert size.bytes > 8192 * 10
