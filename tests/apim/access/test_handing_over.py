"""Applications go to another organization, and each call is paid for by who had it then."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pytest

from apim.access.arrivals import Fate, Obstacle, luggage_of
from apim.access.models import Application, Credential, Subscription
from apim.access.services import (
    create_application,
    create_credential,
    end_subscription,
    pause_subscription,
    revise_plan,
    roll_credential,
    set_payment,
    subscribe,
    withdraw_transfer,
)
from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Conflict, DomainError
from apim.notifications.models import Message, Notification
from apim.products.limits import Terms
from tests.apim.access.conftest import Offer
from tests.apim.access.handing import Gateway, offered, take
from tests.racing import at_once, codes_of

pytestmark = pytest.mark.django_db

PRICED = Terms(pricing={"currency": "EUR", "prices": [{"name": "base", "model": "flat", "amount": "10.00"}]})


def paid(application: Application, offer: Offer, by: Actor) -> Subscription:
    """A subscription with a plan that costs something, as checkout leaves it."""
    revise_plan(plan=offer.large, terms=PRICED, by=by)
    found = subscribe(application=application, product=offer.product, plan=offer.large, by=by, is_checkout=True)
    Subscription.objects.filter(pk=found.pk).update(lifecycle="active", awaits_payment=False)
    return set_payment(subscription=found, payment="ok", by=by)


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
    transfer = offered(shop)
    takes = partial(take, transfer, eva)
    first, second, withdrawn = at_once([takes, takes, partial(withdraw_transfer, transfer=transfer, by=by)])
    assert codes_of([first, second, withdrawn]) == ["access.transfer_over"] * 2
    shop.refresh_from_db()
    is_moved = isinstance(withdrawn, DomainError)
    assert shop.organization.name == ("globex" if is_moved else "initech")
    assert shop.subscriptions.count() == 1
    assert shop.subscriptions.get().organization_id == shop.organization_id


@pytest.mark.django_db(transaction=True)
def test_subscribing_while_it_moves_never_ties_it_to_both_sides(
    offer: Offer, shop: Application, eva: User, by: Actor
) -> None:
    transfer = offered(shop)
    subscribes = partial(subscribe, application=shop, product=offer.product, plan=offer.free, by=by)
    at_once([partial(take, transfer, eva), subscribes])
    here = Application.objects.get(pk=shop.pk)
    assert {each.organization_id for each in here.subscriptions.all()} <= {here.organization_id}
