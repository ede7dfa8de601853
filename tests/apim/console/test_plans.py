"""Who may choose a plan: said on a page, in the audit log, and by what the portal then shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apim.accounts.models import Organization, User
from apim.audit.models import AuditEvent
from apim.products.models import Plan
from tests.factories import products

LogIn = Callable[[User | None], Client]

pytestmark = pytest.mark.django_db


@pytest.fixture
def plan(acme: Organization) -> Plan:
    """A plan that everybody may choose."""
    acme.owners_edit_plans = True
    acme.save()
    return products.plan(organization=acme, name="gold")


def form(**changed: str) -> dict[str, str]:
    return {"display_name": "Gold", "description": "", "visibility": "public", "offered_to": ""} | changed


def test_a_plan_is_made_private_and_offered_to_organizations_by_name(
    plan: Plan, owner: User, initech: Organization, log_in: LogIn
) -> None:
    client = log_in(owner)
    page = f"/console/plans/{plan.name}/audience"
    answer = client.post(page, form(visibility="private", offered_to=f"{initech.name}\n{initech.name}\n"))
    assert answer.headers["Location"] == f"/console/plans/{plan.name}"
    plan.refresh_from_db()
    assert (plan.visibility, list(plan.offered_to.all())) == ("private", [initech])
    assert AuditEvent.objects.filter(action="plan.update").count() == 1
    shown = client.get(f"/console/plans/{plan.name}").content.decode()
    assert "Offered to" in shown
    assert initech.name in client.get(page).content.decode()


def test_a_name_that_nobody_has_is_told_and_nothing_changes(plan: Plan, owner: User, log_in: LogIn) -> None:
    answer = log_in(owner).post(
        f"/console/plans/{plan.name}/audience", form(visibility="private", offered_to="nobody-at-all")
    )
    assert "There is no organization nobody-at-all." in answer.content.decode()
    plan.refresh_from_db()
    assert plan.visibility == "public"


def test_a_private_plan_without_anybody_says_so(plan: Plan, owner: User, log_in: LogIn) -> None:
    Plan.objects.filter(pk=plan.pk).update(visibility="private")
    assert "No organization but" in log_in(owner).get(f"/console/plans/{plan.name}").content.decode()
