"""Long work through REST: what one sees, and a token may do with it."""

from __future__ import annotations

import zlib

import pytest
from django.utils import timezone

from apim.accounts.models import User
from apim.accounts.services import issue_token
from apim.jobs.models import Job, JobPart
from tests.apim.api.conftest import MakeClient, assert_problem
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db


def stored(user: User, kind: str, state: str = "running", **options: object) -> Job:
    return Job.objects.create(
        kind=kind, subject=kind, title=f"{kind}.csv", state=state, asked_by=user, actor_kind="user",
        actor_label=user.email, beat_at=timezone.now() if state == "running" else None, **options,
    )  # fmt: skip


def test_a_job_is_looked_at_and_cancelled(api: MakeClient, owner: User, admin: User) -> None:
    job = stored(owner, "import", done=1, total=4)
    stored(admin, "promotion")
    client = api(owner)
    assert [each["id"] for each in client.get("/api/v1/jobs?filter[state]=running").json()["data"]] == [job.pk]
    shown = client.get(f"/api/v1/jobs/{job.pk}").json()
    assert (shown["state"], shown["done"], shown["total"], shown["asked_by"]) == ("running", 1, 4, owner.email)
    assert client.post(f"/api/v1/jobs/{job.pk}/cancel").json()["state"] == "canceling"
    Job.objects.update(state="canceled")
    assert_problem(client.post(f"/api/v1/jobs/{job.pk}/cancel"), 409, "jobs.ended")
    again = client.post(f"/api/v1/jobs/{job.pk}/retry")
    assert (again.status_code, again.json()["state"]) == (201, "waiting")
    assert len(api(admin).get("/api/v1/jobs").json()["data"]) == 3


def test_the_file_is_for_who_asked_alone(api: MakeClient, owner: User, admin: User) -> None:
    job = stored(owner, "import", "done", file_name="audit.csv", file_type="text/csv")
    JobPart.objects.create(job=job, number=0, data=zlib.compress(b"one,two"), bytes=7)
    answer = api(owner).get(f"/api/v1/jobs/{job.pk}/file")
    assert b"".join(answer.streaming_content) == b"one,two"  # type: ignore[attr-defined]
    assert (answer["Content-Type"], answer["Content-Length"]) == ("text/csv", "7")
    assert_problem(api(admin).get(f"/api/v1/jobs/{job.pk}/file"), 404, "request.not_found")


def test_a_token_sees_kinds_that_its_scopes_let_it_ask_for(api: MakeClient, admin: User) -> None:
    imported, exported = stored(admin, "import"), stored(admin, "audit-export", "done", file_name="audit.csv")
    token = issue_token(user=admin, name="t", scopes=["apis:write"], by=TESTER)
    client = api(None)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token.secret}")
    assert [each["id"] for each in client.get("/api/v1/jobs").json()["data"]] == [imported.pk]
    assert_problem(client.get(f"/api/v1/jobs/{exported.pk}/file"), 404, "request.not_found")
