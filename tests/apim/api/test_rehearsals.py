"""Rehearsals over REST: started, read step by step, cancelled; by who may edit the plan."""

from __future__ import annotations

import pytest

from apim.accounts.models import User
from apim.billing.rehearsing import STEPS, take_step
from apim.products.models import Product
from tests.apim.api.conftest import MakeClient
from tests.payments import Stripe

pytestmark = pytest.mark.django_db


def test_a_plan_is_rehearsed_and_the_rehearsal_cancelled(
    api: MakeClient,
    admin: User,
    stripe_server: Stripe,
    product: Product,
) -> None:
    client, path = api(admin), f"/api/v1/plans/{product.plans.get().name}/rehearsals"
    answer = client.post(path)
    assert answer.status_code == 201
    made = answer.json()
    assert ([step["name"] for step in made["steps"]], made["state"]) == (list(STEPS), "waiting")
    assert client.post(path).json()["code"] == "billing.rehearsal_running"
    take_step(made["id"])
    first = client.get(answer["Location"]).json()["steps"][0]
    assert (first["state"], first["ledger_said"]) == ("done", ["Lifecycle pending, payment none."])
    assert client.post(f"{answer['Location']}/cancel").status_code == 200
    take_step(made["id"])
    (listed,) = client.get(path).json()["data"]
    assert (listed["state"], listed["is_removed"]) == ("canceled", True)


def test_a_plan_without_prices_says_why_it_cannot_be_rehearsed(
    api: MakeClient,
    admin: User,
    stripe_server: Stripe,
    product: Product,
) -> None:
    plan = product.plans.get()
    plan.versions.update(pricing=None)
    refused = api(admin).post(f"/api/v1/plans/{plan.name}/rehearsals")
    assert (refused.status_code, refused.json()["code"]) == (409, "billing.rehearsal_impossible")
    assert "costs nothing" in refused.json()["detail"]
