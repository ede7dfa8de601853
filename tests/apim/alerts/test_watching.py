"""Watching: one firing and one mail for each stretch, whatever is repeated, killed, late or snoozed (R13)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apim.accounts.models import User
from apim.alerts import services
from apim.alerts.models import AlertRule, Firing
from apim.alerts.watching import watch
from apim.audit.actor import Actor
from apim.catalog.models import APIVersion
from apim.notifications.models import Message, Notification
from apim.usage.models import UsageRecord, VersionRollup
from apim.webhooks.models import Event
from apim.webhooks.services import create_endpoint
from tests.apim.alerts.conftest import Count

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def rule(version: APIVersion, by: Actor) -> AlertRule:
    with time_machine.travel(NOON - timedelta(hours=2), tick=False):
        return services.create_rule(api=version.api, kind="error_share", by=by, name="Failures")


def watch_minutes(start: datetime, minutes: int) -> int:
    return sum(watch(start + MINUTE * index) for index in range(minutes))


def mails() -> int:
    return Message.objects.filter(subject__contains="fires").count()


def test_a_stretch_of_failures_is_one_firing_one_mail_and_one_notice(
    rule: AlertRule, count: Count, owner: User
) -> None:
    count(NOON - 30 * MINUTE, 30)
    count(NOON, 10, failed=50)
    count(NOON + 10 * MINUTE, 30)
    assert watch_minutes(NOON, 45) == 1
    firing = Firing.objects.get()
    assert firing.started_at >= NOON
    assert firing.resolved_at is not None
    assert firing.worst == 50.0
    message = Message.objects.get(subject__contains="fires")
    assert message.to == owner.email
    assert "Failures fires since" in message.body
    assert Notification.objects.get().user == owner
    rule.refresh_from_db()
    assert rule.state == AlertRule.State.RESOLVED


def test_a_repeated_run_tells_nobody_again(rule: AlertRule, count: Count) -> None:
    count(NOON, 20, failed=50)
    assert watch(NOON + 20 * MINUTE) == 1
    AlertRule.objects.update(watched_until=NOON)
    assert watch(NOON + 20 * MINUTE) == 0
    assert watch(NOON + 21 * MINUTE) == 0
    assert mails() == 1


def test_a_worker_that_is_killed_leaves_neither_firing_nor_mail_and_the_next_one_both(
    rule: AlertRule, count: Count
) -> None:
    count(NOON, 20, failed=50)
    with transaction.atomic():
        watch(NOON + 20 * MINUTE)
        transaction.set_rollback(True)
    assert (Firing.objects.count(), mails()) == (0, 0)
    watch(NOON + 20 * MINUTE)
    assert (Firing.objects.count(), mails()) == (1, 1)


def test_what_gateways_tell_late_still_fires(rule: AlertRule, count: Count) -> None:
    count(NOON - 30 * MINUTE, 50)
    assert watch_minutes(NOON, 10) == 0
    VersionRollup.objects.filter(at__gte=NOON, at__lt=NOON + 10 * MINUTE).update(failed=60)
    assert watch(NOON + 11 * MINUTE) == 1
    assert mails() == 1


def test_a_snoozed_rule_notes_the_firing_and_tells_nobody(rule: AlertRule, count: Count, by: Actor) -> None:
    services.snooze_rule(rule=rule, until=NOON + timedelta(hours=1), by=by)
    count(NOON, 20, failed=50)
    assert watch(NOON + 20 * MINUTE) == 1
    assert Firing.objects.get().was_snoozed
    assert mails() == 0


def test_a_rule_that_is_off_is_not_judged(rule: AlertRule, count: Count, by: Actor) -> None:
    services.update_rule(rule=rule, changes={"is_enabled": False}, by=by)
    count(NOON, 20, failed=50)
    assert watch(NOON + 20 * MINUTE) == 0


def test_a_new_rule_does_not_fire_for_the_past(version: APIVersion, count: Count, by: Actor) -> None:
    count(NOON - 30 * MINUTE, 30, failed=50)
    with time_machine.travel(NOON + 30 * MINUTE, tick=False):
        services.create_rule(api=version.api, kind="error_share", by=by)
    assert watch_minutes(NOON + 31 * MINUTE, 5) == 0


def test_refusals_are_counted_by_credential(version: APIVersion, by: Actor) -> None:
    with time_machine.travel(NOON - timedelta(hours=1), tick=False):
        services.create_rule(api=version.api, kind="refusals", by=by, settings={"count": 20, "hold": 0})
    UsageRecord.objects.bulk_create(
        UsageRecord(
            gateway_id="g", boot="b", seq=number, request_id=f"r{number}", at=NOON + MINUTE, version_id=version.id,
            environment_id="env_1", credential_id="crd_1", status=403, duration_us=1,
        )
        for number in range(25)
    )  # fmt: skip
    assert watch(NOON + 3 * MINUTE) == 1
    assert Firing.objects.get().detail == "crd_1"


def test_recipients_take_the_place_of_owners(rule: AlertRule, count: Count, by: Actor) -> None:
    services.update_rule(rule=rule, changes={"recipients": ["ops@example.com"]}, by=by)
    count(NOON, 20, failed=50)
    watch(NOON + 20 * MINUTE)
    assert list(Message.objects.filter(subject__contains="fires").values_list("to", flat=True)) == ["ops@example.com"]


def test_webhooks_are_told_once_as_well(rule: AlertRule, count: Count, by: Actor) -> None:
    create_endpoint(
        organization=rule.api.organization, url="https://example.com/hook", event_types=["alert.fired"], by=by
    )
    count(NOON, 20, failed=50)
    watch(NOON + 20 * MINUTE)
    AlertRule.objects.update(watched_until=NOON)
    watch(NOON + 20 * MINUTE)
    event = Event.objects.get(type="alert.fired")
    assert event.data["rule"] == rule.pk
    assert event.data["value"] == 50.0


def test_many_rules_take_as_many_queries_as_few(version: APIVersion, rule: AlertRule, count: Count, by: Actor) -> None:
    count(NOON - 10 * MINUTE, 10)
    with time_machine.travel(NOON - timedelta(hours=2), tick=False):
        for kind in ("latency", "absence", "budget_burn", "refusals"):
            services.create_rule(api=version.api, kind=kind, by=by)
    with CaptureQueriesContext(connection) as few:
        watch(NOON)
    with time_machine.travel(NOON - timedelta(hours=2), tick=False):
        for number in range(20):
            services.create_rule(api=version.api, kind="error_share", by=by, name=f"rule {number}")
    with CaptureQueriesContext(connection) as many:
        watch(NOON + MINUTE)
    assert len(many) == len(few)


def test_the_preview_tells_what_the_rule_would_have_done(version: APIVersion, count: Count) -> None:
    for days in (1, 3, 5):
        count(NOON - timedelta(days=days), 15, failed=50)
    rule = AlertRule(api=version.api, kind="error_share", settings=services.checked_settings("error_share", {}))
    preview = services.preview(rule, NOON)
    assert len(preview.episodes) == 3
    assert len(preview.verdicts) == 7 * 24 * 60
