"""The funnel of an API: how far people come on the way to their first call, and how long it takes them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from django.views.decorators.http import require_GET

from apim.console.gate import publisher_page
from apim.console.pages import page
from apim.console.scope import can_edit, find_api
from apim.onboarding.funnel import funnel_of
from apim.ui.ranges import with_old_ranges

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_DAYS = (7, 30, 90)
_USUAL = 30


@require_GET
@with_old_ranges
@publisher_page
def api_funnel(request: ConsoleRequest, name: str) -> HttpResponse:
    """The ways that began in the last days."""
    api = find_api(request.user, name)
    asked = request.GET.get("range", "")
    days = next((each for each in _DAYS if f"{each}d" == asked), _USUAL)
    now = timezone.now()
    return page(
        request,
        "console/apis/funnel.html",
        api=api,
        funnel=funnel_of(api, since=now - timedelta(days=days), until=now),
        days=days,
        spans=_DAYS,
        can_edit=can_edit(request.user, api),
    )
