"""Long work: what runs, how far it is, and what ran lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apim.console.gate import admin_page
from apim.console.jobs import jobs
from apim.console.pages import page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@admin_page
def job_list(request: ConsoleRequest) -> HttpResponse:
    """All of it; asked again by the page itself while something runs."""
    found = jobs()
    template = "console/admin/_jobs.html" if request.headers.get("HX-Request") else "console/admin/jobs.html"
    return page(request, template, jobs=found, is_running=any(job.is_running for job in found))
