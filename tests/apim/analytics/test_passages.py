"""Passages: what calls met on their way, of which calls that is known, and that it costs the same at any traffic."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apim.analytics.passages import RECORDS, Passage, Sample, passage
from apim.analytics.questions import Question
from apim.analytics.windows import last
from apim.gateways.models import Gateway
from apim.usage.models import KeptTrace
from apim.usage.traces import keep_traces
from gateway_sync.trace_wire import PolicyMet
from gateway_sync.usage_wire import UsageCell
from tests.factories.gateways import enrolled_gateway
from tests.factories.traces import trace
from tests.factories.usage import batch, event, ingest

pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway() -> Gateway:
    return enrolled_gateway().gateway


def met(gateway: Gateway, operation: str | None = None) -> Passage:
    return passage(Question(["ver_1"], gateway.environment_id, operation=operation), last("1h", timezone.now()))


def call(gateway: Gateway, number: int, **fields: object) -> None:
    ingest(gateway=gateway, batch=batch(event(1, at=timezone.now(), **fields), boot=f"boot-{number}"))  # type: ignore[arg-type]


def test_of_nothing_nothing_is_told(gateway: Gateway) -> None:
    nothing = met(gateway)
    assert (nothing.calls, nothing.codes, nothing.service.p95_ms, nothing.admission.p95_ms) == (0, {}, None, None)
    assert nothing.by_kind == nothing.shadows == {}


def test_refusals_are_counted_by_code_those_of_nobody_included(gateway: Gateway) -> None:
    call(gateway, 1, status=429, code="rate-limited")
    call(gateway, 2, status=404)
    minute = int(timezone.now().timestamp()) // 60 * 60
    cell = UsageCell(minute, "GET /accounts", "ver_1", 401, "unauthenticated", 8)
    ingest(gateway=gateway, batch=batch(boot="cells", cells=(cell,), cells_id=1))
    found = met(gateway)
    assert (found.calls, found.codes) == (10, {"rate-limited": 1, "unauthenticated": 8})
    assert met(gateway, "GET /nothing").codes == {}


def test_the_time_of_the_service_is_of_calls_that_it_answered_in_this_environment(gateway: Gateway) -> None:
    for number in range(1, 21):
        call(gateway, number, duration_us=number * 1_000 + 500, upstream_us=number * 1_000)
    call(gateway, 30, status=429, code="rate-limited", duration_us=9_000_000, upstream_us=0)
    call(gateway, 31, operation="GET /other", duration_us=9_000_000, upstream_us=9_000_000)
    call(gateway, 32, version_id="ver_2", duration_us=9_000_000, upstream_us=9_000_000)
    found = met(gateway, "GET /accounts")
    assert (found.service.calls, found.service.p95_ms, found.beside.p95_ms) == (20, 19.0, 0.5)


def test_the_time_of_policies_is_of_traced_calls_there_and_back_together(gateway: Gateway) -> None:
    policies = [PolicyMet("route", "passed"), PolicyMet("limits", "passed", 40), PolicyMet("compression", "passed", 3),
                PolicyMet("compression", "changed", 80, is_answer=True),
                PolicyMet("path-rewrite", "unreached")]  # fmt: skip
    told = trace("0123456789abcdef-00000001", version_id="ver_1", operation="GET /accounts", policies=policies)
    keep_traces(gateway=gateway, traces=[told])
    KeptTrace.objects.update(at=timezone.now() - timedelta(minutes=1))
    found = met(gateway)
    assert (found.admission.us, dict(found.by_kind)) == ([40], {"compression": Sample([83])})
    assert found.replayable == [("0123456789abcdef-00000001", told.status)]
    assert met(gateway, "GET /other").replayable == []


def test_what_shadows_would_have_refused_is_of_the_calls_they_were_tried_on(gateway: Gateway) -> None:
    minute = int(timezone.now().timestamp()) // 60 * 60
    cells = tuple(
        UsageCell(minute, "GET /accounts", "ver_1", 0, f"shadow/size-limit/{done}", count)
        for done, count in (("passed", 6), ("refused", 2))
    )
    ingest(gateway=gateway, batch=batch(boot="cells", cells=cells, cells_id=1))
    assert met(gateway).shadows == {"size-limit": (8, 2)}


def test_it_costs_six_queries_and_looks_through_so_many_records_at_any_traffic(
    gateway: Gateway, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    now = timezone.now()
    many = [event(number, at=now) for number in range(1, RECORDS + 50)]
    for start in range(0, len(many), 500):
        ingest(gateway=gateway, batch=batch(*many[start : start + 500]))
    with django_assert_num_queries(6):
        assert met(gateway).service.calls == RECORDS
