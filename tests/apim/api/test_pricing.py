"""Prices of plans, meters and moving subscribers over REST."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from apim.access.models import Application, Subscription
from apim.access.services import subscribe
from apim.accounts.models import User
from apim.documents.services import apply_documents
from apim.products.models import Plan, Product
from tests.apim.api.conftest import MakeClient
from tests.factories.accounts import TESTER

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bank")]

METER = {"name": "calls", "organization": "acme", "where": "status < 400", "weights": {"POST /transfers": 5}}
TIERS = [{"up_to": 100000, "unit": "0"}, {"unit": "0.0004"}]
PRICING = {
    "currency": "EUR",
    "trial": {"days": 14, "payment_method": "not-required", "on_end_without_card": "pause"},
    "prices": [
        {"name": "base", "model": "flat", "amount": "29.00"},
        {"name": "calls", "meter": "calls", "model": "graduated", "tiers": TIERS},
    ],
    "limits": [{"meter": "calls", "included": 100000, "on_exceed": "bill", "hard_cap": 2000000}],
}  # fmt: skip


@pytest.fixture
def client(api: MakeClient, admin: User) -> APIClient:
    made = api(admin)
    assert made.post("/api/v1/meters", METER, format="json").status_code == 201
    return made


def price(client: APIClient, **pricing: Any) -> Any:
    body = {"terms": {"pricing": PRICING | pricing}}
    return client.patch("/api/v1/plans/starter", body, format="json")


def test_a_meter_is_made_shown_and_changed(client: APIClient) -> None:
    shown = client.get("/api/v1/meters/calls").json()
    assert (shown["where"], shown["weights"], shown["source"], shown["version"]) == (
        "status < 400", {"POST /transfers": 5}, "requests", 1
    )  # fmt: skip
    changed = client.patch("/api/v1/meters/calls", {"where": "status_class == 2"}, format="json").json()
    assert (changed["where"], changed["version"]) == ("status_class == 2", 2)
    refused = client.patch("/api/v1/meters/calls", {"where": "colour == 1"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "products.meter")
    assert [row["name"] for row in client.get("/api/v1/meters").json()["data"]] == ["calls"]


def test_prices_make_the_next_version_and_are_shown_with_defaults(client: APIClient) -> None:
    pricing = price(client).json()["terms"]["pricing"]
    assert pricing["prices"][1]["tiers"] == [{"up_to": 100000, "unit": "0.00"}, {"unit": "0.0004"}]
    assert pricing["dunning"] == {"grace_days": 14, "then": "suspend", "end_after_days": 45}
    assert pricing["migration"] == {"existing": "keep"}
    again = client.patch("/api/v1/plans/starter", {"terms": {"pricing": pricing}}, format="json").json()
    assert again["terms"]["number"] == 2  # what is shown is what may be sent


def test_other_terms_keep_the_prices_and_null_takes_them_away(client: APIClient) -> None:
    price(client)
    kept = client.patch("/api/v1/plans/starter", {"terms": {"rate": {"requests": 5}}}, format="json").json()
    assert kept["terms"]["pricing"]["currency"] == "EUR"
    free = client.patch("/api/v1/plans/starter", {"terms": {"pricing": None}}, format="json").json()
    assert free["terms"]["pricing"] is None


@pytest.mark.parametrize(
    ("pricing", "code", "words"),
    [
        ({"currency": "EUX"}, "products.pricing", "no currency"),
        ({"prices": [{"model": "flat", "amount": "29.001"}]}, "products.pricing", "too fine"),
        ({"prices": [{"model": "flat", "amuont": "1"}]}, "request.unknown_field", 'did you mean "amount"'),
        ({"limits": [{"meter": "cals"}]}, "products.no_meter", "no meter `cals`"),
    ],
)
def test_prices_that_cannot_be_are_refused(client: APIClient, pricing: dict[str, Any], code: str, words: str) -> None:
    answer = price(client, **pricing)
    assert answer.status_code == 400
    told = answer.json()
    assert words in str(told)
    assert code in str(told)
    assert Plan.objects.get(name="starter").versions.count() == 1


def test_a_private_plan_names_whom_it_is_for(client: APIClient) -> None:
    body = {"visibility": "private", "offered_to": ["initech"]}
    shown = client.patch("/api/v1/plans/starter", body, format="json").json()
    assert (shown["visibility"], shown["offered_to"]) == ("private", ["initech"])
    refused = client.patch("/api/v1/plans/starter", {"offered_to": ["nobody"]}, format="json")
    assert refused.json()["code"] == "products.no_organization"


def test_subscribing_to_a_priced_plan_is_refused_in_plain_words(client: APIClient) -> None:
    price(client)
    body = {"application": "initech:shop", "product": "payments", "plan": "starter"}
    refused = client.post("/api/v1/subscriptions", body, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "access.payments_not_set_up")


def test_with_payments_set_up_a_priced_plan_is_waited_for_and_the_answer_says_where_it_is_paid(
    client: APIClient, settings: Settings
) -> None:
    settings.STRIPE_API_KEY = "sk_test_standin"
    price(client)
    body = {"application": "initech:shop", "product": "payments", "plan": "starter"}
    made = client.post("/api/v1/subscriptions", body, format="json")
    assert made.status_code == 201
    told = made.json()
    assert (told["lifecycle"], told["payment"]) == ("pending", "none")
    assert told["checkout_url"] == f"{settings.BASE_URL}/my/subscriptions/{told['id']}/pay"
    Subscription.objects.update(awaits_payment=False, lifecycle="active")
    assert client.get(f"/api/v1/subscriptions/{told['id']}").json()["checkout_url"] == ""


def test_documents_ask_for_a_priced_plan_and_say_where_it_is_paid(
    client: APIClient, admin: User, settings: Settings
) -> None:
    settings.STRIPE_API_KEY = "sk_test_standin"
    price(client)
    text = (
        "apiVersion: apim.dev/v1\nkind: Subscription\nmetadata: { name: shop-payments }\n"
        "spec: { application: initech/shop, product: payments, plan: starter }\n"
    )
    applied = apply_documents(text=text, files={}, user=admin, by=TESTER)
    (warning,) = applied.warnings
    assert warning == f"Subscription `shop-payments` waits for its payment, which is made at {settings.BASE_URL}/my."
    assert Subscription.objects.get().awaits_payment


def test_subscribers_are_previewed_and_moved(client: APIClient) -> None:
    price(client)
    subscription = subscribe(
        application=Application.objects.get(), product=Product.objects.get(), plan=Plan.objects.get(name="starter"),
        by=TESTER, is_checkout=True,
    )  # fmt: skip
    price(client, prices=[{"name": "base", "model": "flat", "amount": "39.00"}])
    shown = client.get("/api/v1/plans/starter/migration").json()
    (preview,) = shown["previews"]
    assert (shown["version"], shown["moved"]) == (3, [])
    assert {name: preview[name] for name in ("version", "before", "after", "currency", "usage")} == {
        "version": 2, "before": "29.00", "after": "39.00", "currency": "EUR", "usage": {"calls": "0"},
    }  # fmt: skip
    url = "/api/v1/plans/starter/migration"
    assert client.post(url, {"organizations": ["acme"]}, format="json").json()["moved"] == []
    assert client.post(url, {"from_version": 2}, format="json").json()["moved"] == [subscription.pk]
    assert Subscription.objects.get().plan_version.number == 3
