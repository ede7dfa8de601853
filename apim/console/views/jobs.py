"""Long work: what runs, how far it is, and what ran lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect

from apim.accounts.permissions import is_admin
from apim.console.gate import admin_page, publisher_page
from apim.console.jobs import jobs
from apim.console.pages import page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def job_list(request: ConsoleRequest) -> HttpResponse:
    """All of it for admins, for owners what belongs to their organizations; fresh while something runs."""
    found = jobs(request.user)
    template = "console/_jobs.html" if request.headers.get("HX-Request") else "console/jobs.html"
    is_running = any(job.is_running for job in found)
    return page(request, template, jobs=found, is_running=is_running, is_told=is_admin(request.user))


@admin_page
def moved(_: ConsoleRequest) -> HttpResponse:
    """To where the list is now: bookmarks of earlier releases."""
    return redirect("console:jobs")
