"""Long work: /jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.http import StreamingHttpResponse

from apim.api.lookups import find_job
from apim.api.paging import Listing, equals, page
from apim.api.preconditions import answer, answer_created
from apim.api.resource import ADMIN_SCOPE, Resource
from apim.api.schema import operation
from apim.api.serializers.jobs import JobShape
from apim.errors import NotFound
from apim.jobs.kinds import job_kinds
from apim.jobs.models import Job
from apim.jobs.services import cancel, file_bytes, file_chunks, retry

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.response import Response

    from apim.api.request import APIRequest

LISTING = Listing(
    sorts={"asked_at": "asked_at"},
    default_sort="-asked_at",
    filters={"kind": equals("kind"), "state": equals("state", choices=tuple(Job.State.values))},
)


def seen_jobs(request: APIRequest) -> QuerySet[Job]:
    """What the caller may see: as on the pages, and of kinds that the token's scopes are enough for."""
    rows: QuerySet[Job] = Job.objects.visible_to(request.user).defer("wanted", "cursor")
    if request.auth is None or ADMIN_SCOPE in request.auth.scopes:
        return rows
    return rows.filter(kind__in=[kind.name for kind in job_kinds() if kind.scope in request.auth.scopes])


class Jobs(Resource):
    """/jobs"""

    @operation("list_jobs", tag="Jobs", scope="", lists=JobShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """Long work: all for admins, for others their own; a token sees kinds that its scopes let it ask for."""
        return page(request, seen_jobs(request), LISTING, JobShape)


class OneJob(Resource):
    """/jobs/{job}"""

    @operation("get_job", tag="Jobs", scope="", answers=JobShape)
    def get(self, request: APIRequest, job: str) -> Response:
        """How far it is, and why it failed."""
        return answer(request, find_job(seen_jobs(request), job), JobShape)


class CancelJob(Resource):
    """/jobs/{job}/cancel"""

    @operation("cancel_job", tag="Jobs", scope="", answers=JobShape)
    def post(self, request: APIRequest, job: str) -> Response:
        """Ends it: at once when no worker is at it, else it is `canceling` for a second or two."""
        return answer(request, cancel(job=find_job(seen_jobs(request), job), by=request.actor), JobShape)


class RetryJob(Resource):
    """/jobs/{job}/retry"""

    @operation("retry_job", tag="Jobs", scope="", answers=JobShape, status=201)
    def post(self, request: APIRequest, job: str) -> Response:
        """Does the same once more, as a new job, for who asked for the first."""
        found = find_job(seen_jobs(request), job)
        return answer_created(request, retry(job=found, by=request.actor, user=request.user), JobShape, "jobs")


class JobFile(Resource):
    """/jobs/{job}/file"""

    @operation("get_job_file", tag="Jobs", scope="")
    def get(self, request: APIRequest, job: str) -> Response:
        """The file that it made, for who asked for it alone: it holds what that person may see."""
        found = find_job(seen_jobs(request).filter(asked_by=request.user.pk, state=Job.State.DONE), job)
        if not found.file_name:
            raise NotFound("request.not_found", f"The job {found.pk} makes no file.")
        response = StreamingHttpResponse(file_chunks(found), content_type=found.file_type)
        response["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
        response["Content-Length"] = str(file_bytes(found))
        return cast("Response", response)  # DRF passes on what Django answers with
