"""What pages say about usage."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine

from apim.access.models import Subscription
from apim.audit.actor import system_actor
from apim.gateways.models import Gateway
from apim.gateways.services import default_environment, enroll_gateway
from apim.products.models import PlanVersion
from apim.usage import reports, sides, version_reports
from apim.usage.gauges import Gauge, quota_gauges
from apim.usage.periods import start_of
from apim.usage.reports import Scope, Span
from gateway_sync.usage_wire import UsageCell
from tests.factories.access import application, issued_key
from tests.factories.usage import NOON, batch, event, ingest

HOUR = Span(NOON - timedelta(hours=1), NOON + timedelta(minutes=1))
VERSION = Scope(version_ids=["ver_1"])


pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway() -> Gateway:
    return enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway


def test_totals_keep_refusals_errors_and_indeterminate_exchanges_apart(gateway: Gateway) -> None:
    ingest(
        gateway=gateway,
        batch=batch(
            event(1), event(2), event(3, status=429, code="rate-limited"), event(4, status=502), event(5, status=0)
        ),
    )
    totals = reports.totals(VERSION, HOUR)
    assert totals.calls == 4
    assert totals.by_status == {200: 2, 429: 1, 502: 1}
    assert (totals.refused, totals.errors, totals.indeterminate) == (1, 1, 1)


def test_a_scope_of_version_and_application_counts_what_meets_both(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(1), event(2, application="app_2"), event(3, version_id="ver_2")))
    assert reports.totals(Scope(["ver_1"], ["app_1"]), HOUR).calls == 1
    assert reports.totals(Scope(application_ids=["app_1"]), HOUR).calls == 2
    assert reports.totals(Scope(version_ids=[]), HOUR).calls == 0


def test_a_timeline_has_a_point_for_each_step_even_without_calls(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(1), event(2, at=NOON - timedelta(minutes=5), status=503)))
    points = reports.timeline(VERSION, HOUR)
    assert len(points) == 62  # the partial minutes at both ends are shown
    assert points[-2].by_class == {"2xx": 1}
    assert points[-7].by_class == {"5xx": 1}
    assert sum(point.calls for point in points) == 2


@pytest.mark.parametrize(
    ("length", "period"), [(timedelta(hours=1), "minute"), (timedelta(days=2), "hour"), (timedelta(days=30), "day")]
)
def test_a_longer_span_has_coarser_steps_and_the_same_calls(gateway: Gateway, length: timedelta, period: str) -> None:
    ingest(gateway=gateway, batch=batch(event(1)))
    span = Span(NOON - length, NOON + timedelta(minutes=1))
    assert span.period == period
    assert sum(point.calls for point in reports.timeline(VERSION, span)) == 1


def test_percentiles_come_from_the_merged_histogram(gateway: Gateway) -> None:
    slow = [event(seq, duration_us=500_000) for seq in range(1, 11)]
    fast = [event(seq, duration_us=2_000) for seq in range(11, 101)]
    ingest(gateway=gateway, batch=batch(*slow, *fast))
    told = reports.percentiles(VERSION, HOUR)
    assert told.p50_ms == pytest.approx(2, rel=0.2)
    assert told.p99_ms == pytest.approx(500, rel=0.2)


def test_anonymous_refusals_are_in_the_totals_but_belong_to_no_application(gateway: Gateway) -> None:
    minute = int(NOON.timestamp()) // 60 * 60
    cell = UsageCell(minute, "GET /accounts", "ver_1", 401, "unauthenticated", 7)
    ingest(gateway=gateway, batch=batch(event(1), cells=(cell,), cells_id=1))
    assert reports.totals(VERSION, HOUR).by_status == {200: 1, 401: 7}
    assert reports.calling_applications(VERSION, HOUR) == 1


def test_reports_on_many_versions_take_one_query(gateway: Gateway, django_assert_num_queries: object) -> None:
    ingest(gateway=gateway, batch=batch(*(event(seq, version_id=f"ver_{seq}") for seq in range(1, 30))))
    ids = [f"ver_{seq}" for seq in range(1, 31)]
    with django_assert_num_queries(2):  # type: ignore[operator]
        assert sum(total.calls for total in version_reports.totals_by_version(ids, HOUR).values()) == 29
        assert sum(map(sum, version_reports.calls_by_version(ids, HOUR).values())) == 29


def test_everything_together_is_read_in_one_row_a_step(gateway: Gateway) -> None:
    minute = int(NOON.timestamp()) // 60 * 60
    cell = UsageCell(minute, "", "", 401, "unauthenticated", 7)
    events = [event(1), event(2, version_id="ver_2", status=404), event(3, status=502, code="upstream-unreachable")]
    ingest(gateway=gateway, batch=batch(*events, cells=(cell,), cells_id=1))
    assert version_reports.totals_of_everything(HOUR) == (10, 8, 1)
    assert version_reports.totals_of_everything(reports.Span(NOON - timedelta(days=9), NOON - timedelta(days=8))) == (
        0, 0, 0,
    )  # fmt: skip


def gauge_of(quotas: list[dict[str, object]], timezone: str = "UTC", weights: dict[str, int] | None = None) -> Gauge:
    version = PlanVersion(quotas=quotas, timezone=timezone, weights=weights or {})
    subscription = Subscription(id="sub_1", plan_version=version)
    return quota_gauges([subscription])["sub_1"][0]


def test_a_gauge_counts_admitted_calls_only(gateway: Gateway) -> None:
    """Quota is charged on admission: an upstream's 429 was admitted, the gateway's own was not."""
    ingest(
        gateway=gateway,
        batch=batch(
            event(1),
            event(2, status=429, code="quota-exceeded"),
            event(3, status=429),
            event(4, status=502, code="upstream-unreachable"),
            event(5, status=0),
        ),
    )
    with time_machine.travel(NOON, tick=False):
        gauge = gauge_of([{"requests": 10, "per": "month"}])
    assert (gauge.used, gauge.limit, gauge.percent) == (3, 10, 30)
    assert gauge.resets_at == datetime.fromisoformat("2026-12-01T00:00:00+00:00")


def test_a_gauge_of_bytes_sums_bodies_and_one_of_units_what_operations_cost(gateway: Gateway) -> None:
    events = [
        event(1, request_bytes=300, response_bytes=700),
        event(2, operation="POST /transfers", response_bytes=1, request_bytes=0),
        event(3, operation="POST /transfers", status=429, code="quota-exceeded", response_bytes=90, request_bytes=0),
    ]
    ingest(gateway=gateway, batch=batch(*events))
    with time_machine.travel(NOON, tick=False):
        assert gauge_of([{"requests": 5000, "per": "day", "unit": "bytes"}]).used == 1001
        assert gauge_of([{"requests": 50, "per": "month", "unit": "units"}], weights={"POST /t*": 5}).used == 6


def test_a_gauge_forgets_the_last_window(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(1), event(2, at=NOON - timedelta(hours=1))))
    with time_machine.travel(NOON, tick=False):
        assert gauge_of([{"requests": 10, "per": "hour"}]).used == 1
        assert gauge_of([{"requests": 10, "per": "day"}]).used == 2


@pytest.mark.parametrize("per", ["hour", "day", "month"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_a_gauge_counts_each_call_since_its_window_began_whatever_sums_tell_it(
    gateway: Gateway, per: str, zone: str
) -> None:
    start = start_of(per, NOON, zone)
    moments = [start - timedelta(minutes=1), start, start + timedelta(minutes=1), NOON]
    ingest(gateway=gateway, batch=batch(*(event(seq, at=at) for seq, at in enumerate(moments, 1))))
    with time_machine.travel(NOON, tick=False):
        assert gauge_of([{"requests": 10, "per": per}], zone).used == 3


def test_a_day_begins_at_midnight_of_the_plans_zone(gateway: Gateway) -> None:
    before_midnight_in_tokyo = datetime.fromisoformat("2026-11-21T14:59:00+00:00")
    ingest(gateway=gateway, batch=batch(event(1, at=before_midnight_in_tokyo)))
    with time_machine.travel(before_midnight_in_tokyo + timedelta(minutes=2), tick=False):
        assert gauge_of([{"requests": 10, "per": "day"}], "Asia/Tokyo").used == 0
        assert gauge_of([{"requests": 10, "per": "day"}]).used == 1


def test_the_keys_of_an_application_are_told_the_busiest_first(gateway: Gateway) -> None:
    quiet, busy = (issued_key(application=app).credential for app in [application()] * 2)
    silent = issued_key(application=quiet.application).credential
    events = [event(seq, credential=busy.pk) for seq in range(1, 4)]
    refused = event(4, credential=quiet.pk, status=429, code="rate-limited")
    failed = event(5, credential=busy.pk, status=502, at=NOON - timedelta(days=1))
    ingest(gateway=gateway, batch=batch(*events, refused, failed))
    told = sides.credentials_of(quiet.application_id, HOUR)
    assert [(each.credential, each.calls, each.refused, each.errors) for each in told] == [
        (busy, 3, 0, 0),
        (quiet, 1, 1, 0),
    ]
    week = sides.credentials_of(quiet.application_id, Span(NOON - timedelta(days=8), NOON + timedelta(hours=1)))
    assert [(each.credential, each.calls, each.errors) for each in week] == [(busy, 4, 1), (quiet, 1, 0)]
    assert silent not in {each.credential for each in week}
