"""The editor of prices with its simulator, meters, and moving subscribers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import revise_plan, subscribe
from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.products.limits import Terms
from apim.products.models import Meter, Plan
from apim.products.services import create_meter
from apim.usage.models import UsageRollup
from apim.usage.periods import start_of
from tests.conftest import LogIn
from tests.factories import access, catalog, products

RATE = {"requests": 10, "per_s": 1, "burst": 10}
OWN = {
    "currency": "EUR", "interval": "month", "trial_card": "not-required", "trial_end": "pause", "grace_days": "14",
    "end_days": "45", "upgrade": "immediate", "downgrade": "period-end", "proration": "time", "existing": "keep",
}  # fmt: skip
BASE = {"model": "flat", "name": "base", "price": "29.00"}
CALLS = {"model": "graduated", "name": "calls", "meter": "calls", "tiers": "100000: 0\n*: 0.0004"}


def posted(prices: list[dict[str, str]], limits: list[dict[str, str]] | None = None, **more: str) -> dict[str, str]:
    found = OWN | more
    for prefix, rows in (("prices", prices), ("limits", limits or [])):
        found |= {f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": "0"}
        found |= {f"{prefix}-{index}-{name}": value for index, row in enumerate(rows) for name, value in row.items()}
    return found


@pytest.fixture
def calls(acme: Organization, by: Actor) -> Meter:
    return create_meter(organization=acme, name="calls", definition={"where": "status < 400"}, by=by)


@pytest.fixture
def plan(acme: Organization, calls: Meter) -> Plan:
    return products.plan(organization=acme, name="growth", terms=Terms(rate=RATE))


@pytest.fixture
def client(log_in: LogIn, admin: User) -> Client:
    return log_in(admin)


@pytest.fixture
def noon() -> Iterator[None]:
    """No day or month ends while the test runs."""
    with time_machine.travel(timezone.now().replace(hour=12, minute=30), tick=False):
        yield


def test_saving_prices_makes_the_next_version_and_keeps_the_limits(client: Client, plan: Plan) -> None:
    limits = [{"meter": "calls", "included": "100000", "on_exceed": "bill", "hard_cap": "2000000"}]
    answer = client.post("/console/plans/growth/prices", posted([BASE, CALLS], limits, trial_days="14", act="save"))
    assert answer.status_code == 302
    version = plan.versions.get(state="active")
    assert (version.number, version.rate) == (2, RATE)
    assert version.pricing["prices"] == [
        {"name": "base", "model": "flat", "amount": "29.00", "term": "advance"},
        {
            "name": "calls", "meter": "calls", "model": "graduated",
            "tiers": [{"upTo": 100000, "unit": "0.00"}, {"unit": "0.0004"}],
        },
    ]  # fmt: skip
    assert version.pricing["limits"] == [{"meter": "calls", "included": 100000, "onExceed": "bill", "hardCap": 2000000}]
    assert version.pricing["trial"]["days"] == 14
    again = client.get("/console/plans/growth/prices")
    assert "41.96" in again.content.decode()  # 132,400 calls, the simulator's own sample
    assert "42.20" in again.content.decode()  # the same in packages
    unchanged = {name: again.context["form"][name].value() or "" for name in again.context["form"].fields}
    rows = [{name: str(row[name].value() or "") for name in row.fields} for row in again.context["prices"]]
    kept = [{name: str(row[name].value() or "") for name in row.fields} for row in again.context["limits"]]
    client.post("/console/plans/growth/prices", posted(rows, kept, **{k: str(v) for k, v in unchanged.items()}))
    assert plan.versions.count() == 2  # equal prices make no version


def test_what_a_prepaid_price_says_is_edited_and_kept(client: Client, plan: Plan) -> None:
    credits_ = {"model": "prepaid", "name": "credits", "price": "20.00", "top_ups": "50.00 200.00"}
    credits_ |= {"included": "1.00", "expires_after_days": "365", "proposed_below": "5.00"}
    unit = {"model": "unit", "name": "calls", "meter": "calls", "price": "0.01"}
    assert client.post("/console/plans/growth/prices", posted([credits_, unit], act="save")).status_code == 302
    assert plan.versions.get(state="active").pricing["prices"][0] == {
        "name": "credits", "model": "prepaid", "amount": "20.00", "topUps": ["50.00", "200.00"], "included": "1.00",
        "expiresAfterDays": 365, "autoTopUp": {"below": "5.00"},
    }  # fmt: skip
    row = client.get("/console/plans/growth/prices").context["prices"][0]
    assert {name: str(row[name].value()) for name in credits_} == credits_


def test_the_simulator_shows_the_invoice_and_saves_nothing(client: Client, plan: Plan) -> None:
    data = posted([BASE, CALLS], act="simulate") | {"usage-calls": "200000"}
    answer = client.post("/console/plans/growth/prices", data)
    assert answer.status_code == 200
    simulation = answer.context["simulation"]
    assert simulation.invoice["total"] == "69.00"
    assert simulation.usages[2] == {"calls": 200_000}
    assert {words: totals[2] for words, totals in simulation.models} == {
        "As it is": "69.00", "One by one at 0.0004": "69.00", "Volume at 0.0004": "109.00",
        "Packages of 1,000 at 0.40": "69.00",
    }  # fmt: skip
    assert plan.versions.count() == 1


@pytest.mark.parametrize(
    ("act", "prices", "limits"),
    [
        ("add-prices", ["base", "calls", ""], []),
        ("remove-prices-0", ["calls"], []),
        ("remove-prices-9", ["base", "calls"], []),
        ("add-limits", ["base", "calls"], [""]),
    ],
)
def test_rows_come_and_go_without_being_saved(
    client: Client, plan: Plan, act: str, prices: list[str], limits: list[str]
) -> None:
    answer = client.post("/console/plans/growth/prices", posted([BASE, CALLS], act=act))
    assert answer.status_code == 200
    assert [row["name"].value() or "" for row in answer.context["prices"]] == prices
    assert [row["meter"].value() or "" for row in answer.context["limits"]] == limits
    assert plan.versions.count() == 1


@pytest.mark.parametrize(
    ("prices", "more", "row", "field", "words"),
    [
        ([BASE | {"price": "29.001"}], {}, 0, "price", "too fine"),
        ([BASE | {"price": ""}], {}, 0, "price", "`amount` is missing"),
        ([BASE, CALLS | {"tiers": "100000: 0"}], {}, 1, "tiers", "last tier has no bound"),
        ([BASE, CALLS | {"tiers": "many: 0\n*: 1"}], {}, 1, "tiers", "whole number"),
        ([BASE, BASE], {}, 1, "name", "two prices named"),
        ([BASE], {"maximum_spend": "10.00"}, None, "maximum_spend", "29.00"),
        ([BASE], {"end_days": "3"}, None, "end_days", "after the 14 days"),
    ],
)
def test_a_fault_stands_at_its_field(
    client: Client, plan: Plan, prices: list[dict[str, str]], more: dict[str, str], row: int | None, field: str,
    words: str,
) -> None:  # fmt: skip
    answer = client.post("/console/plans/growth/prices", posted(prices, **more))
    assert answer.status_code == 422
    form = answer.context["form"] if row is None else answer.context["prices"][row]
    assert words in form.errors[field][0]
    assert plan.versions.count() == 1


def test_changing_the_limits_of_a_plan_keeps_its_prices(client: Client, plan: Plan) -> None:
    client.post("/console/plans/growth/prices", posted([BASE]))
    client.post("/console/plans/growth/edit", {"approval": "auto", "rate": "5", "per_s": "1", "timezone": "UTC"})
    version = plan.versions.get(state="active")
    assert (version.number, version.rate["requests"], version.terms.recurring) == (3, 5, 29)


def test_removing_all_prices_makes_the_plan_free(client: Client, plan: Plan) -> None:
    client.post("/console/plans/growth/prices", posted([BASE]))
    client.post("/console/plans/growth/prices", posted([]))
    assert not plan.versions.get(state="active").is_priced


def test_a_meter_is_defined_changed_and_shows_what_it_counted(
    client: Client, acme: Organization, calls: Meter, noon: None
) -> None:
    data = {
        "name": "traffic", "display_name": "Traffic", "organization": acme.pk, "unit": "byte", "source": "bytes",
        "where": "status < 400", "weights": "POST /transfers: 5",
    }  # fmt: skip
    assert client.post("/console/new-meter", data).status_code == 302
    assert Meter.objects.get(name="traffic").weights == {"POST /transfers": 5}
    wrong = client.post("/console/meters/traffic/edit", data | {"where": "colour == 1"})
    assert "no `colour`" in wrong.context["form"].errors["where"][0]
    count(calls, 7, status=200)
    count(calls, 9, status=500)
    page = client.get("/console/meters/calls")
    assert page.context["today"] == 7
    assert b"/console/meters/traffic" in client.get("/console/meters").content


def test_a_meter_is_defined_in_any_language(client: Client, acme: Organization) -> None:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "ja"
    data = {
        "name": "traffic", "display_name": "Traffic", "organization": acme.pk, "unit": "call", "source": "requests",
        "where": "status < 400", "weights": "",
    }  # fmt: skip

    assert client.post("/console/new-meter", data).status_code == 302
    assert Meter.objects.get(name="traffic").source == "requests"


def test_subscribers_are_moved_after_a_look_at_what_it_costs_each(
    client: Client, acme: Organization, plan: Plan, by: Actor, noon: None
) -> None:
    version = catalog.published(of=catalog.api(organization=acme))
    product = products.product(version=version, plans=[plan])
    client.post("/console/plans/growth/prices", posted([BASE, CALLS]))
    shops = [access.application(name=f"shop-{number}") for number in (1, 2)]
    kept, moved = (subscribe(application=shop, product=product, plan=plan, by=by, is_checkout=True) for shop in shops)
    last_month = start_of("month", timezone.now()) - timedelta(days=3)
    count(moved, 132_400, status=200, at=last_month)
    count(moved, 5, status=500, at=last_month)
    client.post("/console/plans/growth/prices", posted([BASE | {"price": "39.00"}, CALLS]))
    page = client.get("/console/plans/growth/migrate")
    found = {row.subscription.pk: (str(row.before.total), str(row.after.total)) for row in page.context["rows"]}
    assert found == {kept.pk: ("29.00", "39.00"), moved.pk: ("41.96", "51.96")}
    assert "+10.00" in page.content.decode()
    assert client.post("/console/plans/growth/migrate", {}).status_code == 422
    client.post("/console/plans/growth/migrate", {"subscriptions": [moved.pk]})
    numbers = dict(Subscription.objects.values_list("pk", "plan_version__number"))
    assert numbers == {kept.pk: 2, moved.pk: 3}
    assert "1 subscription keep" in client.get("/console/plans/growth").content.decode()


def test_previews_take_the_same_number_of_queries_whatever_the_number_of_subscribers(
    client: Client, acme: Organization, plan: Plan, by: Actor, django_assert_max_num_queries: Any
) -> None:
    product = products.product(version=catalog.published(of=catalog.api(organization=acme)), plans=[plan])
    for number in range(5):
        subscribe(application=access.application(name=f"shop-{number}"), product=product, plan=plan, by=by)
    revise_plan(plan=plan, terms=Terms(pricing={"migration": {"existing": "keep"}}), by=by)
    with django_assert_max_num_queries(20):
        page = client.get("/console/plans/growth/migrate")
    assert len(page.context["rows"]) == 5
    assert page.context["obstacles"] == {}
    Subscription.objects.update(lifecycle="active", payment="ok")
    prices = [
        {"name": "credits", "model": "prepaid", "amount": "20.00"},
        {"name": "calls", "meter": "calls", "model": "unit", "unit": "0.01"},
    ]
    revise_plan(plan=plan, terms=Terms(pricing={"currency": "EUR", "prices": prices}), by=by)
    text = client.get("/console/plans/growth/migrate").content.decode()
    assert text.count("Stays: The new version is paid by credits") == 5
    assert 'type="checkbox"' not in text


def count(of: Meter | Subscription, calls: int, *, status: int, at: Any = None) -> None:
    """So many calls of a subscription in an hour."""
    subscription = of.pk if isinstance(of, Subscription) else "sub_some"
    UsageRollup.objects.create(
        period="hour", at=start_of("hour", at or timezone.now()), environment_id="env", operation="GET /accounts",
        subscription_id=subscription, status=status, calls=calls,
    )  # fmt: skip
