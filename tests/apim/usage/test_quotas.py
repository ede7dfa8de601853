"""Quotas over roll-ups: the pace of lately, and how earlier periods went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from django.utils.functional import lazy
from django.utils.translation import gettext

from apim.access.models import Subscription
from apim.notifications.models import Message, Notification
from apim.notifications.notices import set_mail_choices, tell
from apim.usage.forecast import Forecast, Outlook
from apim.usage.gauges import Gauge
from apim.usage.models import UsageRollup
from apim.usage.quota_notices import tell_people_of_quotas
from apim.usage.quota_words import forecast_words, quota_words
from apim.usage.quotas import histories, projected
from apim.usage.services import purge
from tests.factories import access, catalog, products
from tests.factories import accounts as accounts_factory
from tests.factories.accounts import organization

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def subscription() -> Subscription:
    """One of a plan with 1,000 calls a month, begun in September."""
    return subscribed(1)


def subscribed(number: int, per: str = "month") -> Subscription:
    owner = organization()
    version = catalog.published(of=catalog.api(organization=owner, name=f"bank-{number}"))
    terms = products.Terms(quotas=[{"requests": 1000, "per": per}])
    plan = products.plan(organization=owner, name=f"free-{number}", terms=terms)
    product = products.product(version=version, name=f"product-{number}", plans=[plan])
    found = access.subscription(application=access.application(), product=product, plan=plan)
    Subscription.objects.filter(pk=found.pk).update(created_at=datetime(2026, 9, 10, tzinfo=UTC))
    found.refresh_from_db()
    return found


def used(subscription: Subscription, period: str, at: datetime, calls: int, status: int = 200, code: str = "") -> None:
    """Calls in a period; those of an hour are its day's as well."""
    for each, start in ((period, at), *([("day", at.replace(hour=0))] if period == "hour" else [])):
        row, _ = UsageRollup.objects.get_or_create(
            period=each, at=start, environment_id="env", subscription_id=subscription.pk, status=status, code=code
        )
        UsageRollup.objects.filter(pk=row.pk).update(calls=row.calls + calls)


def test_the_pace_is_that_of_the_last_whole_days(subscription: Subscription) -> None:
    midnight = NOW.replace(hour=0, minute=0)
    for back in range(1, 6):
        used(subscription, "day", midnight - timedelta(days=back), 50)
        used(subscription, "day", midnight - timedelta(days=back), 70, 429, "quota-exceeded")  # was not charged
    (found,) = projected([subscription], NOW)[subscription.pk]
    assert found.forecast.outlook == Outlook.LASTS
    assert (found.gauge.used, found.forecast.steps) == (250, 5)


def test_a_subscription_that_was_not_used_has_no_forecast(subscription: Subscription) -> None:
    (found,) = projected([subscription], NOW)[subscription.pk]
    assert found.forecast == Forecast(Outlook.TOO_EARLY)


def test_many_subscriptions_ask_as_often_as_one(subscription: Subscription) -> None:
    ids = [subscription.pk, *(subscribed(number).pk for number in range(2, 5))]
    others = list(Subscription.objects.filter(pk__in=ids).with_names())
    with CaptureQueriesContext(connection) as one:
        projected(others[:1], NOW)
    with CaptureQueriesContext(connection) as many:
        projected(others, NOW)
    assert len(many) == len(one)


def test_earlier_months_are_counted_since_the_subscription_began(subscription: Subscription) -> None:
    used(subscription, "day", datetime(2026, 10, 3, tzinfo=UTC), 400)
    used(subscription, "day", datetime(2026, 10, 31, tzinfo=UTC), 600)
    used(subscription, "day", datetime(2026, 10, 31, tzinfo=UTC), 20, 429, "quota-exceeded")
    used(subscription, "day", datetime(2026, 11, 1, tzinfo=UTC), 7)
    (found,) = histories(subscription, NOW)
    assert [(f"{each.starts_at:%Y-%m}", each.used, each.refused) for each in found.periods] == [
        ("2026-10", 1000, 20),
        ("2026-09", 0, 0),
    ]


def test_sentences_say_how_sure_they_are() -> None:
    at = datetime(2026, 11, 24, 14, tzinfo=UTC)
    with translation.override("en"):
        even = Forecast(Outlook.RUNS_OUT, at, at, at, 7)
        assert forecast_words("month", even) == "At the pace of the last 7 days used up on Tue 24 Nov, 14:00 UTC."
        wide = Forecast(Outlook.RUNS_OUT, at, at - timedelta(days=1), at + timedelta(days=1), 5)
        assert "between Mon 23 Nov, 14:00 UTC and Wed 25 Nov, 14:00 UTC" in forecast_words("month", wide)
        loose = Forecast(Outlook.RUNS_OUT, at, at - timedelta(days=1), None, 5)
        assert forecast_words("month", loose).endswith("Mon 23 Nov, 14:00 UTC at the earliest, or not at all.")
        assert "may be used up from" in forecast_words("day", Forecast(Outlook.MAY_RUN_OUT, None, at, None, 9))
        bytes_ = Gauge("day", 10**10, 1_234_567_890, at, "bytes")
        assert quota_words(bytes_, Forecast(Outlook.USED_UP)) == "1.2 GB of 10 GB today."
        assert quota_words(Gauge("month", 1000, 10, at), Forecast(Outlook.TOO_EARLY)) == (
            "10 of 1,000 calls this month. Too little was called for a forecast yet."
        )
        assert forecast_words("month", Forecast(Outlook.USED_UP)) == ""


def test_people_are_told_once_a_period_of_a_quota_that_is_nearly_used_and_used_up(subscription: Subscription) -> None:
    person = accounts_factory.member(subscription.organization)
    minute = NOW - timedelta(minutes=1)
    used(subscription, "hour", NOW.replace(minute=0), 799)
    used(subscription, "minute", minute, 799)
    assert tell_people_of_quotas(NOW) == 0
    used(subscription, "hour", NOW.replace(hour=11, minute=0), 1)
    assert [tell_people_of_quotas(NOW) for _ in range(2)] == [1, 0]
    used(subscription, "hour", NOW.replace(hour=10, minute=0), 200)
    assert [tell_people_of_quotas(NOW) for _ in range(2)] == [1, 0]
    titles = list(Notification.objects.filter(user=person).order_by("created_at", "id").values_list("title", flat=True))
    assert "80 % of the quota" in titles[0]
    assert "is used up" in titles[1]


def test_a_quota_that_runs_out_is_mailed_to_those_who_did_not_switch_that_off(subscription: Subscription) -> None:
    people = [accounts_factory.member(subscription.organization) for _ in range(2)]
    set_mail_choices(user=people[0], announcements=True, news=True, quotas=False)
    used(subscription, "hour", NOW.replace(minute=0), 1000)
    used(subscription, "minute", NOW - timedelta(minutes=1), 1000)
    assert [tell_people_of_quotas(NOW) for _ in range(2)] == [2, 0]
    mail = Message.objects.get()
    assert mail.to == people[1].email
    assert "is used up" in mail.subject
    assert f"/my/subscriptions/{subscription.pk}" in mail.body
    assert "/my/notifications" in mail.body


def test_of_a_quota_of_a_day_only_its_end_is_mailed() -> None:
    subscription = subscribed(7, per="day")
    accounts_factory.member(subscription.organization)
    used(subscription, "minute", NOW - timedelta(minutes=1), 900)  # who calls now is looked at
    used(subscription, "hour", NOW.replace(minute=0), 900)
    assert tell_people_of_quotas(NOW) == 1
    assert not Message.objects.exists()
    used(subscription, "hour", NOW.replace(hour=11, minute=0), 100)
    assert tell_people_of_quotas(NOW) == 1
    assert Message.objects.count() == 1


def test_a_notice_is_told_to_each_whole_in_the_language_of_the_account(subscription: Subscription) -> None:
    people = [accounts_factory.member(subscription.organization) for _ in range(2)]
    people[0].language = "ja"
    people[0].save()
    text = lazy(lambda: gettext("Too little was called for a forecast yet."), str)()
    rows = tell(user_ids=[each.pk for each in people], kind="quota", cause="quota.x", title="Quota", text=text)
    assert [row.text == "Too little was called for a forecast yet." for row in rows] == [False, True]


def test_quotas_of_what_nobody_calls_now_are_not_looked_at(subscription: Subscription) -> None:
    accounts_factory.member(subscription.organization)
    used(subscription, "hour", NOW.replace(minute=0), 1000)
    used(subscription, "minute", NOW - timedelta(minutes=9), 1000)
    assert tell_people_of_quotas(NOW) == 0


@pytest.mark.parametrize("kept_days", [62, 400])
def test_months_that_hours_do_not_tell_any_more_are_left_out_and_not_told_too_low(
    subscription: Subscription, kept_days: int
) -> None:
    subscription.plan_version.timezone = "Asia/Tokyo"
    for days in range(1, 75):
        used(subscription, "hour", NOW.replace(minute=0) - timedelta(days=days), 1)
    purge(now=NOW, rollups={"minute": timedelta(days=7), "hour": timedelta(days=kept_days), "day": timedelta(days=760)})
    (found,) = histories(subscription, NOW)
    told = [(f"{each.starts_at:%m-%d %H:%M}", each.used) for each in found.periods]
    october, september = ("10-01 00:00", 31), ("09-01 00:00", 22)  # in Tokyo
    assert told == ([october] if kept_days == 62 else [october, september])
