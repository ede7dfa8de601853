"""Plans in forms: who may choose one, who may edit one, and what is refused or told before it is saved."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.audit.models import AuditEvent
from apim.products.models import Plan
from apim.products.services import set_ceiling
from tests.conftest import LogIn
from tests.factories import access, accounts, catalog, products

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


def test_quotas_of_data_and_units_are_edited_as_people_write_them(plan: Plan, owner: User, log_in: LogIn) -> None:
    client, page = log_in(owner), f"/console/plans/{plan.name}/edit"
    data = {"approval": "auto", "per_s": "1", "timezone": "UTC", "quota_month": "500", "bytes_month": "1.5 GB"}
    wrong = client.post(page, data | {"bytes_day": "ten", "weights": "POST /transfers"}).content.decode()
    assert "ten is no size; 10 GB is one." in wrong
    assert "is no operation with its cost" in wrong
    lone = client.post(page, data | {"weights": "POST /transfers 5"}).content.decode()
    assert "Weights count for a quota of units, and there is none." in lone
    more = {"units_day": "100", "weights": "POST /transfers 5\nGET /reports* 2\n", "when_unconfirmed": "refuse"}
    assert client.post(page, data | more).headers["Location"] == f"/console/plans/{plan.name}"
    version = plan.versions.get(state="active")
    assert version.quotas == [
        {"requests": 100, "per": "day", "unit": "units"},
        {"requests": 500, "per": "month"},
        {"requests": 1_500_000_000, "per": "month", "unit": "bytes"},
    ]
    assert version.weights == {"POST /transfers": 5, "GET /reports*": 2}
    shown = client.get(page).content.decode()
    assert all(text in shown for text in ("1.5 GB", "POST /transfers 5", 'value="refuse" selected'))
    told = client.get(f"/console/plans/{plan.name}").content.decode()
    assert all(text in told for text in ("100 units a day", "1.5 GB a month", "A call costs 1 unit, but"))


def test_quotas_of_each_subscriptions_own_periods_are_edited(plan: Plan, owner: User, log_in: LogIn) -> None:
    client, page = log_in(owner), f"/console/plans/{plan.name}/edit"
    data = {"approval": "auto", "per_s": "1", "timezone": "UTC", "quota_hour": "5", "quota_day": "50"}
    twice = client.post(page, data | {"quota_month": "9", "quota_period": "9", "window": "anchored"}).content.decode()
    assert "Two anchored quotas count the same" in twice
    more = {"quota_period": "900", "bytes_period": "1 GB", "window": "anchored"}
    assert client.post(page, data | more).headers["Location"] == f"/console/plans/{plan.name}"
    version = plan.versions.get(state="active")
    assert version.quotas == [
        {"requests": 5, "per": "hour"},
        {"requests": 50, "per": "day", "window": "anchored"},
        {"requests": 900, "per": "period"},
        {"requests": 1_000_000_000, "per": "period", "unit": "bytes"},
    ]
    again = client.get(page).content.decode()
    assert 'value="anchored" selected' in again
    assert "900 calls a billing period" in client.get(f"/console/plans/{plan.name}").content.decode()


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


def test_owners_edit_plans_only_when_an_admin_delegated_it(
    log_in: LogIn, acme: Organization, admin: User, owner: User
) -> None:
    data = {
        "name": "starter", "display_name": "Starter", "organization": acme.pk, "approval": "auto",
        "rate": "10", "per_s": "1", "timezone": "UTC",
    }  # fmt: skip
    refused = log_in(owner).post("/console/new-plan", data)
    assert refused.status_code == 403
    assert b"delegate" in refused.content

    log_in(admin).post("/console/admin/organizations/acme", {"display_name": "Acme Ltd", "owners_edit_plans": "on"})
    log_in(owner).post("/console/new-plan", data)

    assert Plan.objects.get().versions.get().rate == {"requests": 10, "per_s": 1, "burst": 10}


@pytest.mark.usefixtures("environment")
def test_a_plan_above_a_ceiling_is_refused_with_the_number(log_in: LogIn, acme: Organization, admin: User) -> None:
    client = log_in(admin)
    client.post("/console/admin/ceilings/environments/default", {"max_per_month": "5000"})
    data = {
        "name": "huge", "display_name": "Huge", "organization": acme.pk, "approval": "auto", "per_s": "1",
        "quota_month": "6000", "timezone": "UTC",
    }  # fmt: skip

    response = client.post("/console/new-plan", data)

    assert response.status_code == 422
    assert b"5,000" in response.content
    assert not Plan.objects.exists()


def test_changed_terms_move_the_subscribers_that_the_page_named(log_in: LogIn, acme: Organization, admin: User) -> None:
    plan = products.plan(organization=acme)
    version = catalog.published(of=catalog.api(organization=acme))
    subscription = access.subscription(
        application=access.application(), product=products.product(version=version, plans=[plan]), plan=plan
    )
    client, url = log_in(admin), f"/console/plans/{plan.name}/edit"
    assert b"1 live subscription moves" in client.get(url).content

    client.post(url, {"approval": "auto", "rate": "5", "per_s": "1", "timezone": "UTC"})

    subscription.refresh_from_db()
    assert (subscription.plan_version.number, subscription.plan_version.rate["requests"]) == (2, 5)


def test_a_quota_above_the_ceiling_is_told_beside_its_field(log_in: LogIn, acme: Organization, admin: User) -> None:
    set_ceiling(by=accounts.TESTER, organization=acme, max_per_month=1000)
    data = {
        "name": "big", "display_name": "Big", "organization": acme.pk, "approval": "auto", "per_s": "1",
        "quota_hour": "10", "quota_month": "5000", "timezone": "UTC",
    }  # fmt: skip
    form = log_in(admin).post("/console/new-plan", data).context["form"]
    assert list(form.errors) == ["quota_month"]
