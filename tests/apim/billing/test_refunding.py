"""Money is given back once, never more than was paid, whatever dies in between; and what Stripe says is mirrored.

Promises B12, H39.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.audit.models import AuditEvent
from apim.billing import tasks
from apim.billing.connection import require_connection
from apim.billing.giving import Wish, left_of
from apim.billing.models import Adjustment, Customer, Invoice
from apim.billing.refunding import carry_out, finish_due, give_back, give_goodwill, preview
from apim.errors import Conflict, DomainError, Invalid
from apim.notifications.models import Message
from apim.products.limits import Terms
from apim.products.models import Product
from tests.factories import access, products
from tests.factories.accounts import TESTER, member
from tests.payments import Stripe, buy

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(bought: Subscription) -> Invoice:
    """A paid invoice of 29.00 EUR."""
    return Invoice.objects.get(subscription=bought)


def refunded(wish: Wish, invoice: Invoice, key: str = "k1", reason: str = "Too slow.") -> Adjustment:
    return carry_out(give_back(invoice=invoice, wish=wish, reason=reason, key=key, by=TESTER).pk)


def at_stripe(kind: str, **wanted: Any) -> list[Any]:
    return list(require_connection().driver.list(kind, wanted))


def test_a_whole_invoice_goes_back_to_the_card_and_its_payer_is_told_why(
    stripe_server: Stripe, invoice: Invoice
) -> None:
    payer = member(invoice.organization)
    done = refunded(Wish(), invoice)
    assert (done.state, done.amount, done.refund_amount, done.credit_amount) == ("done", 2900, 2900, 0)
    (note,) = at_stripe("credit_note", invoice=invoice.pk)
    (refund,) = at_stripe("refund")
    assert (note["total"], refund["amount"]) == (2900, 2900)
    assert (done.stripe_id, done.number, done.refunds) == (note["id"], note["number"], [refund["id"]])
    mail = Message.objects.get(to=payer.email)
    assert mail.subject == "29.00 EUR back"
    assert "Too slow." in mail.body
    kept = AuditEvent.objects.get(action="billing.give_back")
    assert (kept.actor_label, kept.reason, (kept.after or {})["amount"]) == (TESTER.label, "Too slow.", 2900)
    stripe_server.deliver()  # the events of it change nothing
    assert Adjustment.objects.count() == 1
    assert Message.objects.filter(to=payer.email).count() == 1
    with pytest.raises(Conflict) as refused:
        give_back(invoice=invoice, wish=Wish(), reason="Again.", key="k2", by=TESTER)
    assert refused.value.code == "billing.nothing_left"


def test_two_parts_make_the_whole_and_a_third_is_refused(stripe_server: Stripe, invoice: Invoice) -> None:
    assert refunded(Wish(amount="12.34"), invoice, "k1").state == "done"
    assert left_of(invoice).amount == 1666
    with pytest.raises(Invalid) as refused:
        give_back(invoice=invoice, wish=Wish(amount="16.67"), reason="Much.", key="k2", by=TESTER)
    assert (refused.value.code, "16.66 EUR" in refused.value.message) == ("billing.too_much", True)
    assert refunded(Wish(amount="16.66"), invoice, "k3").state == "done"
    assert left_of(invoice).amount == 0
    assert sum(each["amount"] for each in at_stripe("refund")) == invoice.total


def test_a_line_gives_back_no_more_than_it_cost(stripe_server: Stripe, invoice: Invoice) -> None:
    base = next(line for line in invoice.lines if line["amount"] == 2900)["id"]
    with pytest.raises(Invalid) as refused:
        give_back(invoice=invoice, wish=Wish(lines={base: "29.01"}), reason="r", key="k1", by=TESTER)
    assert (refused.value.code, refused.value.field) == ("billing.too_much", f"lines.{base}")
    with pytest.raises(Invalid):
        give_back(invoice=invoice, wish=Wish(lines={"il_of_another": "1.00"}), reason="r", key="k1", by=TESTER)
    done = refunded(Wish(lines={base: "9.00"}), invoice)
    assert (done.state, done.amount, done.lines[0]["line"]) == ("done", 900, base)
    assert left_of(invoice).lines[base] == 2000


def test_the_preview_keeps_nothing(stripe_server: Stripe, invoice: Invoice) -> None:
    planned = preview(invoice=invoice, wish=Wish(amount="5.00", way="balance"))
    assert (planned.credit_amount, planned.refund_amount) == (500, 0)
    assert not Adjustment.objects.exists()
    assert not at_stripe("credit_note", invoice=invoice.pk)


def test_what_goes_on_the_balance_pays_the_next_invoice(stripe_server: Stripe, invoice: Invoice) -> None:
    assert refunded(Wish(amount="5.00", way="balance"), invoice).credit_amount == 500
    customer = require_connection().driver.find("customer", Customer.objects.get().stripe_id)
    assert customer["balance"] == -500
    assert not at_stripe("refund")
    done = refunded(Wish(way="card"), invoice, "k2")  # the rest, all of which was paid by card
    assert (done.refund_amount, done.credit_amount) == (2400, 0)


def test_what_was_paid_back_elsewhere_moves_no_money_at_stripe(stripe_server: Stripe, invoice: Invoice) -> None:
    done = refunded(Wish(amount="29.00", way="outside"), invoice)
    assert (done.state, done.outside_amount) == ("done", 2900)
    assert not at_stripe("refund")
    assert left_of(invoice).amount == 0


def test_a_form_that_is_sent_twice_gives_back_once(stripe_server: Stripe, invoice: Invoice) -> None:
    first = give_back(invoice=invoice, wish=Wish(amount="20.00"), reason="r", key="same", by=TESTER)
    second = give_back(invoice=invoice, wish=Wish(amount="20.00"), reason="r", key="same", by=TESTER)
    assert first == second
    assert carry_out(first.pk).state == carry_out(second.pk).state == "done"
    assert len(at_stripe("refund")) == 1


def test_a_second_tab_is_refused_what_the_first_one_is_about_to_give(stripe_server: Stripe, invoice: Invoice) -> None:
    give_back(invoice=invoice, wish=Wish(amount="20.00"), reason="r", key="tab 1", by=TESTER)
    with pytest.raises(Invalid) as refused:
        give_back(invoice=invoice, wish=Wish(amount="20.00"), reason="r", key="tab 2", by=TESTER)
    assert refused.value.code == "billing.too_much"


def test_what_makes_no_sense_is_refused(stripe_server: Stripe, invoice: Invoice) -> None:
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"wish": Wish(amount="0")}, "billing.amount_wrong"),
        ({"wish": Wish(amount="-1.00")}, "billing.amount_wrong"),
        ({"wish": Wish(amount="1.005")}, "billing.amount_wrong"),
        ({"wish": Wish(amount="NaN")}, "billing.amount_wrong"),
        ({"wish": Wish(amount="1e999999")}, "billing.amount_wrong"),
        ({"wish": Wish(way="cash")}, "billing.way_unknown"),
        ({"reason": "  "}, "billing.reason_missing"),
        ({"key": ""}, "billing.key_missing"),
    ]
    for changes, code in refusals:
        given: dict[str, Any] = {"wish": Wish(), "reason": "r", "key": "k"} | changes
        with pytest.raises(DomainError) as refused:
            give_back(invoice=invoice, by=TESTER, **given)
        assert refused.value.code == code, changes
    assert not Adjustment.objects.exists()


@pytest.mark.parametrize("kind", ["lose_answer", "drop"])
def test_a_lost_answer_ends_in_exactly_one_credit_note_and_one_refund(
    stripe_server: Stripe, invoice: Invoice, kind: str
) -> None:
    stripe_server.control("faults", kind=kind, method="POST", path="/v1/credit_notes", times=2)  # the retry too
    left = refunded(Wish(amount="10.00"), invoice)
    assert (left.state, bool(left.error)) == ("pending", True)
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=True):  # Stripe has forgotten the key by now
        assert finish_due(require_connection()) == 1
    done = Adjustment.objects.get()
    assert (done.state, done.error) == ("done", "")
    assert len(at_stripe("credit_note", invoice=invoice.pk)) == len(at_stripe("refund")) == 1


class _KilledError(BaseException):
    """What a kill -9 does to a process, as far as Python can tell it."""


def test_a_worker_killed_after_stripe_has_acted_leaves_nothing_twice(
    stripe_server: Stripe, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = give_back(invoice=invoice, wish=Wish(amount="10.00"), reason="r", key="k", by=TESTER)

    def killed(*_arguments: object) -> None:
        raise _KilledError

    with monkeypatch.context() as patch:
        patch.setattr("apim.billing.refunding.take_note", killed)
        with pytest.raises(_KilledError):
            carry_out(row.pk)
    assert Adjustment.objects.get().state == "pending"
    assert finish_due(require_connection()) == 0  # it is claimed, as far as anybody knows
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=True):
        tasks.look_after_payments()
    assert Adjustment.objects.get().state == "done"
    assert len(at_stripe("credit_note", invoice=invoice.pk)) == len(at_stripe("refund")) == 1


def test_what_stripe_refuses_gives_nothing_back_and_can_be_tried_anew(stripe_server: Stripe, invoice: Invoice) -> None:
    stripe_server.control("faults", kind="error", method="POST", path="/v1/credit_notes", status=400)
    failed = refunded(Wish(), invoice)
    assert (failed.state, bool(failed.error)) == ("failed", True)
    assert left_of(invoice).amount == 2900
    assert refunded(Wish(), invoice, "k2").state == "done"


def test_a_finalized_invoice_never_changes_by_what_is_given_back(stripe_server: Stripe, invoice: Invoice) -> None:
    before = (invoice.subtotal, invoice.total, invoice.amount_paid, json.dumps(invoice.lines), invoice.local_lines)
    refunded(Wish(amount="12.00"), invoice)
    stripe_server.deliver()
    invoice.refresh_from_db()
    after = (invoice.subtotal, invoice.total, invoice.amount_paid, json.dumps(invoice.lines), invoice.local_lines)
    assert after == before
    assert (invoice.status, invoice.difference) == ("paid", 0)


def test_money_of_a_period_that_is_over_goes_back_as_well(stripe_server: Stripe, invoice: Invoice) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=75), tick=True):
        assert refunded(Wish(), invoice).state == "done"


def test_goodwill_lies_on_the_balance_once_however_often_it_is_tried(stripe_server: Stripe, invoice: Invoice) -> None:
    payer = member(invoice.organization)
    given: dict[str, Any] = {
        "organization": invoice.organization,
        "amount": "7.50",
        "currency": "EUR",
        "reason": "Sorry.",
    }
    row = give_goodwill(**given, key="g", by=TESTER)
    assert row == give_goodwill(**given, key="g", by=TESTER)
    stripe_server.control("faults", kind="lose_answer", method="POST", path="/v1/customers/.*", times=2)
    assert carry_out(row.pk).state == "pending"
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=True):
        assert finish_due(require_connection()) == 1
    customer = require_connection().driver.find("customer", Customer.objects.get().stripe_id)
    assert customer["balance"] == -750
    assert Message.objects.filter(to=payer.email, subject="7.50 EUR back").count() == 1


@pytest.fixture(params=["JPY", "KWD"])
def in_currency(request: pytest.FixtureRequest, stripe_server: Stripe, product: Product) -> Invoice:
    """A paid invoice in a currency without, or with three, decimals."""
    amount = {"JPY": "2900", "KWD": "29.120"}[request.param]
    pricing = {"currency": request.param, "prices": [{"name": "base", "model": "flat", "amount": amount}]}
    plan = products.plan(organization=product.organization, name="abroad", terms=Terms(pricing=pricing))
    product.plans.add(plan)
    application = access.application(name="shop")
    waiting = subscribe(application=application, product=product, plan=plan, by=TESTER, is_checkout=True)
    return Invoice.objects.get(subscription=buy(stripe_server, waiting))


def test_minor_units_are_those_of_the_currency(stripe_server: Stripe, in_currency: Invoice) -> None:
    part, rest, wrong = {"JPY": ("900", 2000, "900.5"), "KWD": ("9.120", 20000, "9.125")}[in_currency.currency]
    with pytest.raises(Invalid) as refused:
        give_back(invoice=in_currency, wish=Wish(amount=wrong), reason="r", key="k", by=TESTER)
    assert refused.value.code == "billing.amount_wrong"
    assert refunded(Wish(amount=part), in_currency).state == "done"
    done = refunded(Wish(), in_currency, "k2")
    assert (done.state, done.refund_amount) == ("done", rest)
    assert sum(each["amount"] for each in at_stripe("refund")) == in_currency.total
