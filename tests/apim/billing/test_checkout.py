"""Who may buy what: once, after paying what is due, with one trial; whatever another tab does at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import end_subscription, subscribe
from apim.billing import tasks
from apim.billing.checkout import had_trial, open_checkout
from apim.billing.connection import require_connection
from apim.billing.models import BillingAlarm, BillingSubscription, Invoice
from apim.billing.stripe_driver import StripeDriver
from apim.billing.telling import cancel_at_provider
from apim.errors import Conflict
from apim.gateways.models import Environment
from apim.notifications.models import Message
from tests.factories.accounts import TESTER, user
from tests.payments import Stripe

pytestmark = pytest.mark.django_db

BACK = {"return_url": "http://127.0.0.1:1/back", "cancel_url": "http://127.0.0.1:1/no"}


def again(over: Subscription) -> Subscription:
    """Another subscription of who had this one."""
    application = over.applications.get()
    plan = over.plan_version.plan
    return subscribe(application=application, product=over.product, plan=plan, by=TESTER, is_checkout=True)


def refusal_of(subscription: Subscription) -> str:
    with pytest.raises(Conflict) as refused:
        open_checkout(subscription=subscription, by=TESTER, **BACK)
    return refused.value.code


def test_of_two_tabs_at_the_same_moment_one_can_buy(
    stripe_server: Stripe, waiting: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = StripeDriver.make
    urls: list[str] = []

    def overtaken(driver: StripeDriver, kind: str, params: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        if kind == "checkout.session":
            monkeypatch.setattr(StripeDriver, "make", make)
            urls.append(open_checkout(subscription=waiting, by=TESTER, **BACK))
        return make(driver, kind, params, key=key)

    monkeypatch.setattr(StripeDriver, "make", overtaken)
    assert refusal_of(waiting) == "billing.checkout_open"
    sessions = list(require_connection().driver.list("checkout.session", {}))
    assert sorted(session["status"] for session in sessions) == ["expired", "open"]
    assert stripe_server.pay(urls[0]) in (200, 303)
    stripe_server.deliver()
    waiting.refresh_from_db()
    assert waiting.payment == "ok"


def test_what_was_begun_with_test_money_can_be_bought_with_real_money_and_the_other_way_round(
    stripe_server: Stripe, waiting: Subscription
) -> None:
    BillingSubscription.objects.create(subscription=waiting, mode="live", session_id="cs_live_other")
    url = open_checkout(subscription=waiting, by=TESTER, **BACK)
    assert stripe_server.pay(url) in (200, 303)
    stripe_server.deliver()
    waiting.refresh_from_db()
    assert (waiting.payment, BillingSubscription.objects.get().mode) == ("ok", "test")


def test_who_leaves_and_comes_back_begins_no_other_trial(stripe_server: Stripe, bought: Subscription) -> None:
    assert not had_trial(bought)
    cancel_at_provider(subscription=bought, is_at_period_end=False, by=TESTER)
    second = again(bought)
    assert not had_trial(second)
    BillingSubscription.objects.update(trial_end=timezone.now() - timedelta(days=9))
    assert had_trial(second)


def test_who_has_not_paid_an_invoice_buys_nothing_more(stripe_server: Stripe, bought: Subscription) -> None:
    cancel_at_provider(subscription=bought, is_at_period_end=False, by=TESTER)
    Invoice.objects.update(status="open", attempts=1, amount_remaining=100)
    second = again(bought)
    assert refusal_of(second) == "billing.invoice_unpaid"
    Invoice.objects.update(status="paid", amount_remaining=0)
    assert open_checkout(subscription=second, by=TESTER, **BACK)


def test_usage_of_two_environments_is_not_billed_twice(stripe_server: Stripe, bought: Subscription) -> None:
    other = Environment.objects.exclude(pk=bought.environment_id).first() or Environment.objects.create(name="sandbox")
    second = subscribe(
        application=bought.applications.get(),
        product=bought.product,
        plan=bought.plan_version.plan,
        environment=other,
        by=TESTER,
        is_checkout=True,
    )
    assert refusal_of(second) == "billing.bought_elsewhere"


def test_nobody_buys_what_was_rejected_or_has_ended_meanwhile(stripe_server: Stripe, waiting: Subscription) -> None:
    url = open_checkout(subscription=waiting, by=TESTER, **BACK)
    end_subscription(subscription=waiting, by=TESTER, reason="A mistake.")
    tasks.look_after_payments()
    sessions = list(require_connection().driver.list("checkout.session", {}))
    assert [session["status"] for session in sessions] == ["expired"]
    assert BillingSubscription.objects.get().session_id == ""
    assert stripe_server.pay(url) not in (200, 303)


def test_what_was_paid_a_moment_after_it_ended_is_ended_at_stripe_and_an_admin_is_told(
    stripe_server: Stripe, waiting: Subscription
) -> None:
    admin = user(is_platform_admin=True)
    url = open_checkout(subscription=waiting, by=TESTER, **BACK)
    end_subscription(subscription=waiting, by=TESTER, reason="A mistake.")
    Subscription.objects.update(ends_at=timezone.now() - timedelta(minutes=1))
    assert stripe_server.pay(url) in (200, 303)
    tasks.look_after_payments()
    waiting.refresh_from_db()
    assert waiting.lifecycle == "ended"
    assert BillingSubscription.objects.get().status == "canceled"
    alarm = BillingAlarm.objects.get()
    assert (alarm.kind, "refund what was paid" in alarm.text) == ("paid_too_late", True)
    assert Message.objects.filter(to=admin.email).count() == 1
    tasks.look_after_payments()
    assert Message.objects.count() == 1
