"""Long work: what runs, how far it is, what ran lately, and the page of one job with its file."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

from django.http import Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from apim.accounts.permissions import is_admin
from apim.accounts.services import actor_of
from apim.console.forms.jobs import JobFilterForm
from apim.console.gate import admin_page, publisher_page
from apim.console.jobs import Wanted, jobs, line_of
from apim.console.pages import page
from apim.jobs.kinds import job_kind
from apim.jobs.models import Job
from apim.jobs.services import cancel, file_bytes, file_chunks, may_retry, retry
from apim.ui.forms import errors_told

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def job_list(request: ConsoleRequest) -> HttpResponse:
    """All of it for admins, for others what is theirs; fresh while something runs."""
    form = JobFilterForm(request.GET or None)
    before = _moment(request.GET.get("before", ""))
    chosen = form.cleaned_data if form.is_valid() else {"kind": "", "state": ""}
    wanted = Wanted(chosen["kind"], chosen["state"], before)
    template = "console/_jobs.html" if request.headers.get("HX-Request") else "console/jobs.html"
    found = jobs(request.user, wanted)
    return page(
        request,
        template,
        found=found,
        is_told=is_admin(request.user),
        is_filtered=bool(wanted.kind or wanted.state),
        is_later_page=before is not None,
        filters=form,
    )


@publisher_page
def job_page(request: ConsoleRequest, job_id: str) -> HttpResponse:
    """One job; with ?follow, for who has just asked for it, on to its result as soon as there is one."""
    job = _find(request, job_id)
    is_asker = job.asked_by_id == request.user.pk
    is_followed = "follow" in request.GET
    if is_followed and job.state == Job.State.DONE and job.page and not job.file_name:
        return _onward(request, job.page)
    kind = job_kind(job.kind)
    size = file_bytes(job) if job.state == Job.State.DONE and job.file_name else 0
    template = "console/_job.html" if request.headers.get("HX-Request") else "console/job.html"
    is_over = job.state in {Job.State.FAILED, Job.State.CANCELED}
    return page(
        request,
        template,
        job=job,
        line=line_of(job),
        size=size,
        is_asker=is_asker,
        is_followed=is_followed,
        can_retry=may_retry(job, request.user) and is_over and kind is not None and kind.is_repeatable,
    )


@require_POST
@publisher_page
def job_cancel(request: ConsoleRequest, job_id: str) -> HttpResponse:
    """End it: at once when nobody is at it, else within a second or two."""
    job = _find(request, job_id)
    with errors_told(request):
        cancel(job=job, by=actor_of(request.user))
    return redirect("console:job", job.pk)


@require_POST
@publisher_page
def job_retry(request: ConsoleRequest, job_id: str) -> HttpResponse:
    """Do it once more, as a new job."""
    job = _find(request, job_id)
    with errors_told(request):
        job = retry(job=job, by=actor_of(request.user), user=request.user)
    return redirect("console:job", job.pk)


@publisher_page
def job_file(request: ConsoleRequest, job_id: str) -> HttpResponse:
    """The file that a job made, for who asked for it alone: it holds what that person may see."""
    job = get_object_or_404(Job.objects.asked_by(request.user), pk=job_id, state=Job.State.DONE)
    if not job.file_name:
        raise Http404(gettext("This job makes no file."))
    response = StreamingHttpResponse(file_chunks(job), content_type=job.file_type)
    response["Content-Disposition"] = f'attachment; filename="{job.file_name}"'
    response["Content-Length"] = str(file_bytes(job))
    return cast("HttpResponse", response)  # to the gate it is one: status and header fields


@admin_page
def moved(_: ConsoleRequest) -> HttpResponse:
    """To where the list is now: bookmarks of earlier releases."""
    return redirect("console:jobs")


def to_job(job: Job) -> HttpResponse:
    """To the page of a job that was asked for just now."""
    return redirect(f"{reverse('console:job', args=[job.pk])}?follow")


def _find(request: ConsoleRequest, job_id: str) -> Job:
    return get_object_or_404(Job.objects.visible_to(request.user).defer("wanted", "cursor"), pk=job_id)


def _onward(request: ConsoleRequest, where: str) -> HttpResponse:
    """To another page; htmx is told to go, for it would put that page into this one."""
    response = redirect(where)
    if request.headers.get("HX-Request"):
        response.status_code = 200
        del response["Location"]
        response["HX-Redirect"] = where
    return response


def _moment(text: str) -> datetime | None:
    """The moment that a link to older ones names; None for what is none."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None
