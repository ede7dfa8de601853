"""Applications are offered to another organization, which is told, and to nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apim.access.models import Application, ApplicationTransfer
from apim.access.services import (
    delete_application,
    expire_transfers,
    refuse_transfer,
    suspend_application,
    withdraw_transfer,
)
from apim.accounts.models import User
from apim.accounts.services import actor_of
from apim.audit.actor import Actor
from apim.errors import Conflict, Invalid
from apim.notifications.models import Message, Notification
from tests.apim.access.handing import offered, take
from tests.factories import access as access_factory
from tests.factories import accounts as accounts_factory
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db


def test_an_offer_says_the_same_whether_there_is_such_an_organization_or_not(shop: Application, eva: User) -> None:
    before = shop.transfers.count()
    for to in ("globex", "nobody-at-all", eva.email, "nobody@example.net"):
        transfer = offered(shop, to)
        assert str(transfer) == f"{shop} to {to}"
        withdraw_transfer(transfer=transfer, by=TESTER)
    assert shop.transfers.count() == before + 4
    assert not ApplicationTransfer.objects.exclude(addressed="globex").filter(recipient__isnull=False).exists()


def test_the_other_side_is_told_and_nobody_else(shop: Application, eva: User, owner: User) -> None:
    transfer = offered(shop)
    assert Message.objects.get(to=eva.email).subject == f"{shop.organization} offers you the application {shop}"
    assert f"/my/transfers/{transfer.pk}" in Message.objects.get(to=eva.email).body
    assert Notification.objects.get(kind="transfer").user == eva
    assert ApplicationTransfer.objects.answerable_by(eva).get() == transfer
    assert not ApplicationTransfer.objects.answerable_by(owner).exists()
    assert not ApplicationTransfer.objects.visible_to(owner).exists()


def test_an_address_without_an_account_gets_the_mail_and_sees_the_offer_after_signing_up(shop: Application) -> None:
    offered(shop, "Newcomer@Example.net")
    assert Message.objects.filter(to="newcomer@example.net").count() == 1
    newcomer = accounts_factory.registered("newcomer@example.net")
    assert ApplicationTransfer.objects.answerable_by(newcomer).exists()


def test_an_application_is_offered_to_one_at_a_time(shop: Application) -> None:
    offered(shop)
    with pytest.raises(Conflict, match="offered to somebody already"):
        offered(shop, "acme")


@pytest.mark.parametrize("to", ["", "Two Words", "not@", "initech"])
def test_what_can_be_nobody_else_is_refused_at_the_field(shop: Application, to: str) -> None:
    with pytest.raises(Invalid) as caught:
        offered(shop, to)
    assert caught.value.field == "to"


def test_a_suspended_application_is_not_handed_over(shop: Application, by: Actor, eva: User) -> None:
    transfer = offered(shop)
    suspend_application(application=shop, by=by)
    with pytest.raises(Conflict, match="suspended"):
        take(transfer, eva)
    withdraw_transfer(transfer=transfer, by=by)
    with pytest.raises(Conflict, match="suspended"):
        offered(shop)


def test_an_organization_makes_so_many_offers_a_day_and_no_more(shop: Application) -> None:
    for _ in range(20):
        withdraw_transfer(transfer=offered(shop, "nobody-at-all"), by=TESTER)
    with pytest.raises(Conflict, match="20 offers"):
        offered(shop)


def test_an_offer_ends_after_seven_days_and_the_offering_side_hears_of_it(
    shop: Application, eva: User, developer: User
) -> None:
    transfer = offered(shop)
    ApplicationTransfer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Conflict, match="is over"):
        take(transfer, eva)
    assert expire_transfers() == 1
    assert expire_transfers() == 0
    transfer.refresh_from_db()
    assert transfer.state == "expired"
    assert "in time" in Notification.objects.get(user=developer).title
    offered(shop)


def test_a_refused_or_withdrawn_offer_moves_nothing_and_cannot_be_accepted(
    shop: Application, eva: User, developer: User
) -> None:
    transfer = offered(shop)
    refuse_transfer(transfer=transfer, by=actor_of(eva))
    assert "was refused" in Message.objects.get(to=developer.email).subject
    with pytest.raises(Conflict, match="is over"):
        take(transfer, eva)
    with pytest.raises(Conflict, match="is over"):
        withdraw_transfer(transfer=transfer, by=TESTER)
    again = offered(shop)
    withdraw_transfer(transfer=again, by=TESTER)
    with pytest.raises(Conflict, match="is over"):
        take(again, eva)
    shop.refresh_from_db()
    assert shop.organization.name == "initech"


def test_a_deleted_application_takes_its_offer_along(shop: Application, by: Actor) -> None:
    offered(shop)
    delete_application(application=shop, by=by)
    assert not ApplicationTransfer.objects.exists()


def test_an_own_application_of_a_person_is_offered_to_their_company_by_themselves(
    eva: User,
) -> None:
    person = accounts_factory.registered("solo@example.net")
    mine = access_factory.application(of=person.memberships.get().organization, name="script")
    transfer = offered(mine)
    assert ApplicationTransfer.objects.withdrawable_by(person).get() == transfer
    assert take(transfer, eva).name == "script"
