"""A plan without prices may have calls served that a gateway has no room to record; gateways and people are told."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.documents.services import apply_documents, export_documents
from apim.errors import Problems
from apim.gateways.models import Environment
from apim.products import services
from apim.products.limits import Terms
from apim.products.models import Plan
from gateway_sync.compiler.terms import compile_plan
from gateway_sync.delivery.offers import plan_rows
from gateway_sync.rows import PlanVersionRow
from tests.conftest import LogIn
from tests.factories import products

pytestmark = pytest.mark.usefixtures("environment")

FREE = """\
apiVersion: apim.dev/v1
kind: Plan
metadata: { name: free }
spec: { organization: acme, limits: [], whenUnrecorded: serve }
"""
PRICED = {"currency": "EUR", "prices": [{"name": "base", "model": "flat", "amount": "10.00"}]}


def test_calls_are_refused_unless_a_plan_says_otherwise(environment: Environment, by: Actor) -> None:
    plan = products.plan()
    assert [row.is_served_unrecorded for row in plan_rows(environment.id, "default")] == [False]
    version = services.add_plan_version(plan=plan, terms=Terms(when_unrecorded="serve"), by=by)
    (row,) = plan_rows(environment.id, "default")
    assert (row.id, row.is_served_unrecorded) == (version.id, True)


def test_gateways_are_told() -> None:
    plan, problems = compile_plan(PlanVersionRow("plv_1", "free", 1, None, (), is_served_unrecorded=True))
    assert plan is not None
    assert (plan.is_served_unrecorded, problems) == (True, [])


@pytest.mark.parametrize("terms", [Terms(when_unrecorded="serve", pricing=PRICED), Terms(when_unrecorded="maybe")])
def test_what_is_paid_for_is_recorded_or_refused(by: Actor, terms: Terms) -> None:
    with pytest.raises(Problems) as caught:
        services.add_plan_version(plan=products.plan(), terms=terms, by=by)
    assert [error.code for error in caught.value.errors] == ["products.when_unrecorded"]


def test_a_document_says_it_and_comes_back_as_it_was_written(acme: Organization, admin: User, by: Actor) -> None:
    apply_documents(text=FREE, files={}, user=admin, by=by)
    assert Plan.objects.get(name="free").versions.get().when_unrecorded == "serve"
    exported = export_documents(kind="plans", name="free", user=admin)
    assert "whenUnrecorded: serve" in exported
    assert not apply_documents(text=exported, files={}, user=admin, by=by).has_changes
    back = FREE.replace("serve", "refuse")
    (change,) = apply_documents(text=back, files={}, user=admin, by=by).changes
    assert change.fields == ("whenUnrecorded",)


def test_the_form_of_a_plan_has_it_and_its_page_tells_it(admin: User, log_in: LogIn) -> None:
    plan = products.plan()
    client, page = log_in(admin), f"/console/plans/{plan.name}/edit"
    data = {"approval": "auto", "per_s": "1", "timezone": "UTC", "when_unrecorded": "serve"}
    assert client.post(page, data).headers["Location"] == f"/console/plans/{plan.name}"
    assert plan.versions.get(state="active").when_unrecorded == "serve"
    assert 'value="serve" selected' in client.get(page).content.decode()
    told = client.get(f"/console/plans/{plan.name}").content.decode()
    assert "Calls are served, and counted as unmetered" in told
