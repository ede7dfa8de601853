"""Acts that are done at once when they are small, and by a job when they are not."""

from __future__ import annotations

import json

import pytest

from apim.accounts.models import Organization, User
from apim.audit.models import AuditEvent
from apim.catalog import job_kinds as catalog_jobs
from apim.catalog.models import API, APIVersion
from apim.gateways.environments import create_environment
from apim.gateways.models import Environment
from apim.jobs import working
from apim.jobs.models import Job
from apim.platform import job_kinds as platform_jobs
from apim.platform.models import Promotion
from apim.platform.promotion import plan_promotion
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.usefixtures("environment")


def document(padding: str = "") -> str:
    operation = {"responses": {"200": {"description": "ok"}}}
    info = {"title": "Bank", "version": "1", "description": padding}
    servers = [{"url": "https://bank.example.com"}]
    return json.dumps({"openapi": "3.0.3", "info": info, "servers": servers, "paths": {"/a": {"get": operation}}})


LONG = "x" * catalog_jobs.AT_ONCE


def new_api(owner: User, text: str) -> dict[str, str]:
    organization = owner.organizations.get().pk
    return {
        "source": "text", "document_text": text, "name": "bank", "version": "v1", "organization": organization,
        "methods": "GET",
    }  # fmt: skip


def test_a_small_document_is_imported_at_once(log_in: LogIn, owner: User) -> None:
    answer = log_in(owner).post("/console/new-api", new_api(owner, document()))
    assert answer["Location"] == "/console/apis/bank/versions/v1/review"
    assert not Job.objects.exists()


def test_a_long_document_is_imported_by_a_job(log_in: LogIn, owner: User) -> None:
    client = log_in(owner)
    answer = client.post("/console/new-api", new_api(owner, document(LONG)))
    job = Job.objects.get()
    assert answer["Location"] == f"/console/jobs/{job.pk}?follow"
    assert not API.objects.exists()
    assert working.run(job.pk)
    assert client.get(answer["Location"])["Location"] == "/console/apis/bank/versions/v1/review"
    assert API.objects.get().organization == owner.organizations.get()

    again = {"source": "text", "document_text": document(LONG + "y"), "note": "more"}
    client.post("/console/apis/bank/versions/v1/import", again)
    assert working.run(Job.objects.latest("id").pk)
    assert APIVersion.objects.get().revisions.count() == 2
    client.post("/console/apis/bank/new-version", {"source": "text", "document_text": document(LONG), "name": "v2"})
    assert working.run(Job.objects.latest("id").pk)
    assert APIVersion.objects.count() == 2


def test_an_import_of_who_may_no_more_makes_nothing(log_in: LogIn, owner: User, acme: Organization) -> None:
    log_in(owner).post("/console/new-api", new_api(owner, document(LONG)))
    owner.memberships.all().delete()
    job = Job.objects.get()
    working.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.problems[0]["code"]) == ("failed", "catalog.not_yours")
    assert not API.objects.filter(organization=acme).exists()


def test_a_faulty_long_document_fails_its_job_with_the_reason(log_in: LogIn, owner: User) -> None:
    client = log_in(owner)
    client.post("/console/new-api", new_api(owner, "openapi: [" + LONG))
    job = Job.objects.get()
    working.run(job.pk)
    job.refresh_from_db()
    assert job.state == "failed"
    assert job.problems[0]["message"] in client.get(f"/console/jobs/{job.pk}").context["job"].problems[0]["message"]


def test_many_items_are_promoted_by_a_job_all_or_none(
    log_in: LogIn, admin: User, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.published()
    target = create_environment(name="test", by=TESTER)
    monkeypatch.setattr("apim.console.views.admin.promotions.ITEMS_AT_ONCE", 0)
    client = log_in(admin)
    path = f"/console/admin/environments/{environment.name}/promote/{target.name}"
    plan = client.get(path).context["plan"]
    data = {"items": [change.id for change in plan.possible], "reason": "Release 12", "digest": plan.digest}
    answer = client.post(path, data)
    job = Job.objects.get()
    assert answer["Location"] == f"/console/jobs/{job.pk}?follow"
    assert not Promotion.objects.exists()
    assert working.run(job.pk)
    assert len(Promotion.objects.get().items) == len(plan.possible) > 0
    assert client.get(answer["Location"])["Location"] == path


def test_a_cancelled_promotion_never_happened(admin: User, environment: Environment) -> None:
    catalog.published()
    target = create_environment(name="test", by=TESTER)
    plan = plan_promotion(environment, target)
    job = platform_jobs.ask_for_promotion(
        source=environment, target=target, items=[each.id for each in plan.possible], by=TESTER, user=admin,
        page="/console/", reason="why",
    )  # fmt: skip
    Job.objects.update(is_cancel_wanted=True)
    working.run(job.pk)
    job.refresh_from_db()
    assert job.state == "canceled"
    assert not Promotion.objects.exists()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_long_audit_log_is_written_to_a_file_by_a_job(
    log_in: LogIn, admin: User, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    catalog.described(name="bank")
    monkeypatch.setattr("apim.platform.job_kinds._EVENTS_A_PART", 2)
    client = log_in(admin)
    path = f"/console/admin/audit/export?format={form}&actor=tests"
    at_once = b"".join(client.get(path).streaming_content)  # type: ignore[attr-defined]
    assert at_once.count(b"\n") > 2
    monkeypatch.setattr("apim.console.views.admin.audit.EVENTS_AT_ONCE", 2)
    assert "in the background" in client.get(path).content.decode()
    client.post(path)
    job = Job.objects.get()
    assert working.run(job.pk)
    written = client.get(f"/console/jobs/{job.pk}/file")
    assert b"".join(written.streaming_content) == at_once  # type: ignore[attr-defined]
    assert AuditEvent.objects.filter(action="job.ask").count() == 1
