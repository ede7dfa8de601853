"""What visitors of the portal searched for and did not find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from apim.catalog.models import MissedSearch
from apim.catalog.services.interest import KEPT, forget_missed_search
from apim.console.gate import publisher_page
from apim.console.pages import listing, page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def search_list(request: ConsoleRequest) -> HttpResponse:
    """Terms without a hit, the most frequent first."""
    rows = listing(request, MissedSearch.objects.visible_to(request.user))
    return page(request, "console/searches.html", rows=rows, kept_days=KEPT.days)


@publisher_page
def search_forget(request: ConsoleRequest, search_id: str) -> HttpResponse:
    """Takes a term off the list; it comes back when somebody searches for it again in vain."""
    missed = get_object_or_404(MissedSearch.objects.visible_to(request.user), pk=search_id)
    if request.method == "POST":
        forget_missed_search(missed=missed)
        messages.success(request, _("“%(term)s” is off the list.") % {"term": missed.term})
    return redirect("console:searches")
