"""Composed values: what placeholders of a composite operation find in the caller's request."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from gateway_sync.compositions.values import Values
from gateway_sync.policies.placeholders import path_expression, path_group, path_names
from gateway_sync.policies.views import NOBODY
from gateway_sync.runtime.core.composed_requests import read_fields

if TYPE_CHECKING:
    from gateway_sync.messages import RequestHead
    from gateway_sync.runtime.core.admission import Admission

MOST_QUERY_FIELDS = 200


def values_of(head: RequestHead, admission: Admission, request_id: str, address: str) -> Values:
    """The values of a request as the policies left it, without its body. Of repeated query fields the last counts."""
    route, version = admission.route, admission.version
    template = route.id.partition(" ")[2] if route is not None else "/"
    path = admission.path[len(version.prefix) :].decode() if version is not None else "/"
    match = path_expression(template).fullmatch(path or "/")
    found = match.groupdict() if match else {}
    names = [name for name in path_names(template) if found.get(path_group(name)) is not None]
    caller = admission.grant.caller if admission.grant is not None else NOBODY
    facts = {
        "application.id": caller.application,
        "application.name": caller.application_name,
        "organization.id": caller.organization,
        "credential.id": caller.credential,
        "subscription.id": caller.subscription,
        "plan.id": caller.plan,
        "client.address": address,
        "request.id": request_id,
        "request.method": head.method.decode(),
        "request.path": path,
        "operation": route.id if route is not None else "",
    }
    pairs = parse_qsl(head.query[1:].decode(), keep_blank_values=True)[:MOST_QUERY_FIELDS]
    return Values(
        facts, {name: unquote(found[path_group(name)]) for name in names}, dict(pairs), read_fields(head.lines)
    )
