"""What billing says of a subscription reaches gateways, and nothing else of it changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apim.access import services
from apim.access.models import Application, Credential, Subscription
from apim.access.services import Standing, set_payment, settle_subscription
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Conflict, Invalid
from apim.gateways.models import AccessRecord
from tests.apim.access.conftest import Log, Offer
from tests.factories import access as access_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def subscription(offer: Offer, shop: Application, by: Actor) -> Subscription:
    return services.subscribe(application=shop, product=offer.product, plan=offer.free, by=by)


@pytest.mark.parametrize("payment", ["ok", "grace", "restricted", "suspended"])
def test_a_payment_state_reaches_gateways_and_keeps_the_keys(
    subscription: Subscription, shop: Application, log: Log, by: Actor, payment: str
) -> None:
    key = access_factory.issued_key(application=shop)
    settled = set_payment(subscription=subscription, payment=payment, by=by, reason="the invoice")
    assert (settled.payment, settled.lifecycle) == (payment, "active")
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["payment"] == payment
    assert Credential.objects.get(pk=key.credential.pk).is_live
    assert AuditEvent.objects.get(action="subscription.settle").after == {"payment": payment, "reason": "the invoice"}


def test_what_stands_so_already_is_neither_told_nor_recorded_again(subscription: Subscription, by: Actor) -> None:
    set_payment(subscription=subscription, payment="ok", by=by)
    told, recorded = AccessRecord.objects.order_by("-seq").first(), AuditEvent.objects.count()
    set_payment(subscription=subscription, payment="ok", by=by)
    assert AccessRecord.objects.order_by("-seq").first() == told
    assert AuditEvent.objects.count() == recorded


def test_a_standing_moves_all_axes_at_once(subscription: Subscription, log: Log, by: Actor) -> None:
    anchor = datetime(2026, 1, 31, 9, tzinfo=UTC)
    standing = Standing(payment="ok", lifecycle="paused", anchor=anchor, is_out_of_credits=True)
    settle_subscription(subscription=subscription, standing=standing, by=by, reason="The trial ended without a card.")
    body = log.body("subscription", subscription.id)
    assert body is not None
    told = {name: body[name] for name in ("payment", "lifecycle", "anchor", "credits", "reason")}
    assert told == {
        "payment": "ok",
        "lifecycle": "paused",
        "anchor": int(anchor.timestamp()),
        "credits": "exhausted",
        "reason": "The trial ended without a card.",
    }


def test_an_unknown_payment_state_is_refused(subscription: Subscription, by: Actor) -> None:
    with pytest.raises(Invalid) as refused:
        set_payment(subscription=subscription, payment="late", by=by)
    assert refused.value.code == "access.payment_unknown"


def test_what_has_ended_does_not_come_back(subscription: Subscription, by: Actor) -> None:
    services.end_subscription(subscription=subscription, by=by)
    with pytest.raises(Conflict) as refused:
        set_payment(subscription=subscription, payment="ok", by=by)
    assert refused.value.code == "access.subscription_over"


def test_what_is_over_is_told_until_another_takes_its_place(
    subscription: Subscription, offer: Offer, shop: Application, log: Log, by: Actor
) -> None:
    services.end_subscription(subscription=subscription, by=by, reason="Not paid for 45 days.")
    over = log.body("subscription", subscription.id)
    assert over is not None
    assert (over["lifecycle"], over["reason"]) == ("ended", "Not paid for 45 days.")
    again = services.subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    assert log.body("subscription", subscription.id) is None
    assert log.body("subscription", again.id) is not None


def test_who_waits_for_payment_does_not_stand_in_the_inbox(subscription: Subscription, by: Actor) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(lifecycle="pending", awaits_payment=True)
    assert not Subscription.objects.awaiting_decision().exists()
    settled = settle_subscription(subscription=subscription, standing=Standing(payment="ok", lifecycle="active"), by=by)
    assert (settled.awaits_payment, settled.is_awaiting_decision) == (False, False)


def test_what_is_paid_for_ends_where_it_is_billed(
    subscription: Subscription, offer: Offer, shop: Application, by: Actor
) -> None:
    set_payment(subscription=subscription, payment="ok", by=by)
    later = timezone.now() + timedelta(days=9)
    with pytest.raises(Conflict) as refused:  # who bills it would go on
        services.cancel_subscription(subscription=subscription, by=by, at=later)
    assert refused.value.code == "access.ends_with_its_period"
    standing = Standing(payment="ok", lifecycle="canceled", ends_at=later)
    settle_subscription(subscription=subscription, standing=standing, by=by)
    joined = services.subscribe(
        application=access_factory.application(of=shop.organization), product=offer.product, plan=offer.free, by=by
    )
    assert (joined.lifecycle, joined.ends_at) == ("canceled", later)
    assert joined.applications.count() == 2
    assert services.cancel_subscription(subscription=subscription, by=by).lifecycle == "ended"
