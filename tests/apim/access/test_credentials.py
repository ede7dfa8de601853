"""Keys: issued, rolled, revoked, expired, and what gateways hear of each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings
from django.utils import timezone

from apim.access import services
from apim.access.keys import is_well_formed, prefix_of
from apim.access.models import Application, Credential
from apim.access.services import IssuedKey
from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Conflict, Invalid
from apim.gateways.models import Environment
from tests.apim.access.conftest import Log, Offer
from tests.factories import access as access_factory
from tests.racing import at_once, codes_of

HOUR_S = 3600


@pytest.fixture
def issued(shop: Application, developer: User) -> IssuedKey:
    """A live key that the developer made."""
    return access_factory.issued_key(application=shop, creator=developer)


def record_of(log: Log, credential: Credential) -> dict[str, object]:
    body = log.body("credential", credential.key_hash)
    assert body is not None
    return body


def test_the_key_is_told_once_and_kept_as_a_keyed_hash(issued: IssuedKey) -> None:
    assert is_well_formed(issued.key)
    stored = Credential.objects.filter(pk=issued.credential.pk).values().get()
    assert issued.key not in str(stored)
    assert stored["key_hash"] == settings.KEYRING.hash_secret(issued.key)
    assert stored["prefix"] == prefix_of(issued.key)


def test_the_audit_log_holds_neither_key_nor_hash(issued: IssuedKey) -> None:
    event = AuditEvent.objects.get(action="credential.create")
    assert issued.key not in str(event.after)
    assert issued.credential.key_hash not in str(event.after)
    assert event.organization_id == issued.credential.application.organization_id


def test_gateways_hear_of_a_key_with_its_application_and_organization(
    issued: IssuedKey, shop: Application, log: Log
) -> None:
    assert record_of(log, issued.credential) == {
        "id": issued.credential.id,
        "application": shop.id,
        "organization": shop.organization_id,
        "product": "",
        "state": "active",
        "expires_at": 0,
    }
    assert log.body("application", shop.id) is not None
    assert log.body("organization", shop.organization_id) is not None


def test_a_key_may_be_bound_to_a_product_and_a_day(shop: Application, offer: Offer, log: Log) -> None:
    expires_at = timezone.now() + timedelta(days=90)
    issued = access_factory.issued_key(application=shop, product=offer.product, expires_at=expires_at)
    body = record_of(log, issued.credential)
    assert body["product"] == offer.product.id
    assert body["expires_at"] == int(expires_at.timestamp())


def test_a_key_tells_its_environment_alone(shop: Application, environment: Environment) -> None:
    test = Environment.objects.create(name="test")
    issued = access_factory.issued_key(application=shop, environment=test)
    assert issued.key.startswith("apim_test_")
    assert environment.access_records.count() == 0
    assert test.access_records.filter(kind="credential").count() == 1


def test_an_expiry_in_the_past_is_refused(shop: Application, by: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        services.create_credential(application=shop, by=by, expires_at=timezone.now())
    assert (caught.value.code, caught.value.field) == ("access.expiry_in_the_past", "expires_at")


def test_a_suspended_application_gets_no_key(shop: Application, by: Actor) -> None:
    services.suspend_application(application=shop, by=by)
    with pytest.raises(Conflict) as caught:
        services.create_credential(application=shop, by=by)
    assert caught.value.code == "access.application_suspended"


def test_rolling_with_an_overlap_lets_the_old_key_live_until_then(issued: IssuedKey, log: Log, by: Actor) -> None:
    before = timezone.now()
    successor = services.roll_credential(credential=issued.credential, by=by, overlap_s=HOUR_S)
    old = Credential.objects.get(pk=issued.credential.pk)
    assert old.state == "rolling"
    assert old.successor == successor.credential
    assert old.expires_at is not None
    assert timedelta(0) <= old.expires_at - before - timedelta(seconds=HOUR_S) < timedelta(minutes=10)
    assert record_of(log, old)["state"] == "rolling"
    assert record_of(log, successor.credential)["state"] == "active"


def test_rolling_now_kills_the_old_key_and_brings_the_new_one_in_one_step(
    issued: IssuedKey, log: Log, by: Actor
) -> None:
    successor = services.roll_credential(credential=issued.credential, by=by, overlap_s=0)
    assert log.body("credential", issued.credential.key_hash) is None
    assert record_of(log, successor.credential)["state"] == "active"


def test_a_successor_has_the_lifetime_label_and_product_of_the_old_key(
    shop: Application, offer: Offer, by: Actor
) -> None:
    old = access_factory.issued_key(
        application=shop, product=offer.product, label="ci", expires_at=timezone.now() + timedelta(days=90)
    )
    new = services.roll_credential(credential=old.credential, by=by, overlap_s=0).credential
    assert (new.product, new.label) == (offer.product, "ci")
    assert new.expires_at is not None
    assert abs(new.expires_at - new.created_at - timedelta(days=90)) < timedelta(minutes=10)


def test_an_overlap_never_prolongs_an_old_key(shop: Application, by: Actor) -> None:
    expires_at = timezone.now() + timedelta(minutes=5)
    old = access_factory.issued_key(application=shop, expires_at=expires_at).credential
    services.roll_credential(credential=old, by=by, overlap_s=HOUR_S)
    old.refresh_from_db()
    assert old.expires_at == expires_at


@pytest.mark.parametrize("overlap_s", [-1, services.LONGEST_OVERLAP_S + 1])
def test_an_overlap_out_of_range_is_refused(issued: IssuedKey, by: Actor, overlap_s: int) -> None:
    with pytest.raises(Invalid) as caught:
        services.roll_credential(credential=issued.credential, by=by, overlap_s=overlap_s)
    assert caught.value.code == "access.overlap_out_of_range"


def test_a_key_that_is_not_active_cannot_be_rolled(issued: IssuedKey, by: Actor) -> None:
    services.roll_credential(credential=issued.credential, by=by, overlap_s=HOUR_S)
    with pytest.raises(Conflict) as caught:
        services.roll_credential(credential=issued.credential, by=by, overlap_s=HOUR_S)
    assert caught.value.code == "access.key_not_active"


def test_a_revoked_key_leaves_the_log_and_a_second_click_is_no_error(issued: IssuedKey, log: Log, by: Actor) -> None:
    revoked = services.revoke_credential(credential=issued.credential, by=by)
    assert revoked.state == "revoked"
    assert revoked.revoked_at is not None
    assert log.body("credential", revoked.key_hash) is None
    seq = log.seq()
    services.revoke_credential(credential=issued.credential, by=by)
    assert log.seq() == seq
    assert AuditEvent.objects.filter(action="credential.revoke").count() == 1


def test_keys_past_their_expiry_are_marked_and_leave_the_log(issued: IssuedKey, log: Log, by: Actor) -> None:
    Credential.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert services.expire_credentials() == 0
    Credential.objects.update(expires_at=timezone.now())
    assert services.expire_credentials() == 1
    issued.credential.refresh_from_db()
    assert issued.credential.state == "expired"
    assert log.body("credential", issued.credential.key_hash) is None


def test_last_use_never_goes_back(issued: IssuedKey) -> None:
    now = timezone.now()
    earlier = now - timedelta(minutes=1)
    services.note_last_used([(issued.credential.id, earlier), (issued.credential.id, now), ("crd_gone", now)])
    services.note_last_used([(issued.credential.id, earlier)])
    issued.credential.refresh_from_db()
    assert issued.credential.last_used_at == now


def test_noting_many_uses_takes_few_queries(
    shop: Application, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    now = timezone.now()
    pairs = [(f"crd_{number}", now) for number in range(1200)]
    with django_assert_max_num_queries(5):  # type: ignore[attr-defined]
        services.note_last_used(pairs)


def test_deleting_an_application_takes_its_keys_and_its_place_in_subscriptions(
    issued: IssuedKey, shop: Application, offer: Offer, log: Log, by: Actor
) -> None:
    subscription = access_factory.subscription(application=shop, product=offer.product, plan=offer.free)
    shop_id = shop.id
    services.delete_application(application=shop, by=by)
    assert log.body("credential", issued.credential.key_hash) is None
    assert log.body("application", shop_id) is None
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["applications"] == []
    assert AuditEvent.objects.get(action="application.delete").target_id == shop_id


@pytest.mark.django_db(transaction=True)
def test_of_many_rolling_one_key_at_once_one_succeeds(issued: IssuedKey, by: Actor) -> None:
    roll = partial(services.roll_credential, credential=issued.credential, by=by, overlap_s=HOUR_S)
    ends = at_once([roll] * 6)
    assert codes_of(ends) == ["access.key_not_active"] * 5
    assert Credential.objects.live().count() == 2
