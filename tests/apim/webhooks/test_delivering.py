"""Deliveries: signed, tried again, given up, switched off, sent again; and what an endpoint cannot do to us (R11)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.errors import Conflict
from apim.notifications.models import Message
from apim.webhooks.constants import KEPT_FOR, LEASE, MOST_ATTEMPTS, PAUSES
from apim.webhooks.delivering import deliver_due, purge
from apim.webhooks.models import Attempt, Delivery, Endpoint, Event
from apim.webhooks.outbox import News, emit
from apim.webhooks.services import IssuedSecret, replay, replay_failed, roll_secret, send_test, update_endpoint
from tests.apim.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db


def happen(organization: Organization, type_: str = "key.revoked", **data: object) -> Event | None:
    """Something happens there."""
    emit([News(type_, organization.id, data)])
    return Event.objects.order_by("-id").first()


def test_an_event_arrives_once_signed_and_as_json(
    initech: Organization, issued: IssuedSecret, receiver: Receiver
) -> None:
    event = happen(initech, id="crd_1", label="Büro ✓")
    assert event is not None
    assert deliver_due() == 1
    [request] = receiver.received
    assert request.path == "/hook"
    assert request.message_id == event.id
    assert request.is_signed_by(issued.secret)
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {
        "type": "key.revoked",
        "timestamp": event.created_at.isoformat(),
        "data": {"id": "crd_1", "label": "Büro ✓"},
    }
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries.get().status, delivery.tries.get().response) == ("delivered", 200, "ok")
    assert deliver_due() == 0


def test_secrets_are_kept_encrypted(issued: IssuedSecret) -> None:
    kept = bytes(Endpoint.objects.get().secret_sealed)
    assert issued.secret.encode() not in kept


def test_only_chosen_events_of_the_own_organization_are_told(
    initech: Organization, acme: Organization, issued: IssuedSecret, by: Actor
) -> None:
    update_endpoint(endpoint=issued.endpoint, changes={"event_types": ["key.created"]}, by=by)
    happen(initech, "key.revoked")
    happen(acme, "key.created")
    assert not Event.objects.exists()
    happen(initech, "key.created")
    assert Delivery.objects.get().event.type == "key.created"


def test_what_is_told_once_only_is_told_once(initech: Organization, issued: IssuedSecret) -> None:
    for _ in range(2):
        emit([News("quota.used_up", initech.id, {}, once_key="sub_1:month:2026-11:100")])
    assert Delivery.objects.count() == 1


def test_a_failed_delivery_is_tried_again_by_the_schedule_under_the_same_id_and_then_given_up(
    initech: Organization, issued: IssuedSecret, receiver: Receiver
) -> None:
    receiver.status = 500
    with time_machine.travel(timezone.now(), tick=False) as clock:
        happen(initech)
        for pause in PAUSES:
            assert deliver_due() == 1
            assert deliver_due() == 0
            clock.shift(pause + timedelta(seconds=1))
        assert deliver_due() == 1
        clock.shift(timedelta(days=30))
        assert deliver_due() == 0
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.tries.count()) == ("failed", MOST_ATTEMPTS, MOST_ATTEMPTS)
    assert {each.message_id for each in receiver.received} == {delivery.event_id}
    assert len({each.body for each in receiver.received}) == 1


def test_an_endpoint_that_answers_again_is_told_what_it_missed(
    initech: Organization, issued: IssuedSecret, receiver: Receiver
) -> None:
    receiver.status = 503
    with time_machine.travel(timezone.now(), tick=False) as clock:
        happen(initech)
        deliver_due()
        assert Endpoint.objects.get().failing_since is not None
        receiver.status = 204
        clock.shift(PAUSES[0])
        deliver_due()
    assert Delivery.objects.get().state == "delivered"
    assert Endpoint.objects.get().failing_since is None


def test_days_of_failure_switch_an_endpoint_off_with_a_mail(
    initech: Organization, developer: User, issued: IssuedSecret, receiver: Receiver
) -> None:
    receiver.status = 500
    with time_machine.travel(timezone.now(), tick=False) as clock:
        happen(initech)
        deliver_due()
        clock.shift(timedelta(days=5, minutes=1))
        deliver_due()
    endpoint = Endpoint.objects.get()
    assert not endpoint.is_enabled
    assert endpoint.disabled_reason == "Nothing could be delivered for 5 days."
    assert Delivery.objects.get().state == "failed"
    mail = Message.objects.get(to=developer.email)
    assert f"/my/webhooks/{endpoint.id}" in mail.body


def test_410_switches_an_endpoint_off_at_once(initech: Organization, issued: IssuedSecret, receiver: Receiver) -> None:
    receiver.status = 410
    happen(initech)
    deliver_due()
    assert not Endpoint.objects.get().is_enabled


def test_what_a_switched_off_endpoint_misses_can_be_sent_again(
    initech: Organization, issued: IssuedSecret, receiver: Receiver, by: Actor
) -> None:
    update_endpoint(endpoint=issued.endpoint, changes={"is_enabled": False}, by=by)
    happen(initech)
    happen(initech)
    assert deliver_due() == 0
    with pytest.raises(Conflict):
        replay_failed(endpoint=issued.endpoint, since=timezone.now() - timedelta(hours=1), by=by)
    update_endpoint(endpoint=issued.endpoint, changes={"is_enabled": True}, by=by)
    assert replay_failed(endpoint=issued.endpoint, since=timezone.now() - timedelta(hours=1), by=by) == 2
    assert deliver_due() == 2
    assert len(receiver.received) == 2
    assert replay_failed(endpoint=issued.endpoint, since=timezone.now() - timedelta(hours=1), by=by) == 0


def test_a_delivered_event_can_be_replayed_under_its_id(
    initech: Organization, issued: IssuedSecret, receiver: Receiver, by: Actor
) -> None:
    happen(initech)
    deliver_due()
    replay(delivery=Delivery.objects.get(), by=by)
    deliver_due()
    first, second = receiver.received
    assert first.message_id == second.message_id
    assert Delivery.objects.get().tries.count() == 2


def test_after_a_roll_both_secrets_verify_until_the_overlap_ends(
    issued: IssuedSecret, receiver: Receiver, by: Actor
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        new = roll_secret(endpoint=issued.endpoint, overlap_s=3600, by=by).secret
        send_test(endpoint=issued.endpoint, by=by)
        deliver_due()
        clock.shift(timedelta(hours=1, seconds=1))
        send_test(endpoint=issued.endpoint, by=by)
        deliver_due()
    during, after = receiver.received
    assert during.is_signed_by(new)
    assert during.is_signed_by(issued.secret)
    assert after.is_signed_by(new)
    assert not after.is_signed_by(issued.secret)


def test_a_redirect_is_not_followed(initech: Organization, issued: IssuedSecret, receiver: Receiver) -> None:
    receiver.status, receiver.location = 307, f"http://127.0.0.1:{receiver.port}/elsewhere"
    happen(initech)
    deliver_due()
    assert [each.path for each in receiver.received] == ["/hook"]
    assert Attempt.objects.get().status == 307
    assert Delivery.objects.get().state == "pending"


def test_an_endless_answer_is_read_only_as_far_as_it_is_kept(
    initech: Organization, issued: IssuedSecret, receiver: Receiver
) -> None:
    receiver.is_endless, receiver.body = True, b"\0\xff"
    happen(initech)
    deliver_due()
    attempt = Attempt.objects.get()
    assert attempt.status == 200
    assert len(attempt.response) <= 2048
    assert "\0" not in attempt.response


def test_a_name_is_looked_up_when_it_is_connected_to(
    initech: Organization, issued: IssuedSecret, receiver: Receiver, settings: Settings
) -> None:
    Endpoint.objects.update(url=f"http://localhost:{receiver.port}/hook")
    settings.WEBHOOK_NETWORKS = []
    happen(initech)
    deliver_due()
    assert not receiver.received
    assert "address that events are not sent to" in Attempt.objects.get().error


def test_nobody_there_is_an_error_in_words(initech: Organization, issued: IssuedSecret, receiver: Receiver) -> None:
    Endpoint.objects.update(url="http://127.0.0.1:9/hook")
    happen(initech)
    deliver_due()
    attempt = Attempt.objects.get()
    assert attempt.status is None
    assert attempt.error


def test_one_endpoint_that_fails_keeps_no_other_waiting(
    initech: Organization, acme: Organization, issued: IssuedSecret, receiver: Receiver
) -> None:
    Endpoint.objects.update(failing_since=timezone.now())
    for _ in range(7):
        happen(initech)
    assert deliver_due(within_s=0) == 0
    assert deliver_due() == 7  # one of them at first; it answers, so the others follow


def test_a_claim_is_not_sent_twice_and_runs_out(
    initech: Organization, issued: IssuedSecret, receiver: Receiver
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        happen(initech)
        Delivery.objects.update(attempts=1, retry_at=timezone.now() + LEASE)  # as who was killed left it
        assert deliver_due() == 0
        clock.shift(LEASE)
        assert deliver_due() == 1
    assert len(receiver.received) == 1


def test_old_events_are_let_go_of(initech: Organization, issued: IssuedSecret) -> None:
    happen(initech)
    Event.objects.update(created_at=timezone.now() - KEPT_FOR - timedelta(hours=1))
    happen(initech)
    assert purge(now=timezone.now()) == 1
    assert Delivery.objects.count() == 1
