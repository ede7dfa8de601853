"""Revenue comes from the invoices and the plan versions that they charge for; currencies are never added up."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from apim.access.models import Subscription
from apim.access.services import create_application, subscribe
from apim.accounts.models import Organization
from apim.billing.models import Adjustment, BillingSubscription, Invoice, Rehearsal
from apim.billing.revenue import read_revenue
from apim.billing.revenue_figures import Month, Revenue, month_starts, monthly
from apim.products.limits import Terms
from apim.products.models import Plan, Product
from tests.factories import products
from tests.factories.accounts import TESTER
from tests.factories.billing import sold
from tests.payments import PRICING

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MAY, JUNE = datetime(2026, 5, 10, tzinfo=UTC), datetime(2026, 6, 10, tzinfo=UTC)


def earned(now: datetime = NOW, *, of: Any = None) -> dict[str, Revenue]:
    rows = of if of is not None else Product.objects.all()
    return {each.currency: each for each in read_revenue(mode="test", products=rows, now=now)}


def month(revenue: Revenue, year: int, number: int) -> Month:
    return next(each for each in revenue.months if (each.start.year, each.start.month) == (year, number))


def give(invoice: Invoice, amount: int, state: str) -> None:
    Adjustment.objects.create(
        key=f"{invoice.pk}:{Adjustment.objects.count()}", mode="test", organization=invoice.organization,
        invoice=invoice, state=state, currency=invoice.currency, amount=amount, made_by="a test",
    )  # fmt: skip


def another(product: Product, plan: Plan, name: str) -> Subscription:
    organization = Organization.objects.create(name=name, display_name=name.title())
    application = create_application(organization=organization, name="shop", by=TESTER)
    return subscribe(application=application, product=product, plan=plan, by=TESTER, is_checkout=True)


def test_nothing_sold_is_nothing_shown(product: Product) -> None:
    assert earned() == {}


def test_what_was_given_back_is_what_credit_notes_of_the_invoices_say(waiting: Subscription) -> None:
    plan = waiting.plan_version.plan
    sold(waiting, plan=plan, at=MAY)
    charged = sold(waiting, plan=plan, at=JUNE, usage=1296)
    for amount, state in ((500, "done"), (150, "done"), (70, "pending"), (80, "failed"), (90, "void")):
        give(charged, amount, state)
    revenue = earned()["EUR"]
    assert [month(revenue, 2026, number).given_back for number in (5, 6)] == [Decimal(0), Decimal("6.50")]
    assert month(revenue, 2026, 6).usage == Decimal("12.96")


def test_mrr_is_what_the_plans_in_force_cost_a_month(waiting: Subscription) -> None:
    plan = waiting.plan_version.plan
    sold(waiting, plan=plan, at=MAY)
    sold(waiting, plan=plan, at=JUNE, usage=1296, strange=500)
    revenue = earned()["EUR"]
    may, june = month(revenue, 2026, 5), month(revenue, 2026, 6)
    assert (may.mrr, may.new, june.mrr, june.new) == (Decimal(29), Decimal(29), Decimal(29), 0)
    assert (june.usage, june.overage, june.once) == (Decimal("12.96"), Decimal("12.96"), Decimal(5))
    (row,) = revenue.plans
    assert (row.plan, row.subscribers, row.mrr, row.usage) == ("starter", 1, Decimal(29), Decimal("12.96"))


def test_who_stops_paying_has_churned_and_who_pays_more_has_expanded(waiting: Subscription, product: Product) -> None:
    starter = waiting.plan_version.plan
    prices = [{"name": "base", "model": "flat", "amount": "99.00"}]
    big = products.plan(
        organization=product.organization, name="big", terms=Terms(pricing={"currency": "EUR", "prices": prices})
    )
    leaver = another(product, starter, "leaver")
    sold(leaver, plan=starter, at=MAY)
    BillingSubscription.objects.filter(subscription=leaver).update(
        status="canceled", cancel_at=datetime(2026, 6, 2, tzinfo=UTC)
    )
    sold(waiting, plan=starter, at=MAY)
    sold(waiting, plan=big, at=JUNE)
    revenue = earned()["EUR"]
    june = month(revenue, 2026, 6)
    assert month(revenue, 2026, 5).mrr == Decimal(58)
    assert (june.mrr, june.churned, june.expansion, june.new) == (Decimal(99), Decimal(29), Decimal(70), 0)


def test_a_trial_and_what_was_given_up_are_no_mrr(waiting: Subscription) -> None:
    plan = waiting.plan_version.plan
    given_up = sold(waiting, plan=plan, at=JUNE, status="uncollectible")
    assert earned()["EUR"].now.mrr == 0
    given_up.lines[0]["amount"] = 0
    given_up.status = "paid"
    given_up.save()
    assert earned()["EUR"].now.mrr == 0


def test_who_owes_something_is_named_with_the_amount(waiting: Subscription) -> None:
    sold(waiting, plan=waiting.plan_version.plan, at=JUNE, status="open", attempts=1, amount_remaining=2900)
    BillingSubscription.objects.update(unpaid_since=JUNE)
    Subscription.objects.update(payment="restricted")
    (debt,) = earned()["EUR"].debts
    assert (debt.payment, debt.since, debt.amount) == ("restricted", JUNE, Decimal(29))


def test_currencies_stand_apart(waiting: Subscription, product: Product) -> None:
    yen = products.plan(
        organization=product.organization,
        name="yen",
        terms=Terms(pricing={"currency": "JPY", "prices": [{"name": "base", "model": "flat", "amount": "3000"}]}),
    )
    sold(waiting, plan=waiting.plan_version.plan, at=JUNE)
    sold(another(product, waiting.plan_version.plan, "tokyo"), plan=yen, at=JUNE, currency="JPY")
    found = earned()
    assert {name: each.now.mrr for name, each in found.items()} == {"EUR": Decimal(29), "JPY": Decimal(3000)}


def test_rehearsals_and_products_of_others_are_left_out(waiting: Subscription, product: Product) -> None:
    plan = waiting.plan_version.plan
    sold(waiting, plan=plan, at=JUNE)
    assert earned(of=Product.objects.none()) == {}
    Rehearsal.objects.create(
        plan=plan, plan_version=waiting.plan_version, product=product, environment=waiting.environment,
        organization=waiting.organization, requested_by="a test",
    )  # fmt: skip
    assert earned() == {}


def test_the_number_of_queries_does_not_grow_with_the_data(
    waiting: Subscription, product: Product, django_assert_num_queries: Any
) -> None:
    plan = waiting.plan_version.plan
    sold(waiting, plan=plan, at=JUNE)
    with django_assert_num_queries(5):
        earned()
    for number in range(4):
        sold(another(product, plan, f"org-{number}"), plan=plan, at=JUNE, usage=100)
    with django_assert_num_queries(5):
        assert earned()["EUR"].now.mrr == Decimal(145)


@pytest.mark.parametrize(
    ("interval", "expected"), [("day", "30.42"), ("week", "4.33"), ("month", "1"), ("year", "0.08")]
)
def test_a_month_of_each_interval(interval: str, expected: str, product: Product) -> None:
    pricing = PRICING | {"interval": interval, "prices": [{"name": "base", "model": "flat", "amount": "1.00"}]}
    plan = products.plan(organization=product.organization, name="other", terms=Terms(pricing=pricing))
    assert monthly(plan.versions.get().terms) == Decimal(expected)


def test_the_months_end_with_the_present_one() -> None:
    assert [f"{each:%Y-%m}" for each in (month_starts(NOW)[0], month_starts(NOW)[-1])] == ["2025-07", "2026-06"]
