"""PostgreSQL finds records by its indexes, whatever language its texts are sorted by, and takes none in twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from apim.audit.actor import system_actor
from apim.gateways.models import Gateway
from apim.gateways.services import default_environment, enroll_gateway
from apim.usage.models import ReceivedBoot, UsageRecord
from tests.factories.usage import batch, event, ingest

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]  # SQLite keeps records in one table


@pytest.fixture
def gateway() -> Gateway:
    return enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway


def plan(rows: QuerySet[UsageRecord]) -> str:
    """How the newest of the rows are found in a table that is too large to be read."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    return str(rows.explain())


def test_pages_find_records_by_request_application_version_and_time(gateway: Gateway) -> None:
    now = timezone.now()
    ingest(gateway=gateway, batch=batch(*(event(seq, at=now - timedelta(seconds=seq)) for seq in range(1, 50))))
    part = f"usage_usagerecord_{now:%Y%m%d}"
    log = UsageRecord.objects.newest_first()
    assert f"{part}_once" in plan(UsageRecord.objects.filter(request_id="boot-1-00000003"))
    assert "request_id)::text = 'boot-1-00000003'" in plan(UsageRecord.objects.filter(request_id="boot-1-00000003"))
    for rows, wanted in (
        (log.filter(application_id="app_1"), "application_id)::text = 'app_1'"),
        (log.filter(version_id="ver_1", status__gte=400), "version_id)::text = 'ver_1'"),
        (log.filter(version_id__in=["ver_1", "ver_2"]), "version_id)::text = ANY"),
    ):
        told = plan(rows[:20])
        assert f"Index Cond: (({wanted}" in told
    assert "Index Scan Backward using" in plan(log.filter(at__gte=now - timedelta(days=1))[:20])


def test_new_days_have_the_keys_of_the_table(gateway: Gateway) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT inhparent) FROM pg_inherits"
            " JOIN pg_index ON indexrelid = inhrelid AND indisvalid"
            " WHERE inhparent IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'usage_usagerecord'::regclass)"
        )
        of_parts, keys = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'usage_usagerecord'::regclass")
        (parts,) = cursor.fetchone()
    assert keys == 4
    assert of_parts == keys * parts


def test_the_numbers_of_a_boot_that_nobody_noted_are_found_among_its_records(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(1), event(2), boot="a" * 32))
    ingest(gateway=gateway, batch=batch(event(1), event(2), boot="%_" * 16))
    ReceivedBoot.objects.all().delete()  # a release that noted none took them in
    ingest(gateway=gateway, batch=batch(event(2), event(3), boot="a" * 32))
    ingest(gateway=gateway, batch=batch(event(1), event(2), event(3), boot="%_" * 16))
    assert sorted(UsageRecord.objects.values_list("boot", "seq")) == [
        *(("%_" * 16, seq) for seq in (1, 2, 3)), *(("a" * 32, seq) for seq in (1, 2, 3))
    ]  # fmt: skip


def test_gateways_may_have_boots_that_begin_alike(gateway: Gateway) -> None:
    other = enroll_gateway(environment=default_environment(), name="other", by=system_actor("test")).gateway
    for each in (gateway, other):
        ingest(gateway=each, batch=batch(event(1), boot="a" * 32))
    assert UsageRecord.objects.count() == 2
