"""Try it: one call through the gateway, sent by the portal itself, so that no browser rule stands in between."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from django.contrib.auth.views import redirect_to_login
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from apim.catalog.models import API, APIVersion
from apim.catalog.trial_calls import METHODS, Answer, Call, send, send_once_known
from apim.errors import DomainError, Invalid, NotFound
from apim.gateways.sandbox import is_twin, original_id
from apim.gateways.services import default_environment
from apim.onboarding.bounds import CALLS, address_of, take
from apim.onboarding.journeys import FirstCall, celebrate
from apim.onboarding.sandbox_keys import text_of
from apim.usage import reports
from apim.usage.records import record_log
from portal import fresh_key
from portal.explanations import explain
from portal.mending import mend_of
from portal.rendering import page
from portal.sandbox import current_key, is_test_system, obtain_key
from portal.tenancy import errors_as_pages
from portal.timing import timing_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict

    from apim.usage.models import UsageRecord

SANDBOX = "sandbox"
_MOST_TRIES = 8
_LOOKED_BACK = timedelta(hours=1)  # the call was made just now; any visitor may ask, so no files are gone through
_DIGITS = 12
_PARAMETER = re.compile(r"\{([^{}/]+)\}")


@sensitive_post_parameters("key")
@require_POST
@errors_as_pages
def send_call(request: HttpRequest, api_name: str, version_name: str) -> HttpResponseBase:
    """Sends what the form says and shows the answer in words, numbers and full; visitors reach the sandbox only."""
    is_sandbox = request.POST.get("key_from") == SANDBOX
    if not request.user.is_authenticated and not is_sandbox:
        return redirect_to_login(request.get_full_path())
    versions = APIVersion.objects.visible_to(request.user).callable().select_related("api")
    version = get_object_or_404(versions, api__name=api_name, name=version_name)
    context: dict[str, object] = {"section": "apis", "version": version, "is_sandbox": is_sandbox}
    context["is_test_system"] = is_sandbox and is_test_system(version)
    was_keyless = is_sandbox and current_key(request) is None
    try:
        call = replace(call_of(request.POST), is_sandbox=is_sandbox)
        answer = _try_sandbox(request, version, call) if is_sandbox else _try(request, version, call)
    except DomainError as error:
        return _answered(request, context | {"error": error}, was_keyless=was_keyless)
    explanation = explain(answer.status, answer.code)
    context |= {
        "call": call,
        "answer": answer,
        "explanation": explanation,
        "mend": mend_of(explanation, version) if explanation else None,
        "first_call": None if is_sandbox else _first_call(request, answer),
    }
    return _answered(request, context, was_keyless=was_keyless)


@require_GET
def show_timing(request: HttpRequest, request_id: str) -> HttpResponse:
    """Where the time of a test call went, once the gateway has told; until then a piece that asks again.

    The same for a call that is not there and one that is somebody else's.
    """
    record = _record_of(request, request_id)
    tries = _number(request.GET.get("tries"))
    took_us = _number(request.GET.get("took"))
    context = {
        "request_id": request_id,
        "took": took_us,
        "next": tries + 1,
        "is_over": tries >= _MOST_TRIES,
        "timing": timing_of(record, took_us, is_mocked=_is_mocked(record)) if record is not None else None,
    }
    return page(request, "portal/_timing.html", context)


def _answered(request: HttpRequest, context: Mapping[str, object], *, was_keyless: bool) -> HttpResponse:
    response = page(request, "portal/answer.html", context, "portal/_answer.html")
    if was_keyless and current_key(request) is not None:  # which the samples of the page may show from now on
        trigger_client_event(response, "sandbox-key")
    return response


def _is_mocked(record: UsageRecord) -> bool:
    """True when the gateway made the answer of the version's document, so that no service was asked."""
    if not is_twin(record.version_id):
        return False
    version = APIVersion.objects.filter(id=original_id(record.version_id)).first()
    return version is None or not is_test_system(version)


def _try(request: HttpRequest, version: APIVersion, call: Call) -> Answer:
    kept = fresh_key.recall(request) if request.POST.get("key_from") == "fresh" else None
    if kept is not None:
        return send_once_known(default_environment(), version, call, kept.key, made_at=kept.made_at)
    return send(default_environment(), version, call, request.POST.get("key", "").strip())


def _try_sandbox(request: HttpRequest, version: APIVersion, call: Call) -> Answer:
    """The sandbox's answer, with the visitor's own key, which is made at the first call."""
    environment = default_environment()
    if not environment.has_sandbox or version.api.visibility != API.Visibility.PUBLIC:
        raise NotFound("portal.no_sandbox", gettext("This API has no sandbox."))
    take("sandbox-call", address_of(request), CALLS)
    key = obtain_key(request)
    return send_once_known(environment, version, call, text_of(key), made_at=key.created_at.timestamp())


def _first_call(request: HttpRequest, answer: Answer) -> FirstCall | None:
    kept = fresh_key.recall(request) if request.POST.get("key_from") == "fresh" else None
    user = request.user
    if kept is None or not user.is_authenticated or not HTTPStatus(200) <= answer.status < HTTPStatus(300):
        return None
    return celebrate(user, kept.application_id)


def _record_of(request: HttpRequest, request_id: str) -> UsageRecord | None:
    user, since = request.user, timezone.now() - _LOOKED_BACK
    if user.is_authenticated and (found := reports.find_request(request_id, user, since=since)) is not None:
        return found
    key = current_key(request)
    record = record_log().find(request_id, since=since) if key else None
    return record if key and record and record.credential_id == key.id else None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def call_of(data: QueryDict) -> Call:
    """The call that the form describes.

    Shapes: `path` is a template; `path:NAME`, `query:NAME` and `header:NAME` fill it; empty
    optional values are left out.
    Errors: Invalid for a method or path parameter that is missing.
    """
    method = data.get("method", "GET").upper()
    if method not in METHODS:
        raise Invalid(
            "portal.method", gettext("%(method)s cannot be tried from here.") % {"method": method}, field="method"
        )
    path = _PARAMETER.sub(lambda found: quote(_needed(data, found.group(1)), safe=""), data.get("path", "/"))
    pairs = [
        (name.removeprefix("query:"), each) for name in data for each in data.getlist(name) if name.startswith("query:")
    ]
    headers = {
        name.removeprefix("header:"): str(data[name]) for name in data if name.startswith("header:") and data[name]
    }
    body = data.get("body", "")
    if body:
        headers["Content-Type"] = data.get("content_type") or "application/json"
    return Call(method, path, urlencode([(name, value) for name, value in pairs if value]), headers, body)


def _needed(data: QueryDict, name: str) -> str:
    value = data.get(f"path:{name}", "")
    if not value:
        words = gettext("The path needs a value for %(name)s.")
        raise Invalid("portal.parameter_missing", words % {"name": name}, field=f"path:{name}")
    return value
