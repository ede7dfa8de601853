"""Ingestion counts each event once, whatever is repeated, reordered or interrupted.

Promises R6, B2, B9.
"""

from __future__ import annotations

import random
from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection
from django.db.models import Sum
from django.db.utils import Error as DatabaseError
from django.utils import timezone

from apim.audit.actor import system_actor
from apim.gateways.models import Gateway, Worker
from apim.gateways.services import default_environment, enroll_gateway
from apim.usage.models import LatencyRollup, ReceivedBoot, SideRollup, UsageRecord, UsageRollup, VersionRollup
from apim.usage.receiving import HandedIn
from apim.usage.reports import Scope, Span
from apim.usage.services import KEEP_RECORDS, ingest_all, purge
from apim.usage.shadows import shadow_counts
from gateway_sync.usage_wire import MOST_BYTES, UsageCell
from tests.factories.access import application, issued_key
from tests.factories.usage import NOON, batch, event, ingest

MINUTE = int(NOON.timestamp()) // 60 * 60


pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway() -> Gateway:
    return enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway


def calls(period: str, **dimensions: object) -> int:
    return UsageRollup.objects.filter(period=period, **dimensions).aggregate(sum=Sum("calls"))["sum"] or 0


def test_a_batch_is_stored_and_summed_by_minute_hour_and_day(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(1), event(2), event(3, status=429, code="rate-limited")))
    assert UsageRecord.objects.count() == 3
    for period in ("minute", "hour", "day"):
        assert calls(period, status=200) == 2
        assert calls(period, status=429, code="rate-limited") == 1
    assert UsageRollup.objects.get(period="hour", status=200).response_bytes == 200


def test_the_same_batch_again_changes_nothing(gateway: Gateway) -> None:
    first = batch(event(1), event(2))
    ingest(gateway=gateway, batch=first)
    ingest(gateway=gateway, batch=first)
    assert calls("minute") == 2
    assert LatencyRollup.objects.filter(period="minute").aggregate(sum=Sum("calls"))["sum"] == 2


def test_an_overlapping_batch_adds_only_what_is_new(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(1), event(2)))
    ingest(gateway=gateway, batch=batch(event(2), event(3)))
    assert UsageRecord.objects.count() == calls("day") == 3


def test_shuffled_repeats_leave_the_sums_of_one_delivery(gateway: Gateway) -> None:
    """B2, in small."""
    batches = [batch(*(event(seq) for seq in range(start, start + 20))) for start in range(1, 401, 20)] * 5
    random.Random(7).shuffle(batches)  # noqa: S311 - a repeatable order, no secret
    for each in batches:
        ingest(gateway=gateway, batch=each)
    assert UsageRecord.objects.count() == calls("minute") == calls("hour") == calls("day") == 400


def test_two_boots_with_the_same_numbers_are_two_gateways_worth_of_calls(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(1), boot="one"))
    ingest(gateway=gateway, batch=batch(event(1), boot="two"))
    assert calls("minute") == 2


def test_what_shadow_policies_would_have_done_is_kept_apart_from_calls(gateway: Gateway) -> None:
    cells = [
        UsageCell(MINUTE, "GET /accounts", "ver_1", 0, f"shadow/rate-limit/{done}", count)
        for done, count in (("passed", 90), ("refused", 10))
    ]
    ingest(gateway=gateway, batch=batch(cells=cells, cells_id=1))
    span = Span(NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    counts = shadow_counts(Scope(version_ids=["ver_1"]), span)
    assert counts["rate-limit"].sentence == "would have refused 10 of 100 calls"
    assert calls("minute") == 0


def test_anonymous_cells_are_added_once(gateway: Gateway) -> None:
    cell = UsageCell(MINUTE, "GET /accounts", "ver_1", 401, "unauthenticated", 500)
    for _ in range(3):
        ingest(gateway=gateway, batch=batch(cells=(cell,), cells_id=9))
    ingest(gateway=gateway, batch=batch(cells=(cell,), cells_id=10))
    assert calls("minute", status=401) == 1000
    assert UsageRecord.objects.count() == 0


def test_an_indeterminate_exchange_has_no_latency_and_no_status(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(1, status=0)))
    assert UsageRecord.objects.get().is_indeterminate
    assert UsageRollup.objects.completed().count() == 0
    assert LatencyRollup.objects.count() == 0


def test_a_failure_half_way_leaves_neither_records_nor_sums(gateway: Gateway) -> None:
    def rename(old: str, new: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")

    rename("usage_latencyrollup", "elsewhere")  # a real fault: the last table that ingestion writes is gone
    with pytest.raises(DatabaseError):
        ingest(gateway=gateway, batch=batch(event(1)))
    rename("elsewhere", "usage_latencyrollup")
    assert UsageRecord.objects.count() == calls("minute") == 0
    ingest(gateway=gateway, batch=batch(event(1)))
    assert UsageRecord.objects.count() == calls("minute") == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_deliveries_of_the_same_events_count_once() -> None:
    gateway = enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway
    each = batch(*(event(seq) for seq in range(1, 101)))

    def deliver() -> None:
        try:
            ingest(gateway=gateway, batch=each)
        finally:
            connection.close()

    threads = [Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert UsageRecord.objects.count() == calls("minute") == calls("day") == 100


def test_purge_keeps_what_is_young_and_what_is_summed(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(1), event(2, at=NOON + timedelta(hours=12))))
    deleted = purge(now=NOON + KEEP_RECORDS + timedelta(hours=12, minutes=30))
    assert deleted > 0
    assert list(UsageRecord.objects.values_list("seq", flat=True)) == [2]
    assert calls("hour") == calls("day") == 2


def test_ingestion_takes_a_constant_number_of_queries(gateway: Gateway, django_assert_max_num_queries: object) -> None:
    counted: list[int] = []
    ingest(gateway=gateway, batch=batch(event(1)))  # a boot is looked for among older records once
    for start, size in ((2, 5), (1001, 500)):
        with django_assert_max_num_queries(20) as captured:  # type: ignore[operator]
            ingest(gateway=gateway, batch=batch(*(event(seq) for seq in range(start, start + size))))
        counted.append(len(captured))
    assert counted[0] == counted[1]


def test_operation_with_a_very_long_path_holds_up_nobody(gateway: Gateway) -> None:
    operation = f"GET /{'a' * 1000}/{{id}}"
    cells = (
        UsageCell(MINUTE, operation, "ver_1", 401, "unauthenticated", 2),
        UsageCell(MINUTE, operation, "ver_1", 401, "c" * 80, 5),
    )
    ingest(gateway=gateway, batch=batch(event(1, operation=operation), event(2), cells=cells, cells_id=1))
    assert calls("day", operation=operation[:255]) == 8
    assert calls("day") == 9


def test_any_text_that_a_caller_sends_is_stored_as_it_came(gateway: Gateway) -> None:
    texts = ['a"b', "a\\", "{x,y}", "NULL", "", " blank ", "a\n\t\x1fb", "ü%s'"]
    events = [event(seq, path=text, client_request_id=text) for seq, text in enumerate(texts, start=1)]
    ingest(gateway=gateway, batch=batch(*events))
    stored = UsageRecord.objects.order_by("seq").values_list("path", "client_request_id", "at")
    assert list(stored) == [(text, text, NOON) for text in texts]


def test_calls_of_several_minutes_fall_into_their_periods(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(*(event(seq, at=NOON + timedelta(minutes=20 * seq)) for seq in range(1, 7))))
    assert [UsageRollup.objects.filter(period=period).count() for period in ("minute", "hour", "day")] == [6, 3, 1]
    assert [calls(period) for period in ("minute", "hour", "day")] == [6, 6, 6]
    assert UsageRollup.objects.get(period="day").request_bytes == 60
    assert LatencyRollup.objects.get(period="day").calls == 6


def test_keys_are_remembered_by_their_newest_use(gateway: Gateway) -> None:
    credential = issued_key(application=application()).credential
    later = event(1, at=NOON + timedelta(minutes=5), credential=credential.id)
    ingest(gateway=gateway, batch=batch(later, event(2, credential=credential.id)))
    credential.refresh_from_db()
    assert credential.last_used_at == NOON + timedelta(minutes=5)


def test_a_repeat_is_known_when_its_records_are_gone(gateway: Gateway) -> None:
    each = batch(event(1), event(2))
    ingest(gateway=gateway, batch=each)
    purge(now=NOON + KEEP_RECORDS + timedelta(days=1))
    ingest(gateway=gateway, batch=each)
    assert UsageRecord.objects.count() == 0
    assert calls("hour") == calls("day") == 2


def test_what_an_earlier_release_stored_without_noting_numbers_counts_once(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(1), event(2), event(3)))
    ReceivedBoot.objects.all().delete()  # an earlier release noted none
    ingest(gateway=gateway, batch=batch(event(2), event(3), event(4)))
    assert UsageRecord.objects.count() == calls("day") == 4
    ReceivedBoot.objects.update(received="1-2")  # one that took in 3 and 4 meanwhile, beside this one
    ingest(gateway=gateway, batch=batch(event(3), event(4), event(5)))
    assert UsageRecord.objects.count() == calls("day") == 5
    assert ReceivedBoot.objects.get().received == "1-5"


def test_a_gap_is_noted_until_it_is_filled(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(1)))
    ingest(gateway=gateway, batch=batch(event(3)))
    row = ReceivedBoot.objects.get()
    assert row.received == "1,3"
    assert row.gap_since is not None
    ingest(gateway=gateway, batch=batch(event(2)))
    row.refresh_from_db()
    assert (row.received, row.gap_since) == ("1-3", None)


def test_numbers_that_may_have_been_let_go_before_they_were_noted_are_no_gap(gateway: Gateway) -> None:
    Gateway.objects.update(enrolled_at=timezone.now() - timedelta(days=30))
    ingest(gateway=gateway, batch=batch(event(5), event(6)))  # of a worker that nobody knows to be young
    row = ReceivedBoot.objects.get()
    assert (row.received, row.gaps_from, row.gap_since) == ("5-6", 5, None)
    ingest(gateway=gateway, batch=batch(event(8)))
    assert ReceivedBoot.objects.get().gap_since is not None
    ingest(gateway=gateway, batch=batch(event(3), event(7)))  # set aside before; it counts as ever
    assert ReceivedBoot.objects.get().gap_since is None
    assert calls("day") == 5


def test_what_an_earlier_release_stored_has_no_gaps_where_days_were_let_go(gateway: Gateway) -> None:
    Gateway.objects.update(enrolled_at=timezone.now() - timedelta(days=30))
    ingest(gateway=gateway, batch=batch(event(5)))
    ingest(gateway=gateway, batch=batch(event(7)))
    ReceivedBoot.objects.all().delete()  # 6 began the day before 5 did, and ended after it
    ingest(gateway=gateway, batch=batch(event(8)))
    row = ReceivedBoot.objects.get()
    assert (row.received, row.gaps_from, row.gap_since) == ("5,7-8", 8, None)


def test_the_first_numbers_of_a_young_worker_are_missed(gateway: Gateway) -> None:
    Gateway.objects.update(enrolled_at=timezone.now() - timedelta(days=30))
    now = timezone.now()
    Worker.objects.create(gateway=gateway, slot=0, pid=1, boot="boot-1", started_at=now, seen_at=now)
    ingest(gateway=gateway, batch=batch(event(5)))
    row = ReceivedBoot.objects.get()
    assert (row.boot, row.gaps_from, row.gap_since is None) == ("boot-1", 1, False)


def test_batches_of_several_gateways_taken_in_together_count_as_one_by_one(gateway: Gateway) -> None:
    other = enroll_gateway(environment=gateway.environment, name="other", by=system_actor("test")).gateway
    cell = UsageCell(MINUTE, "GET /accounts", "ver_1", 401, "unauthenticated", 5)
    each = batch(event(1), event(2), cells=(cell,), cells_id=1)
    ingest_all([HandedIn(gateway, each), HandedIn(other, each), HandedIn(gateway, each)])
    assert UsageRecord.objects.count() == 4
    assert calls("hour") == calls("day") == 14
    sides = {(row.side, row.identifier): row for row in SideRollup.objects.filter(period="hour")}
    assert sides["credential", "crd_1"].answered == 4
    assert not SideRollup.objects.filter(period="minute").exists()
    of_gateways = [sides["gateway", each.pk] for each in (gateway, other)]
    assert [(row.calls, row.answered, row.refused) for row in of_gateways] == [(7, 2, 5), (7, 2, 5)]


def test_a_sum_that_is_full_holds_up_nobodys_usage(gateway: Gateway) -> None:
    """Who has a gateway's credential can tell of bytes that nobody sent, hour after hour."""
    other = enroll_gateway(environment=default_environment(), name="other", by=system_actor("test")).gateway
    ingest(gateway=gateway, batch=batch(event(1, request_bytes=MOST_BYTES)))
    for table in (UsageRollup, VersionRollup):
        table.objects.update(request_bytes=2**63 - 5)  # what 110 batches of the largest records make of it
    ingest(gateway=other, batch=batch(event(1)))
    rows = UsageRollup.objects.filter(period="day")
    assert (rows.get().calls, rows.get().request_bytes, rows.get().response_bytes) == (2, 2**63 - 5, 200)
