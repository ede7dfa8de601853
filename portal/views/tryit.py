"""Try it: one call through the gateway, sent by the portal itself, so that no browser rule stands in between."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from django.shortcuts import get_object_or_404
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apim.catalog.models import APIVersion
from apim.errors import DomainError, Invalid
from apim.gateways.services import default_environment
from portal import fresh_key
from portal.explanations import explain
from portal.gateway_call import METHODS, Call, send
from portal.rendering import page
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse, QueryDict

_PARAMETER = re.compile(r"\{([^{}/]+)\}")


@sensitive_post_parameters("key")
@require_POST
@my_page
def send_call(request: PortalRequest, api_name: str, version_name: str) -> HttpResponse:
    """Sends what the form says and shows the answer in words, numbers and full."""
    versions = APIVersion.objects.visible_to(request.user).callable().select_related("api")
    version = get_object_or_404(versions, api__name=api_name, name=version_name)
    context: dict[str, object] = {"section": "apis", "version": version}
    try:
        call = call_of(request.POST)
        answer = send(default_environment(), version, call, _key_of(request))
    except DomainError as error:
        return page(request, "portal/answer.html", context | {"error": error}, "portal/_answer.html")
    context |= {"call": call, "answer": answer, "explanation": explain(answer.status, answer.code)}
    return page(request, "portal/answer.html", context, "portal/_answer.html")


def call_of(data: QueryDict) -> Call:
    """The call that the form describes.

    Shapes: `path` is a template; `path:NAME`, `query:NAME` and `header:NAME` fill it; empty
    optional values are left out.
    Errors: Invalid for a method or path parameter that is missing.
    """
    method = data.get("method", "GET").upper()
    if method not in METHODS:
        raise Invalid("portal.method", f"{method} cannot be tried from here.", field="method")
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
        raise Invalid("portal.parameter_missing", f"The path needs a value for {name}.", field=f"path:{name}")
    return value


def _key_of(request: PortalRequest) -> str:
    if request.POST.get("key_from") == "fresh":
        kept = fresh_key.recall(request)
        return kept.key if kept else ""
    return request.POST.get("key", "").strip()
