"""Caps refuse and let go again; mails come once a threshold; forecasts say what the period comes to. B13, B14."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.billing.caps import set_cap, set_usage_mails, watch_spending
from apim.billing.models import BillingSubscription, UsageNotice
from apim.billing.spending import RELATED, spendings
from apim.billing.usage_mails import tell_usage_of
from apim.errors import Invalid
from apim.gateways.models import AccessRecord
from apim.notifications.models import Message
from apim.products.limits import Terms
from apim.products.models import Product
from tests.apim.billing.counting import calls
from tests.conftest import LogIn
from tests.factories import access, products
from tests.factories.accounts import TESTER, member

pytestmark = pytest.mark.django_db

BASE = {"name": "base", "model": "flat", "amount": "29.00"}
CALLS = {"name": "calls", "meter": "bank-calls", "model": "unit", "unit": "0.01"}
START = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=10)


@pytest.fixture
def billed(product: Product) -> Callable[..., Subscription]:
    """A subscription that Stripe bills, ten days into a period of thirty."""

    def make(prices: list[dict[str, Any]] | None = None, **more: Any) -> Subscription:
        pricing = {"currency": "EUR", "prices": prices or [BASE, CALLS], **more}
        plan = products.plan(organization=product.organization, name="bounded", terms=Terms(pricing=pricing))
        product.plans.add(plan)
        application = access.application(name="shop")
        found = subscribe(application=application, product=product, plan=plan, by=TESTER, is_checkout=True)
        Subscription.objects.filter(pk=found.pk).update(lifecycle="active", payment="ok", awaits_payment=False)
        BillingSubscription.objects.create(
            subscription=found, mode="test", stripe_id="sub_1", status="active", started_at=START, period_start=START,
            period_end=START + timedelta(days=30),
        )  # fmt: skip
        found.refresh_from_db()
        return found

    return make


def told(subscription: Subscription) -> dict[str, Any]:
    """What gateways know of the subscription."""
    record = AccessRecord.objects.filter(kind="subscription", key=subscription.id).order_by("-seq").first()
    assert record is not None
    assert isinstance(record.body, dict)
    return record.body


def use(subscription: Subscription, number: int) -> None:
    calls(subscription, timezone.now() - timedelta(minutes=1), number)
    watch_spending()
    subscription.refresh_from_db()


def test_the_customers_cap_refuses_until_it_is_raised_or_undone(billed: Callable[..., Subscription]) -> None:
    subscription = billed()
    set_cap(subscription=subscription, amount="35.00", by=TESTER)
    use(subscription, 599)
    assert "capped" not in told(subscription)  # 34.99
    use(subscription, 1)
    end = START + timedelta(days=30)
    assert told(subscription)["capped"] == int(end.timestamp())
    records = AccessRecord.objects.count()
    watch_spending()
    assert AccessRecord.objects.count() == records
    set_cap(subscription=subscription, amount="40.00", by=TESTER)
    assert "capped" not in told(subscription)
    use(subscription, 500)
    assert "capped" in told(subscription)
    set_cap(subscription=subscription, amount="", by=TESTER)
    assert "capped" not in told(subscription)


def test_a_cap_ends_with_its_period(billed: Callable[..., Subscription]) -> None:
    subscription = billed()
    set_cap(subscription=subscription, amount="30.00", by=TESTER)
    use(subscription, 200)
    assert subscription.capped_until == START + timedelta(days=30)
    with time_machine.travel(START + timedelta(days=31), tick=True):
        watch_spending()
    subscription.refresh_from_db()
    assert subscription.capped_until is None


def test_a_cap_that_every_period_reaches_is_refused(billed: Callable[..., Subscription]) -> None:
    subscription = billed()
    for amount, code in (("29.00", "billing.cap_too_low"), ("lots", "billing.amount_wrong")):
        with pytest.raises(Invalid) as refused:
            set_cap(subscription=subscription, amount=amount, by=TESTER)
        assert (refused.value.code, refused.value.field) == (code, "cap")


@pytest.mark.parametrize(("then", "mark"), [("block", "capped"), ("throttle", "throttled"), ("allow", None)])
def test_the_plans_maximum_does_what_the_plan_says(
    billed: Callable[..., Subscription], then: str, mark: str | None
) -> None:
    subscription = billed(maximumSpend={"amount": "40.00", "then": then})
    use(subscription, 1100)
    assert {"capped", "throttled"} & told(subscription).keys() == ({mark} if mark else set())


def test_a_retry_storm_of_failures_spends_nothing(billed: Callable[..., Subscription]) -> None:
    subscription = billed()
    set_cap(subscription=subscription, amount="30.00", by=TESTER)
    for status in (429, 500, 503, 404):
        calls(subscription, timezone.now() - timedelta(minutes=1), 50_000, status=status)
    use(subscription, 10)
    assert "capped" not in told(subscription)


def test_one_mail_a_threshold_and_period_however_often_one_looks(
    billed: Callable[..., Subscription], monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = billed(limits=[{"meter": "bank-calls", "included": 1000}])
    payer = member(subscription.organization, "payer@example.com")
    seen = []
    for number in (499, 1, 300, 200, 200, 500):
        use(subscription, number)
        watch_spending()
        seen.append(
            [each.subject.rpartition(": ")[2] for each in Message.objects.filter(to=payer.email).order_by("id")]
        )
    names = [f"{threshold} % of bank-calls" for threshold in (50, 80, 100, 120)]
    assert seen == [[], names[:1], names[:2], names[:3], names, names]

    class KilledError(BaseException):
        """As by kill -9."""

    def killed(_kind: str, **_values: object) -> None:
        raise KilledError

    UsageNotice.objects.all().delete()
    Message.objects.all().delete()
    with monkeypatch.context() as patch:
        patch.setattr("apim.billing.usage_mails.post", killed)
        with pytest.raises(KilledError):
            watch_spending()
    assert not UsageNotice.objects.exists()  # neither without the other
    watch_spending()
    assert Message.objects.filter(to=payer.email).count() == 4


def test_who_wants_no_mails_gets_none(billed: Callable[..., Subscription]) -> None:
    subscription = billed(limits=[{"meter": "bank-calls", "included": 10}])
    member(subscription.organization, "payer@example.com")
    set_usage_mails(subscription=subscription, wants_mails=False, by=TESTER)
    use(subscription, 100)
    assert not Message.objects.exists()


def test_the_page_says_what_the_period_comes_to_and_sets_a_cap(
    log_in: LogIn, billed: Callable[..., Subscription]
) -> None:
    subscription = billed()
    client = log_in(member(subscription.organization, "payer@example.com"))
    with time_machine.travel(START + timedelta(days=10), tick=False):
        calls(subscription, timezone.now() - timedelta(minutes=1), 1000)
        page = f"/my/subscriptions/{subscription.pk}/usage"
        shown = client.get(page).content.decode()
        assert "39.00 EUR" in shown  # so far: 29.00 and 1000 calls
        assert "59.00 EUR" in shown  # a third of the period is over: 3000 calls
        assert "59.00 EUR" in client.get("/my/billing").content.decode()
        assert client.post(page, {"form": "cap", "cap": "10"}).status_code == 422
        client.post(page, {"form": "cap", "cap": "39.00"})
        assert "Calls are refused with 429" in client.get(page).content.decode()
        client.post(page, {"form": "mails"})
        subscription.refresh_from_db()
        assert (subscription.spending.cap, subscription.spending.wants_mails) == (3900, False)


def test_what_was_told_costs_one_query_however_many_thresholds_were_passed(
    billed: Callable[..., Subscription], django_assert_num_queries: Any
) -> None:
    subscription = billed()
    member(subscription.organization)
    set_cap(subscription=subscription, amount="35.00", by=TESTER)
    use(subscription, 1100)
    assert UsageNotice.objects.count() == 3
    found = spendings(BillingSubscription.objects.select_related(*RELATED))
    with django_assert_num_queries(1):
        assert tell_usage_of(found) == 0
    UsageNotice.objects.filter(threshold=80).delete()
    assert tell_usage_of(found) == 1
