"""Long work of every kind, as one list."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.announcements.models import Announcement, Receipt
from apim.billing.models import PlanMigration, Rehearsal, RehearsalStep
from apim.catalog.models import API
from apim.console.jobs import jobs
from apim.gateways.models import Environment
from tests.conftest import LogIn
from tests.factories import catalog, products


def rehearsal(environment: Environment, state: str) -> Rehearsal:
    product = products.product(version=catalog.published())
    plan = product.plans.get()
    made = Rehearsal.objects.create(
        plan=plan, plan_version=plan.versions.get(), product=product, environment=environment, state=state,
        requested_by="ana@example.com",
    )  # fmt: skip
    for number, step in enumerate(("done", "running", "waiting")):
        RehearsalStep.objects.create(rehearsal=made, number=number, name=f"step-{number}", state=step)
    return made


def announcement(api: API, user: User) -> Announcement:
    made = Announcement.objects.create(
        api=api, subject="v1 ends", body="Soon.", state=Announcement.State.SENDING, created_by="ana@example.com"
    )
    Receipt.objects.create(announcement=made, user=user, told_at=timezone.now())
    return made


def test_work_of_each_kind_is_told_with_how_far_it_is(environment: Environment, admin: User) -> None:
    assert jobs() == []
    ended = rehearsal(environment, "done")
    running = rehearsal(environment, "running")
    announcement(API.objects.all()[0], admin)
    PlanMigration.objects.create(
        version=running.plan_version, not_before=timezone.now() + timedelta(days=1), created_by="bob@example.com"
    )
    found = {(job.kind, job.title): job for job in jobs()}

    job = found["Rehearsal", str(running.plan)]
    assert (job.state, job.done, job.total, job.percent) == ("running", 1, 3, 33)
    assert job.cancel.endswith(f"{running.pk}/cancel")
    assert not found["Rehearsal", str(ended.plan)].cancel
    assert found["Announcement", "v1 ends"].percent == 100
    assert found["Move of subscribers", str(running.plan_version)].percent is None
    assert [each.is_running for each in jobs()] == [True, True, False, False]


def test_the_page_asks_again_only_while_something_runs(environment: Environment, admin: User) -> None:
    client = Client()
    client.force_login(admin)
    assert b"Nothing runs" in client.get("/console/jobs").content
    made = rehearsal(environment, "running")
    assert b"every 3s" in client.get("/console/jobs").content
    Rehearsal.objects.filter(pk=made.pk).update(state="done")
    part = client.get("/console/jobs", headers={"HX-Request": "true"})
    assert b"every 3s" not in part.content
    assert b"<html" not in part.content


@pytest.mark.usefixtures("admin")
def test_the_list_costs_the_same_queries_for_few_and_many(environment: Environment) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            jobs()
        return len(captured)

    rehearsal(environment, "done")
    few = queries()
    for _ in range(3):
        rehearsal(environment, "running")
    assert queries() == few


@pytest.mark.usefixtures("environment")
def test_owners_see_their_own_work_and_admins_all_of_it(
    log_in: LogIn, owner: User, other_owner: User, admin: User, acme: Organization
) -> None:
    made = announcement(catalog.api(organization=acme), owner)
    assert [job.title for job in jobs(owner)] == [made.subject]
    assert jobs(other_owner) == []
    assert made.subject in log_in(owner).get("/console/jobs").content.decode()
    assert made.subject not in log_in(other_owner).get("/console/jobs").content.decode()
    assert [job.title for job in jobs(admin)] == [made.subject]
    assert log_in(admin).get("/console/admin/jobs")["Location"] == "/console/jobs"


@pytest.mark.usefixtures("environment")
def test_work_is_cancelled_from_the_list(log_in: LogIn, owner: User, environment: Environment) -> None:
    sending = announcement(catalog.api(organization=owner.organizations.get()), owner)
    rehearsed = rehearsal(environment, "running")
    rehearsed.plan.organization = owner.organizations.get()
    rehearsed.plan.save()
    body = log_in(owner).get("/console/jobs").content.decode()
    assert f'<a class="button button--s" href="/console/announcements/{sending.pk}/stop">' in body
    assert f'<form method="post" action="/console/rehearsals/{rehearsed.pk}/cancel">' in body

    log_in(owner).post(f"/console/announcements/{sending.pk}/stop")
    assert {job.kind: job.state for job in jobs(owner)}["Announcement"] == "canceled"


def test_why_something_failed_is_said(environment: Environment) -> None:
    made = rehearsal(environment, "failed")
    RehearsalStep.objects.filter(rehearsal=made, number=1).update(state="failed")
    assert jobs()[0].error == "It failed at the step step-1."
