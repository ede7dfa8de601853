"""A sandbox key for who asks: shown in every sample from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from apim.errors import Conflict
from apim.gateways.services import default_environment
from portal.rendering import leave_to
from portal.sandbox import obtain_key

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_POST
def make_key(request: HttpRequest) -> HttpResponse:
    """Back to the page that asked, with a key of the visitor's own."""
    if not default_environment().has_sandbox:
        raise Http404
    target = request.POST.get("next", "/")
    target = target if url_has_allowed_host_and_scheme(target, allowed_hosts=None) else "/"
    try:
        obtain_key(request)
    except Conflict as error:
        messages.error(request, f"{error.message} {error.hint}")
        return leave_to(request, target)  # the whole page, which says so
    return redirect(target)
