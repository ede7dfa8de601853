"""Answers to questions: the same numbers by whichever roll-ups they are read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apim.access.models import Subscription
from apim.analytics import reading
from apim.analytics.errors import ErrorGroup, details
from apim.analytics.figures import Ends, Group, Spread, all_of, change_of
from apim.analytics.questions import Question
from apim.analytics.ways import largest_callers, largest_ways
from apim.analytics.windows import LENGTHS, last
from apim.audit.actor import system_actor
from apim.gateways.models import Gateway
from apim.gateways.services import default_environment, enroll_gateway
from gateway_sync.usage_wire import UsageCell
from tests.factories import access, catalog, products
from tests.factories.usage import NOON, batch, event, ingest

pytestmark = pytest.mark.django_db

NOW = NOON + timedelta(minutes=20)
DAY, MONTH = last("24h", NOW), last("30d", NOW)
EVERYTHING = Question(None)
VERSION = Question(["ver_1"])


@pytest.fixture
def gateway() -> Gateway:
    """A gateway that told of calls of two versions, now and yesterday."""
    found = enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway
    minute = int(NOON.timestamp()) // 60 * 60
    cell = UsageCell(minute, "", "", 404, "not-found", 5)
    events = [
        event(1),
        event(2, application="app_2", duration_us=900_000),
        event(3, status=429, code="rate-limited"),
        event(4, status=404, operation="GET /cards"),
        event(5, status=500, operation="GET /cards"),
        event(6, status=502, code="upstream-unreachable"),
        event(7, status=0),
        event(8, version_id="ver_2"),
        event(9, at=NOON - timedelta(hours=30)),
        event(10, at=NOON - timedelta(hours=30), status=503),
    ]
    ingest(gateway=found, batch=batch(*events, cells=(cell,), cells_id=1))
    return found


@pytest.mark.usefixtures("gateway")
def test_totals_are_the_same_by_version_and_by_operation_and_caller() -> None:
    told = reading.totals(VERSION, DAY.now())
    assert told == Ends(answered=2, rejected=1, failed=1, refused=1, unreached=1, lost=1)
    assert (told.calls, told.client_errors, told.server_errors) == (6, 2, 2)
    by_operation = reading.by(VERSION, DAY.now(), "operation")
    assert sum(by_operation.values(), Ends()) == told
    assert sum(reading.by_version(EVERYTHING, DAY.now()).values(), Ends()) == reading.totals(EVERYTHING, DAY.now())


@pytest.mark.usefixtures("gateway")
def test_what_met_no_version_and_no_application_is_a_group_of_its_own() -> None:
    assert reading.by_version(EVERYTHING, DAY.now())[""] == Ends(refused=5)
    assert reading.by(EVERYTHING, DAY.now(), "application_id")[""] == Ends(refused=5)
    assert reading.totals(Question(None, application_id=""), DAY.now()) == Ends(refused=5)


@pytest.mark.usefixtures("gateway")
def test_a_step_holds_its_calls_and_empty_ones_are_there() -> None:
    steps = reading.steps(VERSION, DAY)
    assert len(steps) == 24
    assert steps[-1].ends.calls == 6
    assert sum(step.ends.calls for step in steps) == 6
    assert sum(step.ends.calls for step in reading.steps(VERSION, MONTH)) == 8


@pytest.mark.usefixtures("gateway")
def test_filters_narrow_what_is_counted() -> None:
    assert reading.totals(VERSION.of(operation="GET /cards"), DAY.now()) == Ends(rejected=1, failed=1)
    assert reading.totals(VERSION.of(application_id="app_2"), DAY.now()) == Ends(answered=1)
    assert reading.totals(VERSION.of(code="rate-limited"), DAY.now()) == Ends(refused=1)
    assert reading.totals(VERSION.of(status=500), DAY.now()) == Ends(failed=1)
    assert reading.totals(VERSION.of(environment_id="another"), DAY.now()) == Ends()
    assert reading.totals(Question([]), DAY.now()) == Ends()


def test_calls_of_a_product_are_those_of_its_subscriptions_and_of_a_plan_those_made_under_it(gateway: Gateway) -> None:
    version = catalog.published()
    plan = products.plan(organization=version.api.organization)
    product = products.product(version=version, plans=[plan], name="bank-access")
    access.subscription(application=access.application(), product=product, plan=plan)
    subscription = Subscription.objects.get()
    made = event(1, subscription=subscription.id, plan=subscription.plan_version_id)
    ingest(gateway=gateway, batch=batch(made, boot="two"))
    assert reading.totals(EVERYTHING.of(product_id=product.id), DAY.now()).calls == 1
    assert reading.totals(EVERYTHING.of(plan_id=plan.id), DAY.now()).calls == 1
    assert reading.totals(EVERYTHING.of(plan_id="pln_other"), DAY.now()).calls == 0
    assert reading.totals(EVERYTHING.of(product_id=""), DAY.now()) == Ends(refused=5)


@pytest.mark.usefixtures("gateway")
def test_percentiles_come_of_spreads_added_up() -> None:
    whole = reading.spread(VERSION, DAY.now())
    assert whole.calls == 6
    assert all_of(reading.spreads(VERSION, DAY)) == whole
    assert reading.spread(EVERYTHING, DAY.now()).calls == 7
    assert reading.spread(VERSION.of(application_id="app_2"), DAY.now()).within(0.5) == pytest.approx(900, rel=0.1)
    assert Spread().within(0.5) is None
    assert not VERSION.of(plan_id="pln_1").has_latency


@pytest.mark.usefixtures("gateway")
def test_groups_are_compared_to_the_stretch_before() -> None:
    now, before = reading.by_version(EVERYTHING, DAY.now()), reading.by_version(EVERYTHING, DAY.before())
    first, *rest = reading.compared(now, before)
    assert (first.key, first.ends.calls, first.before.calls, first.change) == ("ver_1", 6, 2, 2.0)
    assert {group.key for group in rest} == {"", "ver_2"}
    assert Group("new", Ends(answered=1), Ends()).change is None
    assert change_of(None, 3) is None


@pytest.mark.usefixtures("gateway")
def test_versions_are_grouped_by_what_owns_them() -> None:
    sums = reading.by_version(EVERYTHING, DAY.now())
    assert reading.grouped(sums, {"ver_1": "api", "ver_2": "api"})["api"].calls == 7


@pytest.mark.usefixtures("gateway")
def test_callers_are_the_same_by_whichever_roll_ups() -> None:
    told = largest_callers(EVERYTHING, DAY.now(), DAY.before(), listed=9)
    assert [(key, ends.calls, before) for key, ends, before in told.listed] == [
        ("app_1", 6, 2), ("", 5, 0), ("app_2", 1, 0)
    ]  # fmt: skip
    assert (told.number, told.fresh) == (2, 1)
    assert largest_callers(EVERYTHING, DAY.now(), DAY.before(), listed=1).listed == told.listed[:1]
    by_status = [
        largest_callers(EVERYTHING.of(status=status), DAY.now(), DAY.before(), listed=9).listed
        for status in (200, 404, 429, 500, 502)
    ]
    of_app = [ends for listed in by_status for key, ends, _ in listed if key == "app_1"]
    assert sum(ends.calls for ends in of_app) == 6
    assert ("app_2", Ends(answered=1), 0) in largest_callers(VERSION, DAY.now(), DAY.before(), listed=9).listed
    nobody = largest_callers(Question(["ver_9"]), DAY.now(), DAY.before(), listed=9)
    assert (nobody.listed, nobody.number, nobody.fresh) == ([], 0, 0)
    assert [step.ends.calls for step in reading.steps(VERSION.of(application_id="app_2"), DAY)][-1] == 1
    assert set(reading.last_calls(VERSION, NOW - timedelta(days=30))) == {"app_1", "app_2"}


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("question", [EVERYTHING, EVERYTHING.of(status=200)], ids=["by callers", "by operations"])
def test_the_largest_ways_are_told_and_all_others_gathered(question: Question) -> None:
    all_of_it = largest_ways(question, DAY.now(), listed=100, each_side=100)
    assert all_of_it.listed == all_of_it.gathered
    assert len(all_of_it.listed) > 2
    assert all_of_it.whole == reading.totals(question, DAY.now())
    order = [ends.calls for ends in all_of_it.listed.values()]
    assert order == sorted(order, reverse=True)

    some = largest_ways(question, DAY.now(), listed=1, each_side=1)
    assert list(some.listed.items()) == list(all_of_it.listed.items())[:1]
    assert some.whole == all_of_it.whole
    assert sum((ends.calls for ends in some.gathered.values()), 0) == some.whole.calls
    assert {key for key, _ in some.gathered} > {None}
    nothing = largest_ways(question.of(environment_id="env_9"), DAY.now(), listed=1, each_side=1)
    assert (nothing.listed, nothing.gathered, nothing.whole) == ({}, {}, Ends())
    assert largest_ways(Question([]), DAY.now(), listed=1, each_side=1) == nothing
    assert largest_callers(Question([]), DAY.now(), DAY.before(), listed=1).listed == []


@pytest.mark.parametrize("name", LENGTHS)
def test_each_call_is_in_the_step_that_holds_it(gateway: Gateway, name: str) -> None:
    window = last(name, NOW)
    first = window.since.replace(second=0)
    moments = [first, first + window.step / 2, first + window.step, window.until - timedelta(minutes=1)]
    events = [event(50 + n, at=at, version_id="ver_5", operation="GET /s", status=500) for n, at in enumerate(moments)]
    ingest(gateway=gateway, batch=batch(*events, boot="steps"))
    question = Question(["ver_5"])
    expected = [sum(start <= at < start + window.step for at in moments) for start in window.starts()]
    group = ErrorGroup("ver_5", "GET /s", 500, "")
    assert [step.ends.calls for step in reading.steps(question, window)] == expected
    assert [spread.calls for spread in reading.spreads(question, window)] == expected
    assert details(question, window, [group])[group].steps == expected
    assert reading.totals(question, window.now()).calls == len(moments)
