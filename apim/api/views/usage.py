"""What was called and done: /usage, /requests, /audit-events."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from apim.access.models import Application, Credential
from apim.api.lookups import find_application, find_version, require_editable
from apim.api.paging import Listing, equals, page
from apim.api.problems import FieldError, RequestError
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.usage import AuditEventShape, RequestShape, UsageShape
from apim.audit.models import AuditEvent
from apim.catalog.models import APIVersion
from apim.errors import NotFound
from apim.products.models import Plan
from apim.usage.plan_reports import plans
from apim.usage.reports import (
    Scope,
    Span,
    find_request,
    operations,
    percentiles,
    this_month,
    timeline,
    totals,
)
from apim.usage.sides import credentials_of
from apim.usage.traces import as_json, find_trace, record_of

if TYPE_CHECKING:
    from apim.accounts.models import User
    from apim.api.request import APIRequest
    from apim.usage.models import UsageRecord

LONGEST_SPAN: Final = timedelta(days=400)
PARAMETERS: Final = ("application", "version", "since", "until")
AUDIT_LISTING = Listing(
    sorts={"at": "at"},
    default_sort="-at",
    filters={
        "action": equals("action"),
        "actor": equals("actor_id"),
        "actor_label": equals("actor_label"),
        "target": equals("target_id"),
        "target_kind": equals("target_kind"),
        "organization_id": equals("organization_id"),
    },
)


class Usage(Resource):
    """/usage"""

    @operation(
        "get_usage",
        tag="Usage",
        scope="usage:read",
        answers=UsageShape,
        parameters=(
            OpenApiParameter("application", str, description="Id, organization:name, or name"),
            OpenApiParameter("version", str, description="Id, or api:version; for its owners"),
            OpenApiParameter("since", OpenApiTypes.DATETIME, description="This month in UTC when left out"),
            OpenApiParameter("until", OpenApiTypes.DATETIME, description="Now when left out"),
        ),
    )
    def get(self, request: APIRequest) -> Response:
        """Calls by status, latency, operations and a timeline, of an application, a version, or both at once."""
        query = request.query_params
        for name in query:
            if name not in PARAMETERS:
                raise _refuse(name, f'Unknown parameter "{name}"; there are: {", ".join(PARAMETERS)}.')
        scope, span = self._scope(request), _span(query.get("since"), query.get("until"))
        sums, latency = totals(scope, span), percentiles(scope, span)
        return Response(
            {
                "since": span.since,
                "until": span.until,
                "calls": sums.calls,
                "by_status": {str(status): calls for status, calls in sums.by_status.items()},
                "indeterminate": sums.indeterminate,
                "latency_ms": {"p50": latency.p50_ms, "p95": latency.p95_ms, "p99": latency.p99_ms},
                "credentials": _credentials(scope, span),
                "plans": _plans(request.user, scope, span),
                "operations": [asdict(each) for each in operations(scope, span)],
                "timeline": [{"at": point.at, "by_class": dict(point.by_class)} for point in timeline(scope, span)],
            }
        )

    def _scope(self, request: APIRequest) -> Scope:
        """The calls asked about: an application's are its organization's to see, a version's its owners'."""
        application_name = request.query_params.get("application")
        version_name = request.query_params.get("version")
        if not application_name and not version_name:
            raise _refuse("application", "Say whose calls: application, version, or both.", "request.invalid")
        application = find_application(request.user, application_name) if application_name else None
        version = find_version(request.user, version_name) if version_name else None
        if version is not None and application is None:
            require_editable(APIVersion.objects.editable_by(request.user), version)
        return Scope(
            version_ids=[version.pk] if version else None, application_ids=[application.pk] if application else None
        )


class OneRequest(Resource):
    """/requests/{request_id}"""

    @operation("get_request", tag="Usage", scope="usage:read", answers=RequestShape)
    def get(self, request: APIRequest, request_id: str) -> Response:
        """One exchange and how the gateway decided, for its application's members and its API's owners."""
        is_text = "\0" not in request_id
        record = find_request(request_id, request.user) if is_text else None
        found = find_trace(request_id, request.user) if is_text else None
        if record is None and found is None:
            raise NotFound(
                "request.not_found",
                f'There is no request "{request_id[:80]}" that you may see.',
                hint="A request shows up within 5 seconds and is kept for days, not for ever.",
            )
        row = _request_row(record or record_of(found)) | {"explanation": as_json(found)}
        return Response(RequestShape(row, context={"request": request}).data)


class AuditEvents(Resource):
    """/audit-events"""

    @operation("list_audit_events", tag="Usage", scope="access:read", lists=AuditEventShape, listing=AUDIT_LISTING)
    def get(self, request: APIRequest) -> Response:
        """Who did what, the newest first: all for admins, else what happened in organizations one leads."""
        return page(request, AuditEvent.objects.visible_to(request.user), AUDIT_LISTING, AuditEventShape)


def _request_row(record: UsageRecord) -> dict[str, object]:
    """The record with the names behind its ids, where their objects still exist."""
    version = APIVersion.objects.select_related("api").filter(pk=record.version_id).first()
    application = Application.objects.select_related("organization").filter(pk=record.application_id).first()
    credential = Credential.objects.filter(pk=record.credential_id).first()
    return {
        "request_id": record.request_id,
        "client_request_id": record.client_request_id,
        "at": record.at,
        "api": version.api.name if version else None,
        "version": version.name if version else None,
        "operation": record.operation,
        "path": record.path,
        "organization": application.organization.name if application else None,
        "application": application.name if application else None,
        "credential_prefix": credential.prefix if credential else None,
        "subscription_id": record.subscription_id,
        "status": record.status,
        "code": record.code,
        "is_indeterminate": record.is_indeterminate,
        "duration_ms": record.duration_us / 1000,
        "upstream_ms": record.upstream_us / 1000,
        "request_bytes": record.request_bytes,
        "response_bytes": record.response_bytes,
        "trace": record.trace or [],
    }


def _credentials(scope: Scope, span: Span) -> list[dict[str, object]]:
    """Of an application's calls to everything; sums by key do not tell what was called."""
    if scope.version_ids is not None or not scope.application_ids:
        return []
    (application_id,) = scope.application_ids
    return [
        {
            "id": each.credential.pk, "shown": each.credential.shown, "label": each.credential.label,
            "calls": each.calls, "refused": each.refused, "errors": each.errors,
        }
        for each in credentials_of(application_id, span)
    ]  # fmt: skip


def _plans(user: User, scope: Scope, span: Span) -> list[dict[str, object]]:
    """By name where the caller sees the plan, as members of an application do those that it called under."""
    found = plans(scope, span)
    seen = {each.version.plan_id for each in found if each.version is not None}
    if not scope.application_ids:
        seen = set(Plan.objects.visible_to(user).filter(pk__in=seen).values_list("pk", flat=True))
    told: dict[tuple[str, int] | None, int] = {}
    for version, calls in found:
        key = (version.plan.name, version.number) if version is not None and version.plan_id in seen else None
        told[key] = told.get(key, 0) + calls
    return [
        {"plan": key[0] if key else None, "version": key[1] if key else None, "calls": calls}
        for key, calls in sorted(told.items(), key=lambda item: -item[1])
    ]


def _span(since: str | None, until: str | None) -> Span:
    month = this_month()
    end = _moment("until", until) if until else month.until
    start = _moment("since", since) if since else month.since
    if not start < end:
        raise _refuse("since", "since must be before until.", "request.invalid")
    if end - start > LONGEST_SPAN:
        raise _refuse("since", f"Ask for {LONGEST_SPAN.days} days at most.", "request.invalid")
    return Span(start, end)


def _moment(name: str, text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or timezone.is_naive(moment):
        raise _refuse(name, f"{name} is a time with its zone, such as 2026-11-01T00:00:00Z.", "request.invalid")
    return moment


def _refuse(parameter: str, message: str, code: str = "request.unknown_parameter") -> RequestError:
    error = FieldError(f"?{parameter}", code, message)
    return RequestError(HTTPStatus.BAD_REQUEST, code, message, errors=(error,))
