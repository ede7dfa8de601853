"""Sums by plan where gateways hand in calls of one subscription at one moment, each by the plan that it knows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.db.models import Sum

from apim.analytics.plans import calls_of
from apim.analytics.questions import Question
from apim.analytics.statements import fetch, summed, total
from apim.audit.actor import system_actor
from apim.gateways.environments import create_environment
from apim.gateways.models import Gateway
from apim.gateways.services import default_environment, enroll_gateway
from apim.products.models import PlanVersion
from apim.usage.models import UsageRollup
from apim.usage.periods import PERIODS
from apim.usage.receiving import HandedIn
from apim.usage.services import ingest_all, purge
from tests.factories import catalog, products
from tests.factories.usage import NOON, batch, event, ingest

ROUNDS = 8
CALLS = 5
BY = system_actor("test")


@pytest.fixture
def versions() -> list[PlanVersion]:
    organization = catalog.published().api.organization
    plans = [products.plan(organization=organization, name=name) for name in ("small", "large")]
    return [PlanVersion.objects.get(plan=plan) for plan in plans]


def told(version: PlanVersion) -> dict[str, int]:
    """Calls of a plan by period."""
    question = Question(None, plan_id=version.plan_id)
    return dict(fetch(summed(calls_of(question), ["period"], [total("calls")])))


@pytest.mark.django_db(transaction=True)
def test_two_gateways_at_one_moment_each_count_for_the_plan_that_they_know(versions: list[PlanVersion]) -> None:
    gateways = [enroll_gateway(environment=default_environment(), name=name, by=BY).gateway for name in ("one", "two")]
    both = Barrier(2)

    def hand_in(number: int) -> None:
        try:
            for round_ in range(ROUNDS):
                at = NOON + timedelta(minutes=round_)  # a row of its own: made by one and added to by the other
                first = round_ * CALLS + 1
                events = [event(seq, at=at, plan=versions[number].id) for seq in range(first, first + CALLS)]
                both.wait(60)
                ingest(gateway=gateways[number], batch=batch(*events, boot=f"boot-{number}"))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(hand_in, range(2)))
    for version in versions:
        assert told(version) == dict.fromkeys(PERIODS, ROUNDS * CALLS)
    every = UsageRollup.objects.order_by().values_list("period").annotate(Sum("calls"))
    assert dict(every) == dict.fromkeys(PERIODS, 2 * ROUNDS * CALLS)


@pytest.mark.django_db
def test_what_a_gateway_says_of_a_subscription_of_another_environment_moves_none_of_its_calls(
    versions: list[PlanVersion],
) -> None:
    other = create_environment(name="other", by=BY)
    mine = enroll_gateway(environment=default_environment(), name="one", by=BY).gateway
    theirs = enroll_gateway(environment=other, name="two", by=BY).gateway
    handed_in = [
        HandedIn(gateway, batch(*(event(seq, plan=version.id) for seq in range(1, CALLS + 1)), boot=f"boot-{number}"))
        for number, (gateway, version) in enumerate(zip((mine, theirs), versions, strict=True))
    ]
    ingest_all(handed_in)
    for version in versions:
        assert told(version) == dict.fromkeys(PERIODS, CALLS)


@pytest.mark.django_db
@pytest.mark.parametrize("days", [8, 100, 800])
def test_no_plan_has_fewer_calls_than_none_while_old_sums_are_let_go(versions: list[PlanVersion], days: int) -> None:
    gateway: Gateway = enroll_gateway(environment=default_environment(), name="one", by=BY).gateway
    for number, version in enumerate(versions):
        ingest(gateway=gateway, batch=batch(event(1, plan=version.id), boot=f"boot-{number}"))
    least: list[int] = []

    def look(execute: object, sql: str, params: object, many: bool, context: object) -> object:
        done = execute(sql, params, many, context)  # type: ignore[operator]
        if sql.startswith("DELETE"):
            least.extend(count for version in versions for count in told(version).values())
        return done

    with connection.execute_wrapper(look):
        purge(now=NOON + timedelta(days=days))
    assert least
    assert min(least) >= 0
