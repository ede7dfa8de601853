"""Sums by plan: under which plan calls were made, whatever their subscriptions have today."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from apim.access.models import Subscription
from apim.analytics import reading
from apim.analytics.errors import ErrorGroup, details, first_seen, top_errors
from apim.analytics.plans import calls_of
from apim.analytics.questions import Question
from apim.analytics.statements import fetch, summed, total
from apim.analytics.windows import last
from apim.audit.actor import system_actor
from apim.catalog.models import APIVersion
from apim.gateways.models import Gateway
from apim.gateways.services import default_environment, enroll_gateway
from apim.products.models import Plan, PlanVersion
from apim.usage.models import PlanMove, UsageRollup
from apim.usage.periods import PERIODS, start_of
from apim.usage.plan_reports import plans
from apim.usage.reports import Scope, Span
from apim.usage.services import purge
from apim.usage.withdrawal import take_out
from gateway_sync.usage_wire import UsageEvent
from tests.factories import access, catalog, products
from tests.factories.usage import NOON, batch, event, ingest

pytestmark = pytest.mark.django_db

DAY = last("24h", NOON + timedelta(minutes=20))
NAMES = ("small", "large", "huge")
Told = dict[tuple[str, str, datetime, str, int], tuple[int, int, int]]


@pytest.fixture
def gateway() -> Gateway:
    return enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway


@pytest.fixture
def versions() -> dict[str, PlanVersion]:
    """The version in force of each of three plans."""
    organization = catalog.published().api.organization
    plans = [products.plan(organization=organization, name=name) for name in NAMES]
    return {plan.name: PlanVersion.objects.get(plan=plan) for plan in plans}


def question(plan: str) -> Question:
    return Question(None, plan_id=Plan.objects.get(name=plan).id)


def calls(plan: str) -> int:
    return reading.totals(question(plan), DAY.now()).calls


def test_a_call_counts_for_the_plan_it_was_made_under_also_after_a_move(
    gateway: Gateway, versions: dict[str, PlanVersion]
) -> None:
    before = [event(seq, plan=versions["small"].id) for seq in (1, 2, 3)]
    after = [event(seq, plan=versions["large"].id, at=NOON + timedelta(seconds=5)) for seq in (4, 5)]
    ingest(gateway=gateway, batch=batch(*before))
    ingest(gateway=gateway, batch=batch(*after))
    assert (calls("small"), calls("large"), calls("huge")) == (3, 2, 0)
    assert {row.calls for row in UsageRollup.objects.all()} == {5}


def test_a_move_within_one_batch_is_told_as_one_between_two(gateway: Gateway, versions: dict[str, PlanVersion]) -> None:
    names = ("small", "large", "large", "small", "huge")
    ingest(
        gateway=gateway, batch=batch(*(event(seq, plan=versions[name].id) for seq, name in enumerate(names, start=1)))
    )
    assert [calls(name) for name in NAMES] == [2, 2, 1]


def test_new_versions_of_a_plan_are_the_same_plan(gateway: Gateway, versions: dict[str, PlanVersion]) -> None:
    newer = PlanVersion.objects.create(
        plan=versions["small"].plan, number=2, state=PlanVersion.State.ARCHIVED, created_by="x"
    )
    ingest(gateway=gateway, batch=batch(event(1, plan=versions["small"].id), event(2, plan=newer.id)))
    assert calls("small") == 2


def test_a_repeat_moves_nothing(gateway: Gateway, versions: dict[str, PlanVersion]) -> None:
    moved = batch(event(1, plan=versions["small"].id), event(2, plan=versions["large"].id))
    for _ in range(3):
        ingest(gateway=gateway, batch=moved)
    assert (calls("small"), calls("large")) == (1, 1)


@pytest.mark.parametrize("seed", range(4))
def test_in_whatever_order_and_however_often_calls_come_each_period_tells_them_by_plan(
    gateway: Gateway, versions: dict[str, PlanVersion], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a repeatable order, no secret
    events = list(_events(chance, versions))
    batches = [batch(*events[start : start + 20]) for start in range(0, len(events), 20)]
    batches += chance.sample(batches, 3)
    chance.shuffle(batches)
    for each in batches:
        ingest(gateway=gateway, batch=each)
    for name in NAMES:
        assert _told(name) == _expected(events, versions[name].id)
    assert PlanMove.objects.exists()


def _events(chance: random.Random, versions: dict[str, PlanVersion]) -> Iterator[UsageEvent]:
    for seq in range(1, 201):
        yield event(
            seq,
            at=NOON + timedelta(minutes=chance.randrange(-90, 90)),
            plan=versions[chance.choice(NAMES)].id,
            subscription=chance.choice(("sub_1", "sub_2")),
            operation=chance.choice(("GET /a", "GET /b")),
            status=chance.choice((200, 500)),
        )


def _expected(events: list[UsageEvent], plan: str) -> Told:
    counts: Counter[tuple[str, str, datetime, str, int]] = Counter()
    for each in events:
        if each.context.plan == plan:
            at = datetime.fromtimestamp(each.at_us / 1e6, NOON.tzinfo)
            for period in PERIODS:
                counts[
                    period, each.context.subscription, start_of(period, at), each.context.operation, each.status
                ] += 1
    return {key: (count, count * 10, count * 100) for key, count in counts.items()}


def _told(plan: str) -> Told:
    sums = [total(name) for name in UsageRollup.SUMS]
    names = ("period", "subscription_id", "at", "operation", "status")
    rows = fetch(summed(calls_of(question(plan)), names, sums))
    found = {
        (
            period,
            subscription,
            _moment(at),
            *rest,
        ): amounts
        for period, subscription, at, *rest, amounts in ((*row[: len(names)], tuple(row[len(names) :])) for row in rows)
    }
    return {key: amounts for key, amounts in found.items() if any(amounts)}


def _moment(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)  # as SQLite keeps it


def test_what_was_counted_before_plans_were_noted_counts_for_the_plan_of_today(
    gateway: Gateway, versions: dict[str, PlanVersion]
) -> None:
    version = APIVersion.objects.get()
    plan = versions["small"].plan
    product = products.product(version=version, plans=[plan], name="ledger-access")
    access.subscription(application=access.application(), product=product, plan=plan)
    subscription = Subscription.objects.get()
    ingest(gateway=gateway, batch=batch(event(1, subscription=subscription.id), event(2, subscription=subscription.id)))
    UsageRollup.objects.update(plan_version_id="")  # as a release before left them
    assert calls("small") == 2
    ingest(gateway=gateway, batch=batch(event(1, subscription=subscription.id, plan=versions["large"].id), boot="two"))
    assert (calls("small"), calls("large")) == (2, 1)


def test_errors_callers_and_ways_of_a_plan_are_those_of_calls_under_it(
    gateway: Gateway, versions: dict[str, PlanVersion]
) -> None:
    ingest(
        gateway=gateway,
        batch=batch(
            event(1, plan=versions["small"].id, status=500),
            event(2, plan=versions["large"].id, status=500),
            event(3, plan=versions["large"].id, status=500),
        ),
    )
    group = ErrorGroup("ver_1", "GET /accounts", 500, "")
    for name, number in (("small", 1), ("large", 2)):
        asked = question(name)
        assert top_errors(asked, DAY.now(), 5) == {group: number}
        detail = details(asked, DAY, [group])[group]
        assert (sum(detail.steps), detail.callers) == (number, 1)
        assert first_seen(asked) == start_of("hour", NOON)
        assert reading.last_calls(asked, NOON - timedelta(days=2)) == {"app_1": start_of("day", NOON)}
    assert first_seen(question("huge")) is None


def test_a_report_tells_calls_by_the_version_they_were_made_under(
    gateway: Gateway, versions: dict[str, PlanVersion]
) -> None:
    names = ("small", "large", "large")
    events = [event(seq, plan=versions[name].id) for seq, name in enumerate(names, start=1)]
    lost = event(4, plan=versions["huge"].id, status=0)
    ingest(gateway=gateway, batch=batch(*events, lost, event(5, subscription="sub_2", plan="plv_gone")))
    told = plans(Scope(application_ids=["app_1"]), Span(NOON - timedelta(hours=1), NOON + timedelta(hours=1)))
    assert told == [(versions["large"], 2), (versions["small"], 1), (None, 1)]


def test_what_is_let_go_or_taken_out_leaves_no_moves(gateway: Gateway, versions: dict[str, PlanVersion]) -> None:
    ingest(gateway=gateway, batch=batch(event(1, plan=versions["small"].id), event(2, plan=versions["large"].id)))
    ingest(gateway=gateway, batch=batch(event(1, plan=versions["large"].id, subscription="sub_2"), boot="two"))
    ingest(gateway=gateway, batch=batch(event(1, plan=versions["huge"].id, subscription="sub_2"), boot="three"))
    assert PlanMove.objects.count() == 2 * len(PERIODS)
    take_out(UsageRollup.objects.filter(subscription_id="sub_2"))
    assert PlanMove.objects.count() == len(PERIODS)
    purge(now=NOON + timedelta(days=1000))
    assert not PlanMove.objects.exists()


@pytest.mark.postgresql  # asks it for its plan
def test_days_of_a_plan_are_found_by_it(gateway: Gateway, versions: dict[str, PlanVersion]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'rollup_of_plan_version'")
        assert "plan_version_id" in cursor.fetchone()[0]
