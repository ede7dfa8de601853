"""Applications go to another organization: keys go on, and each call is paid for by who had it then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import product as pairs
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils import timezone

from apim.access.arrivals import Fate, Obstacle, Terms, fate_of, luggage_of
from apim.access.models import Application, ApplicationTransfer, Credential, Subscription
from apim.access.services import (
    accept_transfer,
    create_application,
    create_credential,
    delete_application,
    end_subscription,
    expire_transfers,
    offer_application,
    pause_subscription,
    refuse_transfer,
    register_client,
    revise_plan,
    roll_credential,
    set_payment,
    subscribe,
    suspend_application,
    withdraw_transfer,
)
from apim.accounts.models import Organization, User
from apim.accounts.services import actor_of
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Conflict, DomainError, Invalid
from apim.gateways.models import AccessRecord, Environment
from apim.notifications.models import Message, Notification
from apim.products.limits import Terms as PlanTerms
from gateway_sync.runtime.core.access import Record, find_verdict
from tests.apim.access.conftest import Offer
from tests.factories import access as access_factory
from tests.factories import accounts as accounts_factory
from tests.factories.accounts import TESTER

PRICED = PlanTerms(pricing={"currency": "EUR", "prices": [{"name": "base", "model": "flat", "amount": "10.00"}]})
LIFECYCLES = ("pending", "active", "paused", "canceled")


class Gateway:
    """What a gateway knows of access, and whom it lets pass by which subscription."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Record] = {}
        self.seq = 0
        self.read()

    def changes(self) -> list[AccessRecord]:
        """What it has not read yet, in the order in which it comes."""
        return list(AccessRecord.objects.filter(seq__gt=self.seq).order_by("seq", "id"))

    def apply(self, change: AccessRecord) -> None:
        """Take one change in."""
        self.seq = max(self.seq, change.seq)
        if change.body is None:
            self.known.pop((change.kind, change.key), None)
        else:
            self.known[change.kind, change.key] = change.body

    def read(self) -> None:
        """Take all in."""
        for change in self.changes():
            self.apply(change)

    def find(self, kind: str, key: str) -> Record | None:
        """See Records."""
        return self.known.get((kind, key))

    def subscriptions_of(self, application: str) -> list[tuple[str, Record]]:
        """See Records."""
        return [
            (key, body)
            for (kind, key), body in sorted(self.known.items())
            if kind == "subscription" and application in body["applications"]
        ]

    def call(self, credential: Credential, product: str) -> tuple[str, str, str]:
        """(code, organization, subscription) of a call now."""
        verdict = find_verdict(self, credential.key_hash, [(product, 0)], int(timezone.now().timestamp()))
        return verdict.code, verdict.identity.organization, verdict.subscription


@pytest.fixture
def eva(globex: Organization, other_owner: User) -> User:
    """Who speaks for globex, where applications go."""
    assert other_owner.memberships.get().organization == globex
    return other_owner


@pytest.fixture
def key(shop: Application, developer: User) -> Credential:
    """A key of the application."""
    return create_credential(application=shop, by=TESTER, creator=developer).credential


def offered(shop: Application, to: str = "globex") -> ApplicationTransfer:
    return offer_application(application=shop, to=to, by=TESTER)


def paid(application: Application, offer: Offer, by: Actor) -> Subscription:
    """A subscription with a plan that costs something, as checkout leaves it."""
    revise_plan(plan=offer.large, terms=PRICED, by=by)
    found = subscribe(application=application, product=offer.product, plan=offer.large, by=by, is_checkout=True)
    Subscription.objects.filter(pk=found.pk).update(lifecycle="active", awaits_payment=False)
    return set_payment(subscription=found, payment="ok", by=by)


# --- what comes along: pure -----------------------------------------------------------------------------------------


EVERYTHING = [
    Terms(lifecycle, is_paid, is_manual, is_open, own, is_suspended)
    for lifecycle, is_paid, is_manual, is_open, own, is_suspended in pairs(
        LIFECYCLES, (False, True), (False, True), (False, True), ("", *LIFECYCLES), (False, True)
    )
]


def test_nothing_that_costs_or_needs_a_decision_ever_begins_for_who_did_not_ask() -> None:
    for terms in EVERYTHING:
        fate, _ = fate_of(terms)
        if fate == Fate.FOLLOWS:
            assert terms == Terms(terms.lifecycle, is_own_suspended=terms.is_own_suspended)


def test_what_joins_goes_to_a_subscription_that_lets_calls_pass() -> None:
    for terms in EVERYTHING:
        fate, _ = fate_of(terms)
        if fate == Fate.JOINS:
            assert terms.own_lifecycle in {"active", "canceled"}
            assert not terms.is_own_suspended


def test_only_what_waits_has_an_obstacle_and_only_what_was_never_granted_stays() -> None:
    for terms in EVERYTHING:
        fate, obstacle = fate_of(terms)
        assert (fate == Fate.WAITS) == (obstacle is not None)
        assert (fate == Fate.STAYS) == (terms.lifecycle == "pending")


# --- the offer ------------------------------------------------------------------------------------------------------

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


# --- the move -------------------------------------------------------------------------------------------------------


def take(transfer: ApplicationTransfer, user: User, *, overlap_s: int | None = None, agreed: str = "") -> Application:
    organization = user.memberships.get().organization
    return accept_transfer(
        transfer=transfer, organization=organization, user=user, by=actor_of(user), agreed=agreed, overlap_s=overlap_s
    ).application


def test_a_free_subscription_goes_along_and_each_call_is_of_who_had_it_then(
    offer: Offer, shop: Application, key: Credential, eva: User, by: Actor
) -> None:
    old = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    gateway, product = Gateway(), offer.product.pk
    assert gateway.call(key, product) == ("", shop.organization_id, old.pk)
    globex = take(offered(shop), eva).organization
    new = Subscription.objects.get(organization=globex)
    for change in gateway.changes():  # read one by one, as the worst of gateways might
        gateway.apply(change)
        code, _, subscription = gateway.call(key, product)
        assert code == ""
        assert subscription in {old.pk, new.pk}
    assert gateway.call(key, product) == ("", globex.pk, new.pk)
    assert new.plan_version == old.plan_version
    assert new.payment == "none"
    old.refresh_from_db()
    assert old.lifecycle == "active"
    assert not old.applications.exists()


def test_a_paid_subscription_never_goes_along_until_the_new_side_has_its_own(
    offer: Offer, shop: Application, key: Credential, eva: User, globex: Organization, by: Actor
) -> None:
    theirs = paid(shop, offer, by)
    transfer = offered(shop)
    with pytest.raises(Conflict) as caught:
        take(transfer, eva)
    assert caught.value.code == "access.transfer_blocked"
    assert "Subscribe to it first" in caught.value.hint
    assert Gateway().call(key, offer.product.pk) == ("", shop.organization_id, theirs.pk)
    mine = paid(create_application(organization=globex, name="own", by=by), offer, by)
    gateway = Gateway()
    take(transfer, eva)
    for change in gateway.changes():
        gateway.apply(change)
        assert gateway.call(key, offer.product.pk)[0] == ""
    assert gateway.call(key, offer.product.pk) == ("", globex.pk, mine.pk)
    theirs.refresh_from_db()
    assert (theirs.organization.name, theirs.payment, theirs.lifecycle) == ("initech", "ok", "active")
    assert Subscription.objects.count() == 2


def test_taking_the_application_out_of_what_is_paid_lets_it_go(
    offer: Offer, shop: Application, eva: User, by: Actor
) -> None:
    held = paid(shop, offer, by)
    transfer = offered(shop)
    end_subscription(subscription=held, by=by)
    assert take(transfer, eva).organization.name == "globex"


def test_what_its_owner_decides_about_is_not_gained_by_a_transfer(
    offer: Offer, shop: Application, eva: User, by: Actor
) -> None:
    asked = subscribe(application=shop, product=offer.product, plan=offer.manual, by=by)
    luggage = luggage_of(shop, eva.memberships.get().organization)
    assert [each.fate for each in luggage.arrivals] == [Fate.STAYS]
    Subscription.objects.filter(pk=asked.pk).update(lifecycle="active")
    luggage = luggage_of(shop, eva.memberships.get().organization)
    assert [(each.fate, each.obstacle) for each in luggage.arrivals] == [(Fate.WAITS, Obstacle.APPROVAL)]


def test_a_private_plan_goes_to_nobody_whom_it_is_not_offered_to(
    offer: Offer, shop: Application, acme: Organization, eva: User, by: Actor
) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    offer.free.visibility = "private"
    offer.free.save()
    luggage = luggage_of(shop, eva.memberships.get().organization)
    assert [each.obstacle for each in luggage.obstacles] == [Obstacle.CLOSED]
    offer.free.offered_to.add(eva.memberships.get().organization)
    assert take(offered(shop), eva).subscriptions.get().plan_version == subscription.plan_version


def test_what_is_paused_stays_paused(offer: Offer, shop: Application, eva: User, by: Actor) -> None:
    old = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    pause_subscription(subscription=old, by=by)
    moved = take(offered(shop), eva)
    assert moved.subscriptions.get().lifecycle == "paused"


def test_the_application_joins_the_subscription_that_the_new_side_has(
    offer: Offer, shop: Application, eva: User, globex: Organization, by: Actor
) -> None:
    subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    own = create_application(organization=globex, name="shop", by=by)
    theirs = subscribe(application=own, product=offer.product, plan=offer.free, by=by)
    moved = take(offered(shop), eva)
    assert moved.subscriptions.get() == theirs
    assert moved.name == "shop-2"


def test_others_of_the_old_side_keep_their_subscription(offer: Offer, shop: Application, eva: User, by: Actor) -> None:
    old = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    kiosk = create_application(organization=shop.organization, name="kiosk", by=by)
    subscribe(application=kiosk, product=offer.product, plan=offer.free, by=by)
    take(offered(shop), eva)
    assert list(old.applications.all()) == [kiosk]


def test_reasons_of_what_is_over_stay_behind(
    offer: Offer, shop: Application, key: Credential, eva: User, by: Actor
) -> None:
    old = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    end_subscription(subscription=old, by=by, reason="A private matter.")
    gateway = Gateway()
    assert gateway.call(key, offer.product.pk)[0] == "subscription-inactive"
    take(offered(shop), eva)
    gateway.read()
    assert gateway.call(key, offer.product.pk)[0] == "no-subscription"


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
    from apim.catalog.services import create_api  # noqa: PLC0415 - only here

    create_api(organization=shop.organization, name="own", by=by)
    client = register_client(application=shop, issuer="https://id.initech.example", client_id="c", by=by)
    organization = eva.memberships.get().organization
    assert luggage_of(shop, organization).left_keys == (client,)
    take(offered(shop), eva)
    client.refresh_from_db()
    assert client.state == "revoked"


def test_both_sides_are_told_and_both_logs_have_it(shop: Application, eva: User, developer: User) -> None:
    initech = shop.organization_id
    moved = take(offered(shop), eva)
    assert Message.objects.get(to=developer.email).subject == f"{shop} belongs to Globex Corp now"
    assert Notification.objects.filter(cause__startswith="transfer.here", user=eva).count() == 1
    events = AuditEvent.objects.filter(action="application.transfer")
    assert sorted(events.values_list("organization_id", flat=True)) == sorted([initech, moved.organization_id])


def test_what_changed_since_it_was_shown_is_shown_again(offer: Offer, shop: Application, eva: User, by: Actor) -> None:
    transfer = offered(shop)
    agreed = luggage_of(shop, eva.memberships.get().organization).digest
    subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    with pytest.raises(Conflict, match="changed since you looked"):
        take(transfer, eva, agreed=agreed)


def test_who_looked_the_application_up_before_it_moved_adds_nothing_to_it(
    offer: Offer, shop: Application, key: Credential, eva: User, by: Actor
) -> None:
    stale = Application.objects.select_related("organization").get(pk=shop.pk)
    stale_key = Credential.objects.select_related("application").get(pk=key.pk)
    take(offered(shop), eva)
    acts: Mapping[str, object] = {
        "subscribe": lambda: subscribe(application=stale, product=offer.product, plan=offer.free, by=by),
        "key": lambda: create_credential(application=stale, by=by),
        "roll": lambda: roll_credential(credential=stale_key, by=by),
    }
    for act in acts.values():
        with pytest.raises(Conflict, match="another organization"):
            act()  # type: ignore[operator]


@pytest.mark.django_db(transaction=True)
def test_of_two_presses_at_once_one_moves_it(offer: Offer, shop: Application, eva: User, by: Actor) -> None:
    subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    transfer, barrier, ends = offered(shop), Barrier(3), []

    def press(act: str) -> None:
        barrier.wait()
        try:
            take(transfer, eva) if act == "take" else withdraw_transfer(transfer=transfer, by=by)
            ends.append(act)
        except DomainError as error:
            ends.append(error.code)
        finally:
            connection.close()

    threads = [Thread(target=press, args=(act,)) for act in ("take", "take", "withdraw")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends)[:2] == ["access.transfer_over"] * 2
    shop.refresh_from_db()
    is_moved = "take" in ends
    assert shop.organization.name == ("globex" if is_moved else "initech")
    assert shop.subscriptions.count() == 1
    assert shop.subscriptions.get().organization_id == shop.organization_id


@pytest.mark.django_db(transaction=True)
def test_subscribing_while_it_moves_never_ties_it_to_both_sides(
    offer: Offer, shop: Application, eva: User, by: Actor
) -> None:
    transfer, barrier = offered(shop), Barrier(2)

    def act(is_move: bool) -> None:
        barrier.wait()
        try:
            if is_move:
                take(transfer, eva)
            else:
                subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
        except DomainError:
            pass
        finally:
            connection.close()

    threads = [Thread(target=act, args=(is_move,)) for is_move in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    here = Application.objects.get(pk=shop.pk)
    assert {each.organization_id for each in here.subscriptions.all()} <= {here.organization_id}


def test_an_own_application_of_a_person_is_offered_to_their_company_by_themselves(
    offer: Offer, eva: User, by: Actor
) -> None:
    person = accounts_factory.registered("solo@example.net")
    mine = access_factory.application(of=person.memberships.get().organization, name="script")
    transfer = offered(mine)
    assert ApplicationTransfer.objects.withdrawable_by(person).get() == transfer
    assert take(transfer, eva).name == "script"
