"""Keys go on with the application that goes to another organization; clients of an issuer of the old side do not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apim.access.arrivals import luggage_of
from apim.access.models import Application, Credential
from apim.access.services import accept_transfer, register_client, roll_credential, subscribe
from apim.accounts.models import User
from apim.accounts.services import actor_of
from apim.audit.actor import Actor
from apim.catalog.services import create_api
from apim.gateways.models import AccessRecord, Environment
from tests.apim.access.conftest import Offer
from tests.apim.access.handing import Gateway, offered, take

pytestmark = pytest.mark.django_db


def test_keys_go_on_and_are_their_new_owners_to_answer_for(
    shop: Application, key: Credential, eva: User, developer: User
) -> None:
    assert key.creator == developer
    take(offered(shop), eva)
    key.refresh_from_db()
    assert (key.state, key.creator) == ("active", eva)
    assert not Credential.objects.visible_to(developer).exists()


def test_keys_are_rolled_on_wish_and_the_old_ones_go_on_for_a_while(
    offer: Offer, shop: Application, key: Credential, eva: User, by: Actor
) -> None:
    subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    transfer, organization = offered(shop), eva.memberships.get().organization
    moved = accept_transfer(
        transfer=transfer, organization=organization, user=eva, by=actor_of(eva), overlap_s=3600
    )  # fmt: skip
    (issued,) = moved.issued
    key.refresh_from_db()
    assert (key.state, key.successor) == ("rolling", issued.credential)
    gateway = Gateway()
    assert [gateway.call(each, offer.product.pk)[0] for each in (key, issued.credential)] == ["", ""]


@pytest.mark.parametrize("overlap_s", [0, 3600])
def test_a_key_that_the_old_side_rolled_before_ends_with_the_others(
    shop: Application, key: Credential, eva: User, by: Actor, overlap_s: int
) -> None:
    roll_credential(credential=key, by=by, overlap_s=604_800)
    take(offered(shop), eva, overlap_s=overlap_s)
    key.refresh_from_db()
    assert key.expires_at is not None
    assert key.state == ("rolling" if overlap_s else "revoked")
    assert not overlap_s or key.expires_at <= timezone.now() + timedelta(seconds=overlap_s)
    last = AccessRecord.objects.filter(kind=AccessRecord.Kind.CREDENTIAL, key=key.key_hash).latest("seq")
    assert last.body is None or last.body["expires_at"] == int(key.expires_at.timestamp())


def test_clients_of_an_issuer_of_the_old_side_do_not_come_along(
    shop: Application, eva: User, environment: Environment, by: Actor
) -> None:
    create_api(organization=shop.organization, name="own", by=by)
    client = register_client(application=shop, issuer="https://id.initech.example", client_id="c", by=by)
    organization = eva.memberships.get().organization
    assert luggage_of(shop, organization).left_keys == (client,)
    take(offered(shop), eva)
    client.refresh_from_db()
    assert client.state == "revoked"
