"""Environments and gateways: numbers in the order of commits, checks of what admins write, tokens."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.db import connections, transaction

from apim import broker
from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Conflict, DomainError, Invalid, Problems
from apim.gateways.constants import PUBLISH_TASK, PUBLISHING_QUEUE
from apim.gateways.models import AccessRecord, Environment, Gateway
from apim.gateways.services import (
    AccessChange,
    append_access,
    authenticate_gateway,
    default_environment,
    enroll_gateway,
    touch,
    update_environment,
)

Sent = list[tuple[str, tuple[str, ...], str]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What was handed to Celery, whose broker is not ours to test."""
    messages: Sent = []

    def send_task(name: str, *, args: tuple[str, ...], queue: str, **_: object) -> None:
        messages.append((name, args, queue))

    monkeypatch.setattr(current_app, "send_task", send_task)
    monkeypatch.setattr(broker, "_broker", broker._Broker())
    monkeypatch.setattr(broker, "_PAUSE_AFTER_FAILURE_S", 3600)
    return messages


@pytest.fixture
def dead_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens where the broker should be, and this process does not know yet."""
    monkeypatch.setattr(broker, "_broker", broker._Broker())
    monkeypatch.setattr(broker, "_PAUSE_AFTER_FAILURE_S", 3600)
    monkeypatch.setitem(current_app.conf, "broker_url", "redis+socket:///nowhere/valkey.sock")
    monkeypatch.setitem(current_app.conf, "broker_write_url", "redis+socket:///nowhere/valkey.sock")


def revision_of(environment: Environment) -> int:
    return Environment.objects.values_list("revision", flat=True).get(id=environment.id)


@pytest.mark.django_db
def test_the_default_environment_is_made_once() -> None:
    assert default_environment() == default_environment()
    assert Environment.objects.get().name == "default"


@pytest.mark.django_db
def test_a_touch_counts_one_revision_for_each_environment(environment: Environment) -> None:
    other = Environment.objects.create(name="other")
    before = revision_of(environment)
    touch([environment.id, other.id, environment.id])
    assert (revision_of(environment), revision_of(other)) == (before + 1, 1)
    environment.refresh_from_db()
    assert environment.is_waiting_to_publish
    assert environment.touched_at is not None


@pytest.mark.django_db
def test_touching_what_does_not_exist_is_refused() -> None:
    with pytest.raises(Invalid) as refusal:
        touch(["env_none"])
    assert refusal.value.code == "gateways.no_environment"


@pytest.mark.django_db(transaction=True)
def test_one_transaction_announces_once_and_only_when_it_commits(environment: Environment, sent: Sent) -> None:
    with transaction.atomic():
        for number in range(3):
            touch([environment.id])
            append_access(
                environment_id=environment.id, changes=[AccessChange("application", f"app_{number}", {})]
            )  # fmt: skip
        assert sent == []
    assert sent == [(PUBLISH_TASK, (environment.id,), PUBLISHING_QUEUE)]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_announced_by_a_transaction_that_fails(environment: Environment, sent: Sent) -> None:
    def fail() -> None:
        with transaction.atomic():
            touch([environment.id])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_a_dead_broker_is_tried_once_and_fails_nobody(
    environment: Environment, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    before = revision_of(environment)
    request.getfixturevalue("dead_broker")
    for _ in range(20):
        touch([environment.id])
    assert revision_of(environment) == before + 20
    assert len([record.message for record in caplog.records if "waits for the clock" in record.message]) == 1


@pytest.mark.django_db
def test_the_last_change_of_a_key_wins_and_each_record_has_a_number_of_its_own(environment: Environment) -> None:
    changes = [
        AccessChange("application", "app_1", {"state": "active"}),
        AccessChange("credential", "ff", {"id": "crd_1"}),
        AccessChange("application", "app_1", {"state": "suspended"}),
    ]
    assert append_access(environment_id=environment.id, changes=changes) == 2
    assert append_access(environment_id=environment.id, changes=[AccessChange("credential", "ff", None)]) == 3
    assert append_access(environment_id=environment.id, changes=[]) == 3
    assert list(AccessRecord.objects.order_by("seq").values_list("kind", "seq", "body")) == [
        ("application", 1, {"state": "suspended"}),
        ("credential", 3, None),
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sent")
def test_a_reader_that_follows_the_numbers_misses_nothing_whatever_the_order_of_commits(
    environment: Environment,
) -> None:
    is_over = Event()
    gaps: list[tuple[int, int]] = []

    def write(writer: int) -> None:
        for number in range(15):
            with transaction.atomic():
                change = AccessChange("credential", f"{writer}-{number}", {})
                append_access(environment_id=environment.id, changes=[change])
                time.sleep(0.002 * writer)  # the first to take a number is not the first that would commit
        connections.close_all()

    def read() -> None:
        while not is_over.is_set():
            reached = Environment.objects.values_list("access_seq", flat=True).get(id=environment.id)
            known = AccessRecord.objects.filter(environment_id=environment.id, seq__lte=reached).count()
            if known != reached:
                gaps.append((reached, known))
        connections.close_all()

    reader = Thread(target=read)
    writers = [Thread(target=write, args=(writer,)) for writer in range(3)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    is_over.set()
    reader.join()
    assert gaps == []
    assert AccessRecord.objects.count() == 45


@pytest.mark.django_db
def test_a_change_of_the_environment_is_kept_told_and_in_the_audit_log(environment: Environment, by: Actor) -> None:
    before = revision_of(environment)
    update_environment(
        environment=environment,
        changes={"allowed_networks": ["10.0.0.0/8"], "address_burst": 7, "policies": [{"size-limit": {"max": "1MiB"}}]},
        by=by,
    )
    environment.refresh_from_db()
    assert (environment.allowed_networks, environment.address_burst) == (["10.0.0.0/8"], 7)
    assert environment.revision == before + 1
    event = AuditEvent.objects.get(action="environment.update")
    assert event.after["address_burst"] == 7


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"allowed_networks": ["nonsense"]}, "gateways.network_invalid"),
        ({"allowed_networks": [7.5]}, "gateways.network_invalid"),
        ({"allowed_networks": ["169.254.169.254/32"]}, "gateways.network_forbidden"),
        ({"allowed_networks": "10.0.0.0/8"}, "gateways.invalid_value"),
        ({"policies": [{"no-such": {}}]}, "policy.E001"),
        ({"policies": ["cors"]}, "gateways.policy_invalid"),
        ({"address_rate_per_s": -1}, "gateways.invalid_value"),
        ({"address_rate_per_s": 0}, "gateways.invalid_value"),
        ({"base_url": "nonsense"}, "gateways.invalid_value"),
        ({"max_revocation_age_s": -1}, "gateways.invalid_value"),
        ({"max_revocation_age_s": 59}, "gateways.invalid_value"),
        ({"max_revocation_age_s": 604_801}, "gateways.invalid_value"),
        ({"revision": 9}, "gateways.unknown_field"),
    ],
)
def test_a_change_that_gateways_could_not_use_is_refused(
    environment: Environment, by: Actor, changes: dict[str, object], code: str
) -> None:
    before = revision_of(environment)
    with pytest.raises(Invalid) as refusal:
        update_environment(environment=environment, changes=changes, by=by)
    assert refusal.value.code == code
    assert refusal.value.field == next(iter(changes))
    assert revision_of(environment) == before


@pytest.mark.django_db
def test_all_that_is_wrong_with_a_change_is_told_at_once(environment: Environment, by: Actor) -> None:
    with pytest.raises(Problems) as refusal:
        update_environment(environment=environment, changes={"allowed_networks": ["x", "y"]}, by=by)
    assert len(refusal.value.errors) == 2


@pytest.mark.django_db
def test_a_gateway_is_known_by_its_token_of_which_only_the_hash_is_kept(environment: Environment, by: Actor) -> None:
    enrolled = enroll_gateway(environment=environment, name="edge", by=by)
    assert authenticate_gateway(enrolled.token) == enrolled.gateway
    assert authenticate_gateway(enrolled.token + "x") is None
    assert authenticate_gateway("") is None
    stored = Gateway.objects.get()
    assert stored.token_hash == django_settings.KEYRING.hash_secret(enrolled.token)
    event = AuditEvent.objects.get(action="gateway.enroll")
    assert enrolled.token not in str(event.after)
    assert stored.token_hash not in str(event.after)


@pytest.mark.django_db
def test_enrolling_again_renews_the_token(environment: Environment, by: Actor) -> None:
    first = enroll_gateway(environment=environment, name="edge", by=by)
    second = enroll_gateway(environment=environment, name="edge", by=by)
    assert authenticate_gateway(first.token) is None
    assert authenticate_gateway(second.token) == first.gateway
    assert AuditEvent.objects.filter(action="gateway.renew_token").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "error"), [("edge", Conflict), ("no spaces", Invalid), ("", Invalid)])
def test_a_name_that_cannot_be_had_is_refused(
    environment: Environment, by: Actor, name: str, error: type[DomainError]
) -> None:
    enroll_gateway(environment=Environment.objects.create(name="other"), name="edge", by=by)
    with pytest.raises(error):
        enroll_gateway(environment=environment, name=name, by=by)


@pytest.mark.django_db
def test_admins_change_environments_owners_see_them_and_others_do_not(
    environment: Environment, by: Actor, request: pytest.FixtureRequest
) -> None:
    enroll_gateway(environment=environment, name="edge", by=by)
    people: Callable[[str], User] = request.getfixturevalue
    for name, sees, edits in (("admin", 1, 1), ("owner", 1, 0), ("developer", 0, 0), ("stranger", 0, 0)):
        user = people(name)
        for objects in (Environment.objects, Gateway.objects):
            assert (name, objects.visible_to(user).count(), objects.editable_by(user).count()) == (name, sees, edits)
