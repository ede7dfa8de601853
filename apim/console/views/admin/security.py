"""Security: keys that were found in public, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apim.access.models import LeakReport
from apim.console.gate import admin_page
from apim.console.pages import listing, page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@admin_page
def security(request: ConsoleRequest) -> HttpResponse:
    """The reports of found keys, the newest first."""
    reports = LeakReport.objects.visible_to(request.user).select_related("credential__application__organization")
    return page(request, "console/admin/security.html", rows=listing(request, reports))
