"""Long work of every kind, as one list."""

from __future__ import annotations

import zlib
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
from apim.console.jobs import A_PAGE, Wanted, jobs
from apim.gateways.models import Environment
from apim.jobs.models import Job, JobPart
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
    assert jobs().lines == []
    ended = rehearsal(environment, "done")
    running = rehearsal(environment, "running")
    announcement(API.objects.all()[0], admin)
    PlanMigration.objects.create(
        version=running.plan_version, not_before=timezone.now() + timedelta(days=1), created_by="bob@example.com"
    )
    found = {(job.kind, job.title): job for job in jobs().lines}

    job = found["Rehearsal", str(running.plan)]
    assert (job.state, job.done, job.total, job.percent) == ("running", 1, 3, 33)
    assert job.cancel.endswith(f"{running.pk}/cancel")
    assert not found["Rehearsal", str(ended.plan)].cancel
    assert found["Announcement", "v1 ends"].percent == 100
    assert found["Move of subscribers", str(running.plan_version)].percent is None
    assert [each.is_running for each in jobs().lines] == [True, True, False, False]


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
    assert [job.title for job in jobs(owner).lines] == [made.subject]
    assert jobs(other_owner).lines == []
    assert made.subject in log_in(owner).get("/console/jobs").content.decode()
    assert made.subject not in log_in(other_owner).get("/console/jobs").content.decode()
    assert [job.title for job in jobs(admin).lines] == [made.subject]
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
    assert {job.kind: job.state for job in jobs(owner).lines}["Announcement"] == "canceled"


def test_why_something_failed_is_said(environment: Environment) -> None:
    made = rehearsal(environment, "failed")
    RehearsalStep.objects.filter(rehearsal=made, number=1).update(state="failed")
    assert jobs().lines[0].error == "It failed at the step step-1."


def stored(user: User, state: str = "done", **fields: object) -> Job:
    ended = None if state in Job.OPEN else timezone.now()
    return Job.objects.create(
        kind="import", subject=str(Job.objects.count()), title="bank v2", state=state, asked_by=user, ended_at=ended,
        actor_kind="user", actor_id=user.pk, actor_label=user.email, **fields,
    )  # fmt: skip


@pytest.mark.usefixtures("environment")
def test_the_list_is_narrowed_and_goes_back_page_by_page(log_in: LogIn, admin: User) -> None:
    for number in range(A_PAGE + 2):
        stored(admin, state="failed" if number == 0 else "done")
    stored(admin, state="running")
    first = jobs(admin)
    assert (len(first.running), len(first.ended)) == (1, A_PAGE)
    second = jobs(admin, Wanted(before=first.next_before))
    assert (len(second.running), len(second.ended), second.next_before) == (0, 2, None)
    assert [line.state for line in jobs(admin, Wanted("import", "failed")).lines] == ["failed"]
    assert [line.state for line in jobs(admin, Wanted(state="running")).lines] == ["running"]
    assert jobs(admin, Wanted("announcement")).lines == []

    client = log_in(admin)
    body = client.get("/console/jobs").content.decode()
    assert "Older" in body
    assert first.next_before is not None
    older = client.get("/console/jobs", {"before": first.next_before.isoformat()}).content.decode()
    assert "Newest" in older
    assert "Older" not in older
    assert "No job is like that" in client.get("/console/jobs?kind=rehearsal").content.decode()
    assert client.get("/console/jobs?before=2026-99-99T00:00Z&kind=nothing").status_code == 200


@pytest.mark.usefixtures("environment")
def test_the_page_of_a_job_says_how_it_stands_and_is_cancelled_there(log_in: LogIn, owner: User) -> None:
    client = log_in(owner)
    job = stored(owner, "running", done=1, total=4, note="The document is read.")
    body = client.get(f"/console/jobs/{job.pk}").content.decode()
    assert f'data-live="job:{job.pk}"' in body
    assert "The document is read." in body
    assert "25 %" in body
    assert "canceled" in client.post(f"/console/jobs/{job.pk}/cancel", follow=True).content.decode().lower()
    job.refresh_from_db()
    assert job.state == "canceled"  # nobody was at it
    again = client.post(f"/console/jobs/{job.pk}/retry")
    assert Job.objects.exclude(pk=job.pk).get().pk in again["Location"]


@pytest.mark.usefixtures("environment")
def test_who_asked_is_led_on_to_the_result_once(log_in: LogIn, owner: User) -> None:
    client = log_in(owner)
    job = stored(owner, page="/console/apis")
    assert client.get(f"/console/jobs/{job.pk}?follow")["Location"] == "/console/apis"
    assert (
        client.get(f"/console/jobs/{job.pk}?follow", headers={"HX-Request": "true"})["HX-Redirect"] == "/console/apis"
    )
    assert "Look at the result" in client.get(f"/console/jobs/{job.pk}").content.decode()


@pytest.mark.usefixtures("environment")
def test_why_a_job_failed_is_told_with_what_to_do(log_in: LogIn, owner: User) -> None:
    problem = {"code": "x.y", "message": "Line 3 is no YAML.", "hint": "Mend it.", "field": ""}
    job = stored(owner, "failed", problems=[problem], page="/console/new-api")
    body = log_in(owner).get(f"/console/jobs/{job.pk}").content.decode()
    for text in ("Line 3 is no YAML.", "Mend it.", "Do it again", 'href="/console/new-api"'):
        assert text in body


@pytest.mark.usefixtures("environment")
def test_the_file_of_a_job_is_for_who_asked_alone(log_in: LogIn, admin: User, owner: User) -> None:
    job = stored(owner, file_name="audit.csv", file_type="text/csv")
    for number, text in enumerate((b"one,", b"two")):
        JobPart.objects.create(job=job, number=number, data=zlib.compress(text), bytes=len(text))
    answer = log_in(owner).get(f"/console/jobs/{job.pk}/file")
    assert b"".join(answer.streaming_content) == b"one,two"  # type: ignore[attr-defined]
    assert answer["Content-Length"] == "7"
    assert "audit.csv" in answer["Content-Disposition"]
    assert log_in(admin).get(f"/console/jobs/{job.pk}/file").status_code == 404
    assert "Only who asked" in log_in(admin).get(f"/console/jobs/{job.pk}").content.decode()


@pytest.mark.usefixtures("environment")
def test_a_job_that_is_being_cancelled_says_so(log_in: LogIn, owner: User) -> None:
    job = stored(owner, "running", is_cancel_wanted=True, beat_at=timezone.now())
    client = log_in(owner)
    for url in ("/console/jobs", f"/console/jobs/{job.pk}"):
        body = client.get(url).content.decode()
        assert "Canceling" in body
        assert "Running" not in body.replace('<option value="running">Running', "")
