"""Gateways and control plane find out that their access records differ, and mend it; pushes are signed (R7).

With the real database, the real answers and pushes, and the state of a gateway as it keeps it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from django.conf import settings
from redis import Redis

from apim.gateways.models import AccessRecord, Environment, Gateway
from apim.gateways.services import AccessChange, append_access
from gateway_sync.delivery import access_digests, access_log, services
from gateway_sync.delivery.access_digests import take_digest
from gateway_sync.delivery.kept_pages import KeptPages
from gateway_sync.delivery.push import channel_of, encode_update
from gateway_sync.delivery.sync import Ask, update_for
from gateway_sync.runtime.credentials import Credentials
from gateway_sync.runtime.keeper import Keeper
from gateway_sync.runtime.updates import decode_update
from tests.factories import gateways as factory

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "collect"])

DRIFTED = "access.E003"
Pull = Callable[[], None]


@pytest.fixture
def keeper(environment: Environment, tmp_path: Path) -> Keeper:
    """A gateway of the environment."""
    pepper = base64.b64encode(b"p").hex()
    return Keeper(tmp_path, Credentials(pepper, settings.KEYRING.verify_key(), environment.name))


@pytest.fixture
def pull(environment: Environment, keeper: Keeper) -> Pull:
    """Asks the control plane, as a gateway does."""
    gateway = factory.enrolled_gateway(environment=environment).gateway

    def ask() -> None:
        fresh = Gateway.objects.select_related("environment").get(pk=gateway.pk)
        answer = update_for(fresh, msgspec.json.decode(keeper.ask(0), type=Ask))
        keeper.take(decode_update(encode_update(answer)), is_pushed=False)

    return ask


def digest_twice(environment: Environment, pull: Pull, first: int) -> None:
    """Two digests are taken, a minute apart, and told."""
    for moment in (first, first + 60):
        take_digest(environment.id, lambda moment=moment: moment)  # type: ignore[misc]
        pull()


def given(environment: Environment, *keys: str) -> None:
    """Credentials with these hashes work."""
    body = {"organization": "org_1", "application": "app_1", "id": "crd_1", "state": "active", "expires_at": 1.5}
    append_access(environment_id=environment.id, changes=[AccessChange("credential", key, body) for key in keys])


def known(keeper: Keeper) -> None:
    """What the gateway has is counted."""
    counting = keeper._records._sum.begin()
    if counting is not None:
        counting.join()


@pytest.mark.usefixtures("no_redis")
def test_rows_that_are_changed_past_the_log_are_found_and_mended(
    environment: Environment, keeper: Keeper, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "_kept", KeptPages(clock=iter(range(0, 10**6, 60)).__next__))
    given(environment, "aa", "bb", "cc")
    services.publish(environment.id)
    pull()
    known(keeper)
    digest_twice(environment, pull, 1_000)
    assert DRIFTED not in keeper.problems
    rows = AccessRecord.objects.filter(environment=environment)
    rows.filter(key="aa").delete()
    rows.filter(key="bb").update(body={"id": "crd_2", "state": "suspended"})
    digest_twice(environment, pull, 2_000)
    assert DRIFTED in keeper.problems
    pull()
    assert keeper.access.find("credential", "aa") is None
    assert keeper.access.find("credential", "bb") == {"id": "crd_2", "state": "suspended"}
    assert keeper.access.find("credential", "cc") is not None
    known(keeper)
    digest_twice(environment, pull, 3_000)
    assert DRIFTED not in keeper.problems


def test_what_is_pushed_is_signed_and_believed_byte_for_byte(
    environment: Environment, keeper: Keeper, pull: Pull, redis: Redis
) -> None:
    given(environment, "aa")
    services.publish(environment.id)
    pull()
    channel = redis.pubsub(ignore_subscribe_messages=True)
    channel.subscribe(channel_of(environment.name))
    channel.get_message(timeout=2)
    append_access(environment_id=environment.id, changes=[AccessChange("credential", "aa", None)])
    services.publish(environment.id)
    heard = channel.get_message(timeout=2)
    assert heard is not None
    message: bytes = heard["data"]
    forged = message.replace(b'"aa"', b'"bb"')
    assert keeper.take(decode_update(forged), is_pushed=True).is_nothing
    assert "access.E002" in keeper.problems
    keeper.take(decode_update(message), is_pushed=True)
    assert keeper.access.find("credential", "aa") is None


@pytest.mark.usefixtures("no_redis")
def test_digests_are_taken_in_turn_and_not_all_the_time(environment: Environment) -> None:
    access_digests._due_at.clear()
    given(environment, "aa")
    assert access_digests.take_due_digests() == [environment.id]
    assert access_digests.take_due_digests() == []
    environment.refresh_from_db()
    check = access_digests.check_of(environment)
    assert check is not None
    assert (check.seq, check.digest.split(":")[0]) == (1, "1")
