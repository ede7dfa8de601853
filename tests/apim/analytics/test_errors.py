"""Errors by what they were: the same numbers as the calls themselves, by few statements."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apim.analytics import errors
from apim.analytics.errors import ErrorGroup, details, top_errors
from apim.analytics.questions import Question
from apim.analytics.windows import last
from apim.gateways.models import Gateway
from gateway_sync.usage_wire import UsageCell
from tests.factories.gateways import enrolled_gateway
from tests.factories.usage import NOON, batch, event, ingest

pytestmark = pytest.mark.django_db

NOW = NOON + timedelta(minutes=20)
DAY = last("24h", NOW)
EVERYTHING = Question(None)
FAILED = ErrorGroup("ver_1", "GET /cards", 500, "")
LIMITED = ErrorGroup("ver_1", "GET /accounts", 429, "rate-limited")
UNMET = ErrorGroup("", "", 404, "not-found")
GONE = ErrorGroup("ver_9", "", 500, "")


@pytest.fixture
def gateway() -> Gateway:
    """A gateway that told of errors of two applications, now and yesterday, and of some of nobody."""
    found = enrolled_gateway().gateway
    cell = UsageCell(int(NOON.timestamp()) // 60 * 60, "", "", 404, "not-found", 5)
    yesterday = NOON - timedelta(hours=30)
    ingest(
        gateway=found,
        batch=batch(
            event(1),
            event(2, status=500, operation="GET /cards"),
            event(3, status=500, operation="GET /cards", application="app_2"),
            event(4, status=500, operation="GET /cards", at=NOON - timedelta(hours=2)),
            event(5, status=500, operation="GET /cards", at=yesterday, application="app_3"),
            event(6, status=429, code="rate-limited", at=NOON - timedelta(hours=2)),
            event(7, status=429, operation="GET /cards"),  # of the service: another group, of the same status
            event(8, status=404, operation="GET /cards"),
            cells=(cell,),
            cells_id=1,
        ),
    )
    return found


@pytest.mark.usefixtures("gateway")
def test_groups_are_by_version_operation_status_and_code_the_largest_first() -> None:
    told = top_errors(EVERYTHING, DAY.now(), 20)
    assert list(told.items())[:2] == [(UNMET, 5), (FAILED, 3)]
    assert (told[LIMITED], told["ver_1", "GET /cards", 429, ""], len(told)) == (1, 1, 5)
    assert list(top_errors(EVERYTHING, DAY.now(), 1)) == [UNMET]


@pytest.mark.usefixtures("gateway")
def test_a_group_tells_its_steps_whom_it_hit_and_what_it_was_before() -> None:
    told = details(EVERYTHING, DAY, [FAILED, UNMET, LIMITED, GONE])
    assert [(each.before, each.callers, sum(each.steps)) for each in told.values()] == [
        (1, 2, 3), (0, 0, 5), (0, 1, 1), (0, 0, 0),
    ]  # fmt: skip
    assert (told[FAILED].steps[-3:], told[LIMITED].steps[-3:]) == ([1, 0, 2], [1, 0, 0])


@pytest.mark.usefixtures("gateway")
def test_a_group_is_of_the_calls_that_are_asked_for_alone() -> None:
    assert details(EVERYTHING.of(application_id="app_2"), DAY, [FAILED])[FAILED].callers == 1
    nothing = details(Question(["ver_2"]), DAY, [FAILED])[FAILED]  # of a version that one may not see
    assert (nothing.before, nothing.callers, sum(nothing.steps)) == (0, 0, 0)


@pytest.mark.usefixtures("gateway")
def test_details_of_more_groups_than_a_statement_takes_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [FAILED, UNMET, LIMITED, GONE]
    whole = details(EVERYTHING, DAY, groups)
    monkeypatch.setattr(errors, "_AT_ONCE", 3)
    assert details(EVERYTHING, DAY, groups) == whole


@pytest.mark.usefixtures("gateway")
def test_details_are_read_by_one_statement_and_of_no_group_by_none() -> None:
    with CaptureQueriesContext(connection) as asked:
        details(EVERYTHING, DAY, [FAILED, UNMET])
    assert len(asked) == 1
    with CaptureQueriesContext(connection) as asked:
        assert details(EVERYTHING, DAY, []) == {}
    assert len(asked) == 0


@pytest.mark.parametrize("number", [1, 3, 20])
def test_the_largest_are_found_among_more_versions_than_are_looked_into_first(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    many = [  # one version has the most errors, in small groups; others have fewer, in larger ones
        *(event(100 + n, version_id="ver_0", operation=f"GET /{n}", status=404) for n in range(9)),
        *(event(200 + n, version_id=f"ver_{n % 4 + 3}", status=500) for n in range(16)),
    ]
    ingest(gateway=gateway, batch=batch(*many, boot="many"))
    whole = list(top_errors(EVERYTHING, DAY.now(), 100).items())
    monkeypatch.setattr(errors, "_LIKELY", 2)
    assert list(top_errors(EVERYTHING, DAY.now(), number).items()) == whole[:number]
