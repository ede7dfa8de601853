"""Found keys: anybody may report one; the answer never says whether it is a key of ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from allauth.core import ratelimit
from django.http import JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apim.access.services import report_leak
from portal.forms.leaks import LeakForm
from portal.rendering import page, posted

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_LARGEST_BYTES: Final = 100_000
_ACTION: Final = "leak_report"  # its rate is in settings.ACCOUNT_RATE_LIMITS


@csrf_exempt  # it does the same for everybody, whoever is logged in, and scanners have no session
@require_http_methods(["GET", "POST"])
def report(request: HttpRequest) -> HttpResponse:
    """The form; a POST of it, or of JSON `{"key": ..., "found_at": ...}` from a scanner."""
    is_json = request.content_type == "application/json"
    if request.method == "POST" and not ratelimit.consume(request, action=_ACTION):
        return _too_many(request, is_json=is_json)
    if request.method == "POST" and is_json:
        return _take_json(request)
    form = LeakForm(posted(request))
    if request.method == "POST" and form.is_valid():
        report_leak(text=form.cleaned_data["key"], found_at=form.cleaned_data["found_at"])
        return page(request, "portal/leak_reported.html", {})
    return page(request, "portal/leak.html", {"form": form})


def _take_json(request: HttpRequest) -> HttpResponse:
    if int(request.META.get("CONTENT_LENGTH") or 0) > _LARGEST_BYTES:
        return JsonResponse({"code": "request.body_too_large", "detail": _("The body is too large.")}, status=413)
    try:
        told = json.loads(request.body)
    except (ValueError, RecursionError):
        told = None
    form = LeakForm(told if isinstance(told, dict) else {})
    if not form.is_valid():
        detail = _("Send a JSON object with the texts key and, if you like, found_at.")
        return JsonResponse({"code": "request.invalid", "detail": detail}, status=400)
    report_leak(text=form.cleaned_data["key"], found_at=form.cleaned_data["found_at"])
    return JsonResponse({"received": True}, status=202)


def _too_many(request: HttpRequest, *, is_json: bool) -> HttpResponse:
    detail = _("Too many reports from your address. Wait a minute.")
    if is_json:
        answer: HttpResponse = JsonResponse({"code": "request.rate_limited", "detail": detail}, status=429)
    else:
        answer = page(request, "429.html", {})
        answer.status_code = 429
    answer["Retry-After"] = "60"
    return answer
