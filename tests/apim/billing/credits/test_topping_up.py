"""Top-ups are granted once, by what Stripe says, in any order of its events; what is given back is taken back. B11."""

from __future__ import annotations

import pytest

from apim.access.models import Subscription
from apim.access.services import end_subscription
from apim.billing import tasks
from apim.billing.checkout import close_checkout
from apim.billing.connection import require_connection
from apim.billing.credits.buying import look_after_top_ups, open_top_up
from apim.billing.credits.drawing import draw_usage
from apim.billing.events import repair
from apim.billing.models import BillingAlarm, CreditGrant, LedgerEntry, StripeEvent, TopUp
from apim.errors import Conflict, Invalid
from apim.gateways.models import AccessRecord
from apim.notifications.models import Message
from apim.products.limits import Terms
from tests.factories import products
from tests.factories.accounts import TESTER, user
from tests.payments import PRICING, Stripe, apply_all, ask, buy, hand_on
from tests.prepaid import PREPAID, balance_of, begin_top_up, movements, told, top_up, use

pytestmark = pytest.mark.django_db


def refund(top_up: TopUp, amount: int | None = None) -> None:
    """Give money back, as somebody does on Stripe's own pages."""
    params = {"payment_intent": top_up.intent_id} | ({"amount": amount} if amount else {})
    require_connection().driver.make("refund", params, key=f"test:{top_up.id}:{amount}")


def test_the_first_top_up_puts_the_subscription_in_force(stripe_server: Stripe, prepaid: Subscription) -> None:
    begun = begin_top_up(prepaid)
    assert stripe_server.pay(begun.session_url) in (200, 303)
    prepaid.refresh_from_db()
    assert (prepaid.lifecycle, told(prepaid)["awaits"]) == ("pending", "payment")  # the browser's word counts nothing
    stripe_server.deliver()
    prepaid.refresh_from_db()
    assert (prepaid.lifecycle, prepaid.payment, prepaid.awaits_payment) == ("active", "ok", False)
    assert balance_of(prepaid) == 2000
    grant = CreditGrant.objects.get()
    assert (grant.source, grant.left, grant.expires_at is not None) == ("purchase", 2000, True)
    since, calls = told(prepaid)["allowance"]
    assert (calls, since) == (2000, int(prepaid.allowance_since.timestamp() if prepaid.allowance_since else 0))
    assert "credits" not in told(prepaid)
    assert not StripeEvent.objects.exclude(state="applied").exists()


def test_a_second_top_up_adds_to_what_is_left(stripe_server: Stripe, prepaid: Subscription) -> None:
    top_up(stripe_server, prepaid)
    use(prepaid, 300)
    draw_usage(prepaid.id)
    top_up(stripe_server, prepaid, 5000)
    assert balance_of(prepaid) == 6700
    assert movements(prepaid) == [("grant", 2000), ("draw", -300), ("grant", 5000)]
    assert told(prepaid)["allowance"][1] == 7000  # 300 are drawn, 6700 are affordable


def test_events_twice_and_backwards_grant_once(stripe_server: Stripe, prepaid: Subscription) -> None:
    begun = begin_top_up(prepaid)
    stripe_server.pay(begun.session_url)
    events = stripe_server.settle()
    hand_on([*reversed(events), *events])
    StripeEvent.objects.update(state="stored")
    records = AccessRecord.objects.count()
    apply_all()
    assert AccessRecord.objects.count() == records
    assert movements(prepaid) == [("grant", 2000)]
    assert balance_of(prepaid) == 2000


def test_who_comes_back_before_the_event_waits_for_none(stripe_server: Stripe, prepaid: Subscription) -> None:
    begun = begin_top_up(prepaid)
    look_after_top_ups(prepaid)
    assert not LedgerEntry.objects.exists()
    stripe_server.pay(begun.session_url)
    look_after_top_ups(prepaid)
    assert balance_of(prepaid) == 2000
    stripe_server.deliver()
    assert balance_of(prepaid) == 2000


def test_the_nightly_repair_finds_a_payment_whose_events_never_came(
    stripe_server: Stripe, prepaid: Subscription
) -> None:
    begun = begin_top_up(prepaid)
    stripe_server.pay(begun.session_url)
    assert repair(require_connection()) > 0
    apply_all()
    assert balance_of(prepaid) == 2000


def test_a_declined_card_and_a_page_that_ran_out_grant_nothing(stripe_server: Stripe, prepaid: Subscription) -> None:
    begun = begin_top_up(prepaid)
    assert stripe_server.pay(begun.session_url, "4000000000000002") == 402
    stripe_server.deliver()
    begun.refresh_from_db()
    assert begun.state == "open"
    require_connection().driver.act("checkout.session", begun.session_id, "expire", {})
    stripe_server.deliver()
    begun.refresh_from_db()
    assert (begun.state, LedgerEntry.objects.count()) == ("expired", 0)


def test_only_what_the_plan_offers_can_be_bought(stripe_server: Stripe, prepaid: Subscription) -> None:
    with pytest.raises(Invalid) as refused:
        begin_top_up(prepaid, 1999)
    assert (refused.value.code, refused.value.hint) == ("billing.amount_not_offered", "One of 20.00, 50.00.")
    Subscription.objects.filter(pk=prepaid.pk).update(lifecycle="ended")
    prepaid.refresh_from_db()
    with pytest.raises(Conflict) as over:
        open_top_up(subscription=prepaid, amount=2000, keeps_card=False, return_url="", cancel_url="", by=TESTER)
    assert over.value.code == "billing.no_credits"


def test_what_is_paid_after_the_end_grants_nothing_and_names_the_refund_to_give(
    stripe_server: Stripe, prepaid: Subscription
) -> None:
    admin = user(is_platform_admin=True)
    begun = begin_top_up(prepaid)
    end_subscription(subscription=prepaid, by=TESTER, reason="A mistake.")
    assert stripe_server.pay(begun.session_url) in (200, 303)
    stripe_server.deliver()
    begun.refresh_from_db()
    prepaid.refresh_from_db()
    assert (begun.state, prepaid.lifecycle, movements(prepaid)) == ("paid", "ended", [])
    alarm = BillingAlarm.objects.get()
    assert (alarm.kind, alarm.subject) == ("paid_too_late", begun.intent_id)
    assert f"Refund 20.00 EUR of the payment {begun.intent_id}" in alarm.text
    StripeEvent.objects.update(state="stored")
    apply_all()
    assert Message.objects.filter(to=admin.email, subject__startswith="Billing: A top-up was paid after").count() == 1
    refund(begun, 500)
    stripe_server.deliver()
    assert "Refund 15.00 EUR" in BillingAlarm.objects.get().text
    refund(begun)
    stripe_server.deliver()
    assert (BillingAlarm.objects.count(), movements(prepaid)) == (0, [])


def test_the_page_is_closed_with_the_subscription_and_when_another_plan_is_wanted(
    stripe_server: Stripe, prepaid: Subscription
) -> None:
    begun = begin_top_up(prepaid)
    tasks.look_after_payments()
    begun.refresh_from_db()
    assert begun.state == "open"
    other = products.plan(organization=prepaid.product.organization, name="other", terms=Terms(pricing=PREPAID))
    wanted = prepaid.requested_plan_version
    Subscription.objects.filter(pk=prepaid.pk).update(requested_plan_version=other.versions.get())
    tasks.look_after_payments()
    begun.refresh_from_db()
    assert (begun.state, stripe_server.pay(begun.session_url)) == ("expired", 410)
    Subscription.objects.filter(pk=prepaid.pk).update(requested_plan_version=wanted)
    canceled = begin_top_up(prepaid)
    close_checkout(prepaid)
    assert stripe_server.pay(canceled.session_url) == 410
    ended = begin_top_up(prepaid)
    end_subscription(subscription=prepaid, by=TESTER)
    tasks.look_after_payments()
    assert stripe_server.pay(ended.session_url) == 410


@pytest.fixture
def postpaid(prepaid: Subscription) -> Subscription:
    """What was to be prepaid, now waiting for the first payment of a plan that Stripe bills."""
    terms = Terms(pricing={"currency": "EUR", "prices": [PRICING["prices"][0]]})
    plan = products.plan(organization=prepaid.product.organization, name="starter", terms=terms)
    prepaid.product.plans.add(plan)
    Subscription.objects.filter(pk=prepaid.pk).update(
        plan_version=plan.versions.get(), requested_plan_version=plan.versions.get()
    )
    return prepaid


def test_buying_another_plan_closes_the_page_of_the_top_up(stripe_server: Stripe, postpaid: Subscription) -> None:
    begun = _begun_for_a_prepaid_plan(postpaid)
    postpaid.refresh_from_db()
    assert buy(stripe_server, postpaid).lifecycle == "active"
    assert stripe_server.pay(begun.session_url) == 410


def test_a_page_paid_when_stripe_bills_another_plan_leaves_that_plan_and_names_the_refund(
    stripe_server: Stripe, postpaid: Subscription
) -> None:
    postpaid.refresh_from_db()
    buy(stripe_server, postpaid)
    begun = _begun_for_a_prepaid_plan(postpaid)
    postpaid.refresh_from_db()
    assert stripe_server.pay(begun.session_url) in (200, 303)
    stripe_server.deliver()
    postpaid.refresh_from_db()
    assert (postpaid.plan_version.plan.name, movements(postpaid)) == ("starter", [])
    assert "paid after another plan was bought" in BillingAlarm.objects.get().text


def _begun_for_a_prepaid_plan(subscription: Subscription) -> TopUp:
    """A page that was opened when the prepaid plan was wanted."""
    row = Subscription.objects.filter(pk=subscription.pk)
    now = row.values("plan_version_id", "requested_plan_version_id", "awaits_payment").get()
    version = subscription.product.plans.get(name="prepaid").versions.get()
    row.update(plan_version=version, requested_plan_version=version, awaits_payment=True)
    begun = begin_top_up(row.get())
    row.update(**now)
    return begun


def test_what_was_granted_before_the_end_is_taken_back_after_it(stripe_server: Stripe, prepaid: Subscription) -> None:
    bought = top_up(stripe_server, prepaid)
    end_subscription(subscription=prepaid, by=TESTER, reason="A mistake.")
    refund(bought)
    stripe_server.deliver()
    assert movements(prepaid)[0] == ("grant", 2000)
    assert (balance_of(prepaid), BillingAlarm.objects.count()) == (0, 0)


def test_a_refund_takes_back_what_is_unspent(stripe_server: Stripe, prepaid: Subscription) -> None:
    bought = top_up(stripe_server, prepaid)
    refund(bought, 500)
    stripe_server.deliver()
    assert balance_of(prepaid) == 1500
    refund(bought)
    stripe_server.deliver()
    StripeEvent.objects.update(state="stored")
    apply_all()
    assert movements(prepaid) == [("grant", 2000), ("take-back", -500), ("take-back", -1500)]
    assert balance_of(prepaid) == 0
    assert told(prepaid)["credits"] == "exhausted"


def test_a_refund_after_credits_were_spent_takes_only_the_rest(stripe_server: Stripe, prepaid: Subscription) -> None:
    bought = top_up(stripe_server, prepaid)
    use(prepaid, 1700)
    draw_usage(prepaid.id)
    refund(bought)
    stripe_server.deliver()
    assert movements(prepaid) == [("grant", 2000), ("draw", -1700), ("take-back", -300)]
    assert balance_of(prepaid) == 0  # what was spent stays spent: no debt is made of it
    bought.refresh_from_db()
    assert bought.given_back == 2000
    top_up(stripe_server, prepaid)
    assert balance_of(prepaid) == 2000  # and the next top-up does not pay for it
    assert "credits" not in told(prepaid)


def test_a_refund_of_one_top_up_leaves_the_others(stripe_server: Stripe, prepaid: Subscription) -> None:
    first = top_up(stripe_server, prepaid)
    top_up(stripe_server, prepaid, 5000)
    refund(first)
    stripe_server.deliver()
    assert balance_of(prepaid) == 5000


def test_a_refund_that_fails_later_gives_the_credits_back(stripe_server: Stripe, prepaid: Subscription) -> None:
    bought = top_up(stripe_server, prepaid, card="4000000000005126")
    refund(bought)
    stripe_server.deliver()
    assert balance_of(prepaid) == 2000
    assert bought.grants.count() in (1, 2)  # depending on whether the refund was seen before it failed
    assert told(prepaid)["allowance"][1] == 2000


def test_a_dispute_takes_credits_back_and_one_that_is_won_returns_them(
    stripe_server: Stripe, prepaid: Subscription
) -> None:
    bought = top_up(stripe_server, prepaid, card="4000000000000259")
    assert balance_of(prepaid) == 0
    assert movements(prepaid) == [("grant", 2000), ("take-back", -2000)]
    assert told(prepaid)["credits"] == "exhausted"
    dispute = next(iter(require_connection().driver.list("dispute", {"payment_intent": bought.intent_id})))
    evidence = {"evidence": {"uncategorized_text": "winning_evidence"}}
    require_connection().driver.change("dispute", dispute["id"], evidence)
    stripe_server.deliver()
    assert balance_of(prepaid) == 2000
    assert list(bought.grants.values_list("source", flat=True).order_by("created_at")) == ["purchase", "reversal"]
    assert "credits" not in told(prepaid)


def test_a_payment_waits_while_stripe_is_down(stripe_server: Stripe, prepaid: Subscription) -> None:
    begun = begin_top_up(prepaid)
    stripe_server.pay(begun.session_url)
    stripe_server.settle()
    stripe_server.control("faults", kind="error", method="GET", path="/v1/payment_.*", status=503, times=1000)
    stripe_server.deliver()
    assert not LedgerEntry.objects.exists()
    ask(f"{stripe_server.address}/_control/faults", "DELETE")
    apply_all()
    assert balance_of(prepaid) == 2000
