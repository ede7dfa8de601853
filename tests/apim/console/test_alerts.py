"""The pages of alerts: choose, preview, watch, snooze, delete; one's own only; a constant number of queries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.accounts.models import User
from apim.alerts import services
from apim.alerts.models import AlertRule, Anomaly, Firing
from apim.audit.actor import Actor
from apim.catalog.models import APIVersion
from tests.apim.alerts.conftest import Count
from tests.apim.alerts.conftest import count as count  # noqa: PLC0414 - a fixture
from tests.apim.alerts.conftest import version as version  # noqa: PLC0414 - a fixture
from tests.conftest import LogIn

pytestmark = pytest.mark.django_db

NEW = "/console/new-alert?api=bank&kind=error_share"
VALUES = {"percent": "5", "minutes": "10", "calls": "50", "hold": "2", "recipients": "", "is_enabled": "on", "name": ""}


@pytest.fixture
def rule(version: APIVersion, by: Actor) -> AlertRule:
    return services.create_rule(api=version.api, kind="error_share", by=by, name="Failures")


def firing(rule: AlertRule, days_ago: int = 0) -> Firing:
    at = timezone.now() - timedelta(days=days_ago, hours=1)
    return Firing.objects.create(rule=rule, started_at=at, resolved_at=at if days_ago else None, worst=12.5)


def test_nothing_to_watch_says_so(log_in: LogIn, owner: User) -> None:
    assert "Rules watch APIs that you own." in log_in(owner).get("/console/alerts").content.decode()
    assert "Rules watch APIs that you own." in log_in(owner).get("/console/new-alert").content.decode()


def test_a_rule_is_chosen_previewed_and_watched(log_in: LogIn, owner: User, version: APIVersion, count: Count) -> None:
    client = log_in(owner)
    count((timezone.now() - timedelta(days=2)).replace(second=0, microsecond=0), 15, failed=50)
    assert client.get("/console/new-alert").content.decode().count('type="radio"') == 5
    assert "Would have fired once in the last 7 days" in client.get(NEW).content.decode()
    stricter = client.post(NEW, {**VALUES, "percent": "60", "act": "preview"}).content.decode()
    assert "Would have fired 0 times in the last 7 days" in stricter
    assert not AlertRule.objects.exists()
    made = client.post(NEW, VALUES, follow=True).content.decode()
    assert "watched from the next minute on" in made
    assert AlertRule.objects.get().name == "Share of failures"


def test_a_number_out_of_its_limits_is_refused_beside_its_field(
    log_in: LogIn, owner: User, version: APIVersion
) -> None:
    answer = log_in(owner).post(NEW, {**VALUES, "percent": "0"})
    assert answer.status_code == 422
    assert not AlertRule.objects.exists()


def test_a_rule_is_changed_snoozed_woken_and_deleted(log_in: LogIn, owner: User, rule: AlertRule) -> None:
    client, path = log_in(owner), f"/console/alerts/{rule.pk}"
    client.post(path, {**VALUES, "percent": "7.5"})
    rule.refresh_from_db()
    assert rule.settings["percent"] == 7.5
    assert "Nobody is told until" in client.post(path, {"act": "snooze", "hours": "8"}, follow=True).content.decode()
    client.post(path, {"act": "wake"})
    rule.refresh_from_db()
    assert rule.snoozed_until is None
    client.post(f"{path}/delete")
    assert not AlertRule.objects.exists()


def test_home_and_list_show_what_fires_with_a_way_to_the_traffic(log_in: LogIn, owner: User, rule: AlertRule) -> None:
    firing(rule)
    home = log_in(owner).get("/console/").content.decode()
    assert "Firing now" in home
    assert "/console/apis/bank/analytics?from=" in home
    assert "12.5 %" in log_in(owner).get("/console/alerts").content.decode()


def test_rules_of_others_are_not_there(log_in: LogIn, other_owner: User, rule: AlertRule) -> None:
    client = log_in(other_owner)
    assert "Failures" not in client.get("/console/alerts").content.decode()
    assert client.get(f"/console/alerts/{rule.pk}").status_code == 404
    assert client.get(NEW).status_code == 404


def test_an_anomaly_becomes_a_rule(log_in: LogIn, owner: User, version: APIVersion) -> None:
    odd = Anomaly.objects.create(api=version.api, metric="latency", at=timezone.now(), value=900, expected=100)
    client = log_in(owner)
    shown = client.get("/console/alerts").content.decode()
    assert "95 of 100 calls took up to 900 ms instead of about 100 ms" in shown
    query = f"/console/new-alert?api=bank&anomaly={odd.pk}&kind=latency&ms=500"
    assert query.replace("&", "&amp;") in shown or query in shown
    assert 'value="500"' in client.get(query).content.decode()
    client.post(query, {"ms": "500", "minutes": "10", "calls": "50", "hold": "2", "is_enabled": "on"})
    odd.refresh_from_db()
    assert odd.promoted_to == AlertRule.objects.get()


def test_many_rows_take_as_many_queries_as_few(log_in: LogIn, owner: User, rule: AlertRule, by: Actor) -> None:
    client = log_in(owner)
    firing(rule, 1)
    with CaptureQueriesContext(connection) as few:
        client.get("/console/alerts")
    for number in range(10):
        more = services.create_rule(api=rule.api, kind="error_share", by=by, name=f"rule {number}")
        firing(more, number + 1)
        Anomaly.objects.create(
            api=rule.api, metric="calls", at=timezone.now() - timedelta(hours=number), value=1, expected=2
        )
    with CaptureQueriesContext(connection) as many:
        client.get("/console/alerts")
    assert len(many) == len(few)
