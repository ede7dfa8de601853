"""The page of each code with which the gateway refuses a call. Their names: docs/adr/0007-problem-types.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apim.ui.said import said
from gateway_sync.runtime.core.refusals import CODES, TYPE_PREFIX
from portal.explanations import BY_CODE
from portal.rendering import page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_GET
def list_problems(request: HttpRequest) -> HttpResponse:
    """Every code, by status."""
    problems = [(code, status, said(title)) for code, (status, title) in CODES.items()]
    return page(request, "portal/problems.html", {"problems": problems})


@require_GET
def show_problem(request: HttpRequest, code: str) -> HttpResponse:
    """What one code means, and what mends it."""
    if code not in CODES:
        raise Http404
    status, title = CODES[code]
    context = {
        "trail": [(_("Problems"), "/problems"), (code, "")],
        "code": code,
        "status": status,
        "title": said(title),
        "type": TYPE_PREFIX + code,
        "explanation": BY_CODE[code],
    }
    return page(request, "portal/problem.html", context)
