"""Quotas of a subscription's own days, months and billing periods: pages say what gateways counted."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.access.models import Subscription
from apim.audit.actor import system_actor
from apim.gateways.models import Gateway
from apim.gateways.services import default_environment, enroll_gateway
from apim.products.services import add_plan_version
from apim.usage.gauges import Gauge, quota_gauges
from apim.usage.quota_windows import window_of
from apim.usage.quota_words import gauge_label, granted_words, quota_words
from apim.usage.quotas import histories, projected
from gateway_sync.runtime.core.anchored import AnchoredTerms
from gateway_sync.runtime.core.limits import CELL_LENGTH, NS, charge_all
from tests.factories import access, catalog, products
from tests.factories.accounts import organization
from tests.factories.usage import batch, event, ingest

pytestmark = pytest.mark.django_db

BY = system_actor("test")
NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
CALENDAR = {"requests": 100, "per": "month"}
PRICED = {"currency": "EUR", "prices": [{"name": "base", "model": "flat", "amount": "9.00"}]}
MONTH = {"requests": 1000, "per": "month", "window": "anchored"}


@pytest.fixture
def gateway() -> Gateway:
    return enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway


def subscribed(number: int = 1, *quotas: dict[str, object], begun: datetime = NOW - timedelta(days=70)) -> Subscription:
    owner = organization()
    version = catalog.published(of=catalog.api(organization=owner, name=f"bank-{number}"))
    terms = products.Terms(quotas=quotas or [MONTH])
    plan = products.plan(organization=owner, name=f"free-{number}", terms=terms)
    product = products.product(version=version, name=f"product-{number}", plans=[plan])
    found = access.subscription(application=access.application(), product=product, plan=plan)
    Subscription.objects.filter(pk=found.pk).update(created_at=begun)
    return Subscription.objects.with_names().get(pk=found.pk)


def gauge_of(subscription: Subscription, now: datetime = NOW) -> Gauge:
    (gauge,) = quota_gauges([subscription], now)[subscription.id]
    return gauge


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("per", ["day", "month", "period"])
def test_a_gauge_says_what_the_gateway_counted(gateway: Gateway, per: str, seed: int) -> None:
    chance = random.Random(f"{per}{seed}")  # noqa: S311 - a repeatable choice, no secret
    begun = NOW - timedelta(days=chance.randrange(1, 80), seconds=chance.randrange(86_400))
    limit = chance.choice((3, 10, 1000))
    quota = {"requests": limit, "per": per} | ({"window": "anchored"} if per != "period" else {})
    subscription = subscribed(1, quota, begun=begun)
    terms = AnchoredTerms(limit, "day" if per == "day" else "month", int(begun.timestamp()))
    cell, events = [0] * CELL_LENGTH, []
    length = (NOW - begun).total_seconds()
    moments = sorted(begun + timedelta(seconds=chance.uniform(0.8, 1) * length) for _ in range(80))
    for seq, at in enumerate(moments, start=1):
        code, _, _ = charge_all((terms,), (cell,), round(at.timestamp() * NS))
        made = {"status": 429, "code": code} if code else {}
        events.append(event(seq, at=at, subscription=subscription.id, **made))
    chance.shuffle(events)
    for start in range(0, len(events), 9):
        several = sorted(events[start : start + 9], key=lambda each: each.seq)
        ingest(gateway=gateway, batch=batch(*several))
    (left, reset_s) = terms.left(cell, round(NOW.timestamp() * NS))
    gauge = gauge_of(subscription)
    assert gauge.limit - gauge.used == left
    assert gauge.resets_at == NOW + timedelta(seconds=reset_s)


def test_periods_of_whom_is_billed_are_counted_from_the_billing_anchor() -> None:
    subscription = subscribed(begun=datetime(2026, 9, 10, 8, tzinfo=UTC))
    assert gauge_of(subscription).resets_at == datetime(2026, 12, 10, 8, tzinfo=UTC)
    subscription.billing_anchor = datetime(2026, 10, 31, 17, 45, tzinfo=UTC)
    assert gauge_of(subscription).resets_at == datetime(2026, 11, 30, 17, tzinfo=UTC)
    assert window_of(subscription, MONTH, NOW)[0] == datetime(2026, 10, 31, 17, tzinfo=UTC)


def test_a_quota_that_a_plan_brings_begins_empty_and_one_that_both_plans_have_goes_on(gateway: Gateway) -> None:
    subscription = subscribed(1, {"requests": 100, "per": "month"}, {"requests": 50, "per": "period", "unit": "units"})
    newer = subscription.plan_version
    older = add_plan_version(plan=newer.plan, terms=products.Terms(quotas=[{"requests": 9, "per": "month"}]), by=BY)
    gone = [event(seq, at=NOW, subscription=subscription.id, plan=older.id) for seq in range(1, 4)]
    new = [event(seq, at=NOW, subscription=subscription.id, plan=newer.id) for seq in range(4, 9)]
    ingest(gateway=gateway, batch=batch(*gone, *new))
    month, period = quota_gauges([subscription], NOW + timedelta(seconds=1))[subscription.id]
    assert (month.used, period.used) == (8, 5)


@pytest.mark.parametrize(("quota", "used"), [({"requests": 100, "per": "period"}, 5), (CALENDAR, 8)])
def test_what_was_called_for_nothing_counts_in_no_period_of_the_trial_that_follows(
    gateway: Gateway, quota: dict[str, object], used: int
) -> None:
    subscription = subscribed(1, quota)
    free = subscription.plan_version
    subscription.plan_version = add_plan_version(
        plan=free.plan, terms=products.Terms(quotas=[quota], pricing=PRICED), by=BY
    )
    subscription.billing_anchor = NOW + timedelta(days=14)  # a trial's end: so the period began before the trial
    before = [event(seq, at=NOW, subscription=subscription.id, plan=free.id) for seq in range(1, 4)]
    since = [event(seq, at=NOW, subscription=subscription.id, plan=subscription.plan_version_id) for seq in range(4, 9)]
    ingest(gateway=gateway, batch=batch(*before, *since))
    assert gauge_of(subscription, NOW + timedelta(seconds=1)).used == used


def test_earlier_periods_are_the_subscriptions_own(gateway: Gateway) -> None:
    begun = datetime(2026, 9, 10, 8, 20, tzinfo=UTC)
    subscription = subscribed(begun=begun)
    moments = [begun, datetime(2026, 10, 10, 7, 59, tzinfo=UTC), datetime(2026, 10, 10, 8, 1, tzinfo=UTC)]
    moments += [datetime(2026, 11, 10, 7, 30, tzinfo=UTC), datetime(2026, 11, 10, 8, tzinfo=UTC)]
    events = [event(seq, at=at, subscription=subscription.id) for seq, at in enumerate(moments, start=1)]
    late = event(6, at=moments[3], subscription=subscription.id, status=429, code="quota-exceeded")
    ingest(gateway=gateway, batch=batch(*events, late))
    (found,) = histories(subscription, NOW)
    assert found.is_anchored
    assert [(f"{each.starts_at:%m-%d %H:%M}", each.used, each.refused) for each in found.periods] == [
        ("10-10 08:00", 2, 1), ("09-10 08:00", 2, 0)
    ]  # fmt: skip
    assert gauge_of(subscription).used == 1


def test_of_many_subscriptions_with_windows_of_their_own_is_asked_as_often_as_of_one() -> None:
    several = [subscribed(number, begun=NOW - timedelta(days=20, hours=number)) for number in range(1, 5)]
    with CaptureQueriesContext(connection) as one:
        projected(several[:1], NOW)
    with CaptureQueriesContext(connection) as many:
        projected(several, NOW)
    assert len(many) == len(one)


def test_words_tell_a_month_of_the_calendar_from_one_of_the_subscription() -> None:
    assert granted_words(MONTH) == "1,000 calls a month, counted from the beginning of the subscription"
    assert granted_words({"requests": 5, "per": "period"}) == "5 calls a billing period"
    subscription = subscribed(1, {"requests": 40, "per": "period", "unit": "units"}, begun=timezone.now())
    ((found,),) = projected([subscription]).values()
    assert gauge_label(found.gauge) == "Units in this period"
    assert quota_words(found.gauge, found.forecast).startswith("0 of 40 units in this period.")


def test_two_anchored_quotas_of_one_unit_are_told_apart() -> None:
    day = {"requests": 40, "per": "day", "window": "anchored"}
    subscription = subscribed(1, day, MONTH, begun=timezone.now())
    found = projected([subscription])[subscription.id]
    labels = [gauge_label(each.gauge) for each in found]
    assert labels == ["Calls in these 24 hours", "Calls in the subscription's month"]
    assert quota_words(found[0].gauge, found[0].forecast).startswith("0 of 40 calls in these 24 hours.")
