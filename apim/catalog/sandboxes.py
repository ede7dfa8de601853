"""Services of sandboxes: what answers sandbox keys in place of a document's examples, as versions keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext

from apim.catalog.models import API, APIVersion, Revision
from apim.catalog.upstreams import parse_upstream
from apim.errors import Invalid, Problems
from gateway_sync.policies import read_policy
from gateway_sync.problems import Where

# Groups that a sandbox has not: their weights and copies belong to the calls in earnest.
ABSENT_GROUPS: Final = frozenset({"canary", "mirror"})
_HEADERS_AT_MOST: Final = 20
SERVICE: Final = "service"
DOCUMENT: Final = "document"


def answers_from(version: APIVersion, revision: Revision | None) -> str:
    """What answers the version's sandbox keys: `service`, `document`, or "" where it has no sandbox.

    Shapes: revision is the one that runs. Whether the environment has a sandbox at all is not asked.
    """
    if revision is None or not version.is_callable or version.api.visibility != API.Visibility.PUBLIC:
        return ""
    if version.sandbox_upstream:
        return SERVICE
    return DOCUMENT if revision.document_format and revision.passthrough is None else ""


def parse_sandbox(value: Mapping[str, Any]) -> dict[str, Any]:
    """The service complete and checked: an upstream, and the `headers` that it gets.

    Shapes: headers maps names of fields to texts, and is there only where there are some; {} stays {}, no service.
    Errors: Invalid catalog.sandbox, Problems; those of parse_upstream, their fields below `upstream`.
    """
    if not value:
        return {}
    if given := sorted(ABSENT_GROUPS & {str(name) for name in value if value[name] is not None}):
        message = gettext("The service of a sandbox has no `%(name)s`.") % {"name": given[0]}
        raise Invalid("catalog.sandbox", message, field=f"upstream.{given[0]}")
    headers = value.get("headers") or {}
    upstream = parse_upstream({name: given for name, given in value.items() if name != "headers"})
    return upstream | ({"headers": _parse_headers(headers)} if headers else {})


def _parse_headers(headers: object) -> dict[str, str]:
    field = "upstream.headers"
    if not isinstance(headers, Mapping) or len(headers) > _HEADERS_AT_MOST:
        message = gettext("Headers are at most %(most)s pairs of a name and a text.") % {"most": _HEADERS_AT_MOST}
        raise Invalid("catalog.sandbox", message, field=field)
    _, problems = read_policy("request-headers", {"set": dict(headers)}, Where("version", "", field))
    if problems:
        raise Problems(
            tuple(Invalid("catalog.sandbox", each.message, field=field, hint=each.hint) for each in problems)
        )
    return {str(name): str(text) for name, text in headers.items()}
