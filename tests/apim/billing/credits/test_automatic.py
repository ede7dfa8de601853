"""Top-ups bought unasked: below the threshold, once at a time, never above the cap, off when no card pays. B11."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing import tasks
from apim.billing.connection import require_connection
from apim.billing.credits.automatic import buy_due, set_automatic
from apim.billing.credits.drawing import draw_usage
from apim.billing.models import CreditAccount, StripeEvent, TopUp
from apim.errors import Conflict
from apim.notifications.models import Message
from apim.products.limits import Terms
from tests.factories.accounts import TESTER, member
from tests.factories.products import plan
from tests.payments import Stripe, apply_all, ask
from tests.prepaid import balance_of, told, top_up, use

pytestmark = pytest.mark.django_db


@pytest.fixture
def automatic(stripe_server: Stripe, prepaid: Subscription) -> Subscription:
    """Below 5.00 a top-up of 20.00 is bought, 40.00 a month at most; the balance is 20.00."""
    top_up(stripe_server, prepaid, keeps_card=True)
    set_automatic(subscription=prepaid, below=500, amount=2000, monthly_cap=4000, by=TESTER)
    return prepaid


def keep_card(name: str) -> None:
    """The card that is charged unasked is another one from now on."""
    client = require_connection().driver._client  # type: ignore[attr-defined]
    account = CreditAccount.objects.get()
    customer = client.v1.payment_methods.retrieve(account.payment_method).customer
    account.payment_method = client.v1.payment_methods.attach(name, params={"customer": customer}).id
    account.save(update_fields=["payment_method"])


def test_a_low_balance_is_topped_up_once_and_calls_never_stop(stripe_server: Stripe, automatic: Subscription) -> None:
    use(automatic, 1400)
    tasks.draw_credits()
    assert (balance_of(automatic), TopUp.objects.count()) == (600, 1)
    use(automatic, 200)
    tasks.draw_credits()
    tasks.draw_credits()
    assert (balance_of(automatic), TopUp.objects.filter(kind="automatic", state="paid").count()) == (2400, 1)
    stripe_server.deliver()
    assert balance_of(automatic) == 2400
    assert not StripeEvent.objects.exclude(state="applied").exists()
    assert "credits" not in told(automatic)


def test_the_cap_of_the_month_is_never_passed_and_begins_anew(stripe_server: Stripe, automatic: Subscription) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        for _ in range(5):
            use(automatic, 1900)
            tasks.draw_credits()
        assert TopUp.objects.filter(kind="automatic").count() == 2
        clock.shift(timedelta(days=32))
        stripe_server.control("time", seconds=0)
        tasks.draw_credits()
        assert TopUp.objects.filter(kind="automatic").count() == 3


def test_a_card_that_does_not_pay_turns_it_off_and_is_mailed(stripe_server: Stripe, automatic: Subscription) -> None:
    payer = member(automatic.organization)
    keep_card("pm_card_chargeCustomerFail")
    use(automatic, 1600)
    tasks.draw_credits()
    tasks.draw_credits()
    stripe_server.deliver()
    assert balance_of(automatic) == 400
    account = CreditAccount.objects.get()
    assert (account.automatic_amount, bool(account.automatic_note)) == (0, True)
    assert list(TopUp.objects.filter(kind="automatic").values_list("state", flat=True)) == ["failed"]
    assert Message.objects.filter(to=payer.email).count() == 1


def test_a_lost_answer_is_asked_for_again_and_buys_one(stripe_server: Stripe, automatic: Subscription) -> None:
    use(automatic, 1600)
    stripe_server.control("faults", kind="error", method="POST", path="/v1/payment_intents", status=503, times=1000)
    tasks.draw_credits()
    assert TopUp.objects.filter(kind="automatic", state="open").count() == 1
    ask(f"{stripe_server.address}/_control/faults", "DELETE")
    tasks.draw_credits()
    tasks.draw_credits()
    stripe_server.deliver()
    assert balance_of(automatic) == 2400


def test_a_request_that_is_under_way_is_waited_for(stripe_server: Stripe, automatic: Subscription) -> None:
    use(automatic, 1600)
    fault = {"method": "POST", "path": "/v1/payment_intents", "status": 409, "code": "idempotency_key_in_use"}
    stripe_server.control("faults", kind="error", times=1000, **fault)
    tasks.draw_credits()
    assert (CreditAccount.objects.get().automatic_note, CreditAccount.objects.get().automatic_amount) == ("", 2000)
    assert (TopUp.objects.get(kind="automatic").state, Message.objects.count()) == ("open", 0)
    ask(f"{stripe_server.address}/_control/faults", "DELETE")
    tasks.draw_credits()
    assert balance_of(automatic) == 2400


def test_what_another_worker_asks_for_is_asked_for_again_when_it_has_died(
    stripe_server: Stripe, automatic: Subscription
) -> None:
    use(automatic, 1600)
    stripe_server.control("faults", kind="error", method="POST", path="/v1/payment_intents", status=503, times=1000)
    tasks.draw_credits()
    ask(f"{stripe_server.address}/_control/faults", "DELETE")
    TopUp.objects.filter(kind="automatic").update(claimed_until=timezone.now() + timedelta(minutes=2))
    tasks.draw_credits()
    assert TopUp.objects.get(kind="automatic").intent_id == ""
    TopUp.objects.filter(kind="automatic").update(claimed_until=timezone.now())
    tasks.draw_credits()
    assert balance_of(automatic) == 2400


def test_an_event_names_the_payment_whose_answer_was_never_read(stripe_server: Stripe, automatic: Subscription) -> None:
    use(automatic, 1600)
    tasks.draw_credits()
    bought = TopUp.objects.get(kind="automatic")
    TopUp.objects.filter(pk=bought.pk).update(state="open", intent_id="")  # as if it had died before it was written
    stripe_server.deliver()
    bought.refresh_from_db()
    assert (bought.state, balance_of(automatic)) == ("paid", 2400)


def test_a_dispute_turns_it_off(stripe_server: Stripe, automatic: Subscription) -> None:
    top_up(stripe_server, automatic, card="4000000000000259")
    apply_all()
    assert CreditAccount.objects.get().automatic_amount == 0


def test_without_a_kept_card_it_cannot_be_turned_on(stripe_server: Stripe, prepaid: Subscription) -> None:
    top_up(stripe_server, prepaid)
    with pytest.raises(Conflict) as refused:
        set_automatic(subscription=prepaid, below=500, amount=2000, monthly_cap=4000, by=TESTER)
    assert refused.value.code == "billing.no_card_kept"
    assert buy_due(require_connection()) == 0


def test_nothing_is_bought_for_a_plan_that_draws_on_credits_no_more(
    stripe_server: Stripe, automatic: Subscription
) -> None:
    use(automatic, 1600)
    draw_usage(automatic.id)
    usual = plan(organization=automatic.product.organization, name="usual", terms=Terms())
    Subscription.objects.update(plan_version=usual.versions.get())
    assert buy_due(require_connection()) == 0
    assert not TopUp.objects.filter(kind="automatic").exists()
