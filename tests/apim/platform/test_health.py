"""Checks of the installation: each colour of each, and that what hangs keeps nothing else from being told."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings
from redis import Redis

from apim.backups.acts import KEPT, LEFT_OUT, NOTE
from apim.billing.models import Mode, StripeEvent
from apim.gateways.certificates import save_certificate
from apim.gateways.models import Environment, Gateway, Worker
from apim.gateways.services import touch
from apim.gateways.standing import CLOCK_TOLD_FOR, SILENT_AFTER, note_clock
from apim.keyring import Keyring
from apim.notifications.constants import MOST_ATTEMPTS
from apim.notifications.models import MailServer, Message
from apim.platform import tasks
from apim.platform.health import CHECKS, examine, fleet, host, messages, money, queues, stores, worst
from apim.platform.health.examining import Check
from apim.platform.health.verdicts import Colour, Verdict, amber, green
from apim.platform.heartbeats import note_heartbeat
from gateway_sync.delivery.models import Comparison
from tests.factories import certificates as certificates_factory
from tests.factories import gateways as gateways_factory
from tests.factories.accounts import TESTER

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def test_a_check_that_hangs_is_told_and_so_is_what_waits_behind_it() -> None:
    is_over = threading.Event()

    def hang() -> Verdict:
        is_over.wait()
        return green("never told")

    findings = examine(
        [Check("hangs", "Hangs", "one", hang), Check("behind", "Behind", "one", lambda: green("fine"))], within_s=0.05
    )
    is_over.set()

    assert [each.verdict.colour for each in findings] == [Colour.RED, Colour.RED]
    assert "No answer within 0.05 seconds" in findings[0].verdict.text


def test_a_check_with_a_bug_is_red_and_the_others_are_told() -> None:
    def break_down() -> Verdict:
        message = "boom"
        raise ValueError(message)

    findings = examine(
        [Check("breaks", "Breaks", "one", break_down), Check("after", "After", "one", lambda: amber("hm"))]
    )

    assert [each.verdict.colour for each in findings] == [Colour.RED, Colour.AMBER]
    assert "ValueError: boom" in findings[0].verdict.text
    assert worst(findings) is Colour.RED


def test_names_of_checks_are_unique_and_their_json_has_the_mend() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    [finding] = examine([Check("one", "One", "one", lambda: amber("hm", command="do it", page="/there"))])
    assert finding.as_json() == {
        "name": "one", "title": "One", "state": "amber", "text": "hm", "command": "do it", "page": "/there",
    }  # fmt: skip


def test_a_database_whose_disk_is_full_is_not_told_to_migrate() -> None:
    def refuse() -> Verdict:
        message = "database or disk is full"
        raise OperationalError(message)

    (finding,) = examine([Check("full", "Full", "one", refuse)])

    assert "disk is full" in finding.verdict.text
    assert "migrations" not in finding.verdict.text
    assert finding.verdict.command == f"df -h {django_settings.ENV.home}"


@pytest.mark.django_db
def test_the_database_its_schema_and_clock_are_fine_here() -> None:
    assert [each().colour for each in (stores.database, stores.migrations, stores.database_clock)] == ["green"] * 3


@pytest.mark.usefixtures("no_redis")
def test_without_redis_everything_that_needs_it_is_red() -> None:
    looks = (stores.redis, stores.redis_clock, queues.beat, queues.worker, queues.publisher, queues.depths)
    assert {look().colour for look in looks} == {Colour.RED}


def test_redis_and_its_clock_are_fine(redis: Redis) -> None:
    assert redis.ping()
    assert stores.redis().colour is Colour.GREEN
    assert stores.redis_clock().colour is Colour.GREEN


def test_a_fresh_heartbeat_says_that_beat_and_worker_live_and_how_long_tasks_wait(redis: Redis) -> None:
    now = timezone.now()
    note_heartbeat(redis, "default", at=now, sent_at=now - timedelta(seconds=1.5))
    note_heartbeat(redis, "publishing", at=now, sent_at=now - timedelta(seconds=12))

    assert queues.beat().colour is Colour.GREEN
    assert queues.worker() == green("Tasks are taken after 1.5 s.")
    assert queues.publisher().colour is Colour.AMBER
    assert "12.0 s" in queues.publisher().text


def test_tasks_that_nobody_takes_are_the_workers_fault(redis: Redis) -> None:
    redis.rpush("default", "a task")

    assert queues.worker().colour is Colour.RED
    assert "-Q default" in queues.worker().command
    assert queues.beat().colour is Colour.AMBER
    assert queues.publisher().colour is Colour.AMBER


def test_no_tasks_at_all_are_the_fault_of_beat(redis: Redis) -> None:
    assert redis.dbsize() == 0
    assert queues.beat().colour is Colour.RED
    assert "beat" in queues.beat().command


def test_many_tasks_that_wait_are_told(redis: Redis) -> None:
    assert queues.depths().colour is Colour.GREEN
    redis.rpush("default", *range(queues.DEEP))
    assert queues.depths().colour is Colour.AMBER


def test_the_tasks_of_beat_are_heartbeats_with_the_time_they_waited(redis: Redis) -> None:
    sent = timezone.now() - timedelta(seconds=3)
    tasks._note(SimpleNamespace(expires=(sent + timedelta(seconds=15)).isoformat()), "default")
    assert redis.hlen("apim:heartbeats") == 1
    assert queues.worker().text.startswith("Tasks are taken after 3.")
    for name in ("note worker", "note publisher"):
        assert django_settings.CELERY_BEAT_SCHEDULE[name]["schedule"] == 15


@pytest.mark.django_db
def test_no_gateway_is_told(environment: Environment) -> None:
    assert environment.gateways.count() == 0
    assert fleet.gateways().colour is Colour.AMBER


def test_a_silent_gateway_is_red_and_one_that_is_heard_from_green(environment: Environment) -> None:
    gateway = gateways_factory.enrolled_gateway(environment=environment, name="edge").gateway
    assert fleet.gateways().colour is Colour.RED
    assert "edge" in fleet.gateways().text

    for age, colour in ((timedelta(), Colour.GREEN), (SILENT_AFTER + timedelta(seconds=1), Colour.RED)):
        Gateway.objects.filter(pk=gateway.pk).update(seen_at=timezone.now() - age)
        assert fleet.gateways().colour is colour


def test_a_gateway_that_refuses_keys_by_now_if_it_runs_is_told(environment: Environment) -> None:
    gateway = gateways_factory.enrolled_gateway(environment=environment, name="edge").gateway
    for most_s, silent_s, is_told in ((900, 901, True), (900, 60, False), (0, 10**6, False)):
        Environment.objects.update(max_revocation_age_s=most_s)
        Gateway.objects.filter(pk=gateway.pk).update(seen_at=timezone.now() - timedelta(seconds=silent_s))
        verdict = fleet.gateways()
        assert (verdict.colour, "they refuse calls" in verdict.text) == (Colour.RED, is_told)


def test_a_worker_that_refuses_or_lags_is_told(environment: Environment) -> None:
    gateway = gateways_factory.enrolled_gateway(environment=environment).gateway
    now = timezone.now()
    Gateway.objects.update(seen_at=now)
    long_ago = now - timedelta(minutes=5)
    Environment.objects.update(revision=4, published_revision=4, published_at=long_ago)
    worker = Worker.objects.create(
        gateway=gateway, slot=0, pid=1, boot="b", revision=3, digest="old", started_at=long_ago, seen_at=now
    )

    assert fleet.gateways().colour is Colour.AMBER
    worker.problems = [{"code": "generation.E001"}]
    worker.save()
    assert fleet.gateways().colour is Colour.RED


def test_a_clock_that_is_wrong_is_told_for_a_day(environment: Environment) -> None:
    gateway = gateways_factory.enrolled_gateway(environment=environment, name="edge").gateway
    Gateway.objects.filter(pk=gateway.pk).update(seen_at=timezone.now())
    note_clock(gateway, 90 * 86_400, timezone.now())
    verdict = fleet.gateways()
    assert (verdict.colour, "clocks are wrong" in verdict.text, "edge" in verdict.text) == (Colour.AMBER, True, True)
    Gateway.objects.filter(pk=gateway.pk).update(clock_wrong_at=timezone.now() - CLOCK_TOLD_FOR)
    assert fleet.gateways().colour is Colour.GREEN


def test_changes_that_are_not_published_are_red(environment: Environment) -> None:
    assert fleet.publishing().colour is Colour.GREEN
    touch([environment.id])
    Environment.objects.update(touched_at=timezone.now() - timedelta(minutes=1))
    assert fleet.publishing().colour is Colour.RED


@pytest.mark.django_db
def test_a_state_that_was_compiled_otherwise_than_in_full_is_told_for_a_week(environment: Environment) -> None:
    Environment.objects.update(published_revision=F("revision"))
    now = timezone.now()
    for days, colour in ((8, Colour.GREEN), (6, Colour.AMBER)):
        at = now - timedelta(days=days)
        Comparison.objects.update_or_create(
            environment=environment, defaults={"compared_at": now, "differed_at": at, "differing": ["products"]}
        )
        assert fleet.publishing().colour is colour
    assert environment.display_name in fleet.publishing().text


@pytest.mark.parametrize(("days", "colour"), [(90, Colour.GREEN), (5, Colour.AMBER), (-1, Colour.RED)])
def test_certificates_that_end_are_told_in_time(environment: Environment, days: int, colour: Colour) -> None:
    chain, key = certificates_factory.self_signed("api.example.com", days=90)
    row = save_certificate(environment=environment, name="site", chain=chain, key=key, by=TESTER)
    row.not_after = timezone.now() + timedelta(days=days)
    row.save()
    assert fleet.certificates().colour is colour


@pytest.mark.django_db
def test_a_mail_server_that_does_not_answer_is_red() -> None:
    assert messages.mail_server().colour is Colour.AMBER
    assert messages.outbox().colour is Colour.GREEN
    MailServer.objects.create(host="127.0.0.1", port=1, use_tls=False, sender="a@example.com")
    assert messages.mail_server().colour is Colour.RED
    assert messages.outbox().colour is Colour.GREEN

    Message.objects.create(to="a@example.com", subject="s", body="b", retry_at=timezone.now() - timedelta(hours=1))
    assert messages.outbox().colour is Colour.RED
    Message.objects.update(attempts=MOST_ATTEMPTS, error="refused")
    assert messages.outbox().colour is Colour.AMBER


@pytest.mark.django_db
def test_events_of_stripe_that_are_not_applied_are_red(settings: Settings) -> None:
    assert money.stripe().colour is Colour.GREEN
    assert money.webhooks().text == "Stripe is not connected."
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = "sk_test_x", "http://127.0.0.1:1"
    assert money.stripe().colour is Colour.RED
    assert money.webhooks().colour is Colour.AMBER

    event = StripeEvent.objects.create(
        id="evt_1", mode=Mode.TEST, type="invoice.paid", body="{}", created_at=timezone.now()
    )
    assert money.webhooks().colour is Colour.GREEN
    StripeEvent.objects.filter(pk=event.pk).update(received_at=timezone.now() - timedelta(minutes=5))
    assert money.webhooks().colour is Colour.RED
    StripeEvent.objects.update(state=StripeEvent.State.DEAD)
    assert "could not be applied" in money.webhooks().text
    assert money.usage_outbox().colour is Colour.GREEN


@pytest.mark.parametrize(
    ("age", "colour"),
    [
        (timedelta(hours=3), Colour.GREEN),
        (timedelta(days=3), Colour.AMBER),
        (timedelta(days=9), Colour.RED),
        (None, Colour.AMBER),
    ],
    ids=["of today", "of days ago", "of last week", "none"],
)
def test_the_age_of_the_last_backup_is_told(
    settings: Settings, tmp_path: Path, age: timedelta | None, colour: Colour
) -> None:
    settings.ENV = replace(django_settings.ENV, home=tmp_path)
    if age is not None:
        note = {"made_at": (timezone.now() - age).isoformat(), "file": "/backups/a"}
        (tmp_path / host.BACKUP_NOTE).write_text(json.dumps(note))
    assert host.backup().colour is colour
    assert host.BACKUP_NOTE == NOTE


@pytest.mark.parametrize(
    ("records", "colour"), [(KEPT, Colour.GREEN), (LEFT_OUT, Colour.GREEN), ("", Colour.AMBER), (None, Colour.AMBER)]
)
def test_a_backup_without_the_files_of_records_is_told(
    settings: Settings, tmp_path: Path, records: str | None, colour: Colour
) -> None:
    settings.ENV, settings.RECORDS_FOLDER = replace(django_settings.ENV, home=tmp_path), tmp_path / "records"
    note = {"made_at": timezone.now().isoformat(), "file": "/backups/a"} | (
        {} if records is None else {"records": records}
    )
    (tmp_path / host.BACKUP_NOTE).write_text(json.dumps(note))
    verdict = host.backup()
    assert verdict.colour is colour
    assert (str(tmp_path / "records") in verdict.text) is (records != KEPT)
    assert (host.RECORDS_KEPT, host.RECORDS_LEFT_OUT) == (KEPT, LEFT_OUT)


def test_the_disk_is_looked_at(settings: Settings, tmp_path: Path) -> None:
    settings.ENV = replace(django_settings.ENV, home=tmp_path)
    assert "GiB" in host.disk().text


def test_keys_that_others_may_read_or_that_open_nothing_are_red(
    environment: Environment, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    settings.ENV = replace(django_settings.ENV, keys_file=file)
    assert host.keyring().colour is Colour.RED
    file.write_text("{}")
    file.chmod(0o644)
    assert host.keyring().command == f"chmod 600 {file}"
    file.chmod(0o600)
    chain, key = certificates_factory.self_signed("api.example.com")
    save_certificate(environment=environment, name="site", chain=chain, key=key, by=TESTER)
    assert host.keyring().colour is Colour.GREEN

    own: Keyring = django_settings.KEYRING
    settings.KEYRING = replace(own, sealing_key=bytes(32))
    assert "not those" in host.keyring().text
