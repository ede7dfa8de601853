"""Subscribing, changing plans, and the decisions of a product's owners."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from apim.access import services
from apim.access.models import Application, Subscription
from apim.access.services import subscribe
from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Conflict, Invalid
from apim.notifications.models import Message
from apim.products.services import Terms, archive_plan, archive_product, create_plan
from tests.apim.access.conftest import Log, Offer
from tests.factories import access as access_factory
from tests.racing import at_once, codes_of


def test_a_plan_that_approves_by_itself_is_active_at_once_and_gateways_hear_all_they_join_on(
    offer: Offer, shop: Application, log: Log, by: Actor
) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    assert subscription.lifecycle == "active"
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["applications"] == [shop.id]
    assert body["plan"] == subscription.plan_version_id
    assert body["lifecycle"] == "active"
    assert body["ends_at"] == 0
    assert log.body("application", shop.id) == {
        "organization": shop.organization_id, "state": "active", "name": "shop",
    }  # fmt: skip
    assert log.body("organization", shop.organization_id) == {"state": "active"}


def test_a_manual_plan_waits_and_its_owners_are_told(
    offer: Offer, shop: Application, log: Log, owner: User, by: Actor
) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.manual, by=by, note="for our app")
    assert subscription.lifecycle == "pending"
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["lifecycle"] == "pending"
    message = Message.objects.get()
    assert message.to == owner.email
    assert "for our app" in message.body
    assert "their calls are refused" in message.body
    assert "/console/approvals" in message.body


def test_without_owners_the_admins_are_told(offer: Offer, shop: Application, admin: User, by: Actor) -> None:
    subscribe(application=shop, product=offer.product, plan=offer.manual, by=by)
    assert Message.objects.get().to == admin.email


def test_a_second_application_joins_the_subscription_of_its_organization(
    offer: Offer, shop: Application, log: Log, by: Actor
) -> None:
    first = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    kiosk = access_factory.application(of=shop.organization, name="kiosk")
    second = subscribe(application=kiosk, product=offer.product, plan=offer.free, by=by)
    assert second.pk == first.pk
    body = log.body("subscription", first.id)
    assert body is not None
    assert body["applications"] == sorted([shop.id, kiosk.id])


def test_subscribing_twice_changes_nothing(offer: Offer, shop: Application, by: Actor) -> None:
    subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    events = AuditEvent.objects.count()
    subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    assert AuditEvent.objects.count() == events
    assert Subscription.objects.count() == 1


def test_another_plan_that_approves_by_itself_is_in_force_at_once(
    offer: Offer, shop: Application, log: Log, by: Actor
) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    changed = subscribe(application=shop, product=offer.product, plan=offer.large, by=by)
    assert changed.pk == subscription.pk
    assert changed.plan_version.plan == offer.large
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["plan"] == changed.plan_version_id


def test_a_change_to_a_manual_plan_is_a_request_while_the_old_plan_goes_on(
    offer: Offer, shop: Application, log: Log, owner: User, by: Actor
) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    asked = subscribe(application=shop, product=offer.product, plan=offer.manual, by=by)
    assert asked.lifecycle == "active"
    assert asked.plan_version.plan == offer.free
    assert list(Subscription.objects.awaiting_decision().decidable_by(owner)) == [subscription]
    approved = services.approve_subscription(subscription=asked, by=by)
    assert approved.plan_version.plan == offer.manual
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["plan"] == approved.plan_version_id
    assert not Subscription.objects.awaiting_decision().exists()


def test_a_refused_change_of_plan_leaves_the_subscription_as_it_was(
    offer: Offer, shop: Application, developer: User, by: Actor
) -> None:
    subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    asked = subscribe(application=shop, product=offer.product, plan=offer.manual, by=by)
    refused = services.reject_subscription(subscription=asked, by=by, reason="not now")
    assert refused.lifecycle == "active"
    assert refused.plan_version.plan == offer.free
    assert refused.requested_plan_version is None
    message = Message.objects.filter(to=developer.email).get()
    assert "not now" in message.body
    assert "goes on with the plan free" in message.body


def test_approval_tells_the_subscribers_and_the_gateways(
    offer: Offer, shop: Application, log: Log, developer: User, by: Actor
) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.manual, by=by)
    services.approve_subscription(subscription=subscription, by=by)
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["lifecycle"] == "active"
    assert Message.objects.filter(to=developer.email, subject__contains="is approved").exists()


def test_a_rejected_subscription_tells_why_until_it_is_asked_for_again(
    offer: Offer, shop: Application, log: Log, by: Actor
) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.manual, by=by)
    services.reject_subscription(subscription=subscription, by=by, reason="no")
    told = log.body("subscription", subscription.id)
    assert told is not None
    assert (told["lifecycle"], told["reason"]) == ("rejected", "no")
    again = subscribe(application=shop, product=offer.product, plan=offer.manual, by=by)
    assert again.pk != subscription.pk


def test_a_rejection_without_reason_is_refused(offer: Offer, shop: Application, by: Actor) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.manual, by=by)
    with pytest.raises(Invalid) as caught:
        services.reject_subscription(subscription=subscription, by=by, reason=" ")
    assert caught.value.code == "access.reason_missing"


def test_what_was_decided_cannot_be_decided_again(offer: Offer, shop: Application, by: Actor) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.manual, by=by)
    services.approve_subscription(subscription=subscription, by=by)
    with pytest.raises(Conflict) as caught:
        services.reject_subscription(subscription=subscription, by=by, reason="late")
    assert caught.value.code == "access.not_awaiting_decision"


def test_pause_and_resume_reach_the_gateways(offer: Offer, shop: Application, log: Log, by: Actor) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    services.pause_subscription(subscription=subscription, by=by, reason="abuse")
    paused = log.body("subscription", subscription.id)
    assert paused is not None
    assert paused["lifecycle"] == "paused"
    with pytest.raises(Conflict):
        services.pause_subscription(subscription=subscription, by=by)
    services.resume_subscription(subscription=subscription, by=by)
    resumed = log.body("subscription", subscription.id)
    assert resumed is not None
    assert resumed["lifecycle"] == "active"


def test_who_pauses_is_not_undone_by_subscribing_again(offer: Offer, shop: Application, by: Actor) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    services.pause_subscription(subscription=subscription, by=by)
    assert subscribe(application=shop, product=offer.product, plan=offer.large, by=by).lifecycle == "paused"


def test_a_canceled_subscription_works_until_its_end_and_then_ends(
    offer: Offer, shop: Application, log: Log, by: Actor
) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    end = timezone.now() + timedelta(days=3)
    services.cancel_subscription(subscription=subscription, by=by, at=end)
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["lifecycle"] == "canceled"
    assert body["ends_at"] == int(end.timestamp())
    assert services.end_due_subscriptions() == 0
    Subscription.objects.update(ends_at=timezone.now())
    assert services.end_due_subscriptions() == 1
    told = log.body("subscription", subscription.id)
    assert told is not None
    assert told["lifecycle"] == "ended"


def test_coming_back_before_the_end_takes_the_cancellation_back(offer: Offer, shop: Application, by: Actor) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    services.cancel_subscription(subscription=subscription, by=by, at=timezone.now() + timedelta(days=3))
    again = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    assert again.pk == subscription.pk
    assert (again.lifecycle, again.ends_at) == ("active", None)


def test_canceling_without_a_date_ends_at_once(offer: Offer, shop: Application, by: Actor) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    assert services.cancel_subscription(subscription=subscription, by=by).lifecycle == "ended"
    with pytest.raises(Conflict):
        services.cancel_subscription(subscription=subscription, by=by)


def test_who_pauses_is_not_undone_by_canceling_for_later(offer: Offer, shop: Application, log: Log, by: Actor) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    services.pause_subscription(subscription=subscription, by=by)
    end = timezone.now() + timedelta(days=3)
    assert services.cancel_subscription(subscription=subscription, by=by, at=end).lifecycle == "ended"
    told = log.body("subscription", subscription.id)
    assert told is not None
    assert told["lifecycle"] == "ended"


def test_ending_says_why_and_a_long_reason_is_kept_whole_in_the_audit_log(
    offer: Offer, shop: Application, by: Actor
) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    reason = "the contract ran out; " * 20
    ended = services.end_subscription(subscription=subscription, by=by, reason=reason)
    assert (ended.lifecycle, ended.reason) == ("ended", reason[:255])
    assert AuditEvent.objects.get(action="subscription.end").reason == reason


def test_a_withdrawn_application_leaves_the_record(offer: Offer, shop: Application, log: Log, by: Actor) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    services.withdraw_application(subscription=subscription, application=shop, by=by)
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["applications"] == []


def test_a_plan_the_product_does_not_offer_is_refused_with_those_it_does(
    offer: Offer, shop: Application, acme: Organization, by: Actor
) -> None:
    other = create_plan(organization=acme, name="other", terms=Terms(), by=by)
    with pytest.raises(Invalid) as caught:
        subscribe(application=shop, product=offer.product, plan=other, by=by)
    assert caught.value.code == "access.plan_not_offered"
    assert "free, large, manual" in caught.value.hint


def test_archived_products_and_plans_take_no_subscribers(offer: Offer, shop: Application, by: Actor) -> None:
    archive_plan(plan=offer.free, by=by)
    with pytest.raises(Conflict) as plan:
        subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    archive_product(product=offer.product, by=by)
    with pytest.raises(Conflict) as product:
        subscribe(application=shop, product=offer.product, plan=offer.large, by=by)
    assert (plan.value.code, product.value.code) == ("access.plan_archived", "access.product_archived")


def test_a_product_of_deprecated_versions_takes_no_new_subscribers_but_keeps_those_it_has(
    offer: Offer, shop: Application, by: Actor
) -> None:
    subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    item = offer.product.items.get()
    item.version.state = item.version.State.DEPRECATED
    item.version.save()
    kiosk = access_factory.application(of=shop.organization, name="kiosk")
    assert subscribe(application=kiosk, product=offer.product, plan=offer.free, by=by).applications.count() == 2
    with pytest.raises(Conflict) as caught:
        subscribe(application=access_factory.application(), product=offer.product, plan=offer.free, by=by)
    assert caught.value.code == "access.product_deprecated"


@pytest.mark.parametrize("what", ["application", "organization"])
def test_the_suspended_cannot_subscribe(offer: Offer, shop: Application, by: Actor, what: str) -> None:
    if what == "application":
        services.suspend_application(application=shop, by=by)
    else:
        services.suspend_organization(organization=shop.organization, by=by)
    with pytest.raises(Conflict) as caught:
        subscribe(application=Application.objects.get(), product=offer.product, plan=offer.free, by=by)
    assert caught.value.code == f"access.{what}_suspended"


def test_a_revised_plan_moves_its_subscribers_at_once(offer: Offer, shop: Application, log: Log, by: Actor) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    terms = Terms(quotas=[{"requests": 5, "per": "day"}])
    version = services.revise_plan(plan=offer.free, terms=terms, by=by)
    subscription.refresh_from_db()
    assert subscription.plan_version == version
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert (body["plan"], body["plan_name"]) == (version.id, "free"), "by its name gateways find the terms before"
    before = log.seq()
    assert services.revise_plan(plan=offer.free, terms=terms, by=by) == version
    assert log.seq() == before
    moved = AuditEvent.objects.get(action="plan.move_subscriptions")
    assert (moved.target_id, moved.after) == (version.id, {"plan": "free", "version": 2, "subscriptions": 1})


def test_a_wish_for_a_plan_follows_the_plan(offer: Offer, shop: Application, log: Log, by: Actor) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    subscribe(application=shop, product=offer.product, plan=offer.manual, by=by)
    terms = Terms(approval="manual", quotas=[{"requests": 5, "per": "day"}])
    version = services.revise_plan(plan=offer.manual, terms=terms, by=by)
    assert services.approve_subscription(subscription=subscription, by=by).plan_version == version
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["plan"] == version.id


@pytest.mark.django_db(transaction=True)
def test_many_subscribing_at_once_make_one_subscription_and_numbers_without_a_gap(
    offer: Offer, shop: Application, log: Log, by: Actor
) -> None:
    applications = [shop, *(access_factory.application(of=shop.organization) for _ in range(5))]
    ends = at_once(
        partial(subscribe, application=application, product=offer.product, plan=offer.free, by=by)
        for application in applications
    )
    assert codes_of(ends) == []
    subscription = Subscription.objects.get()
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["applications"] == sorted(application.id for application in applications)
