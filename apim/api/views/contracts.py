"""Contracts judged and compared: /versions/{version}/lint, /versions/{version}/comparison."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from apim.api.preconditions import answer
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.contracts import ComparisonShape, LintShape
from apim.api.views.versions import editable_version
from apim.catalog.judging import compare_for_callers, lint_revision, operations_at_stake
from apim.errors import Invalid, NotFound
from apim.openapi.linting import SEVERITIES
from apim.usage.callers import anonymous_of, callers_of
from apim.usage.reports import last

if TYPE_CHECKING:
    from apim.api.request import APIRequest
    from apim.catalog.models import APIVersion, Revision

EVIDENCE_SPAN: Final = timedelta(days=30)
_REVISION: Final = OpenApiParameter("revision", OpenApiTypes.INT, description="Number; the newest when left out.")


class VersionLint(Resource):
    """/versions/{version}/lint"""

    @operation("lint_version", tag="Versions", scope="apis:read", answers=LintShape, parameters=(_REVISION,))
    def get(self, request: APIRequest, version: str) -> Response:
        """What in the document of a revision could be better, for those who may change it."""
        revision = _revision(editable_version(request, version), request.query_params.get("revision"), "revision")
        report = lint_revision(revision)
        told = {
            "revision_number": revision.number,
            "score": report.score if report else None,
            "counts": report.counts if report else dict.fromkeys(SEVERITIES, 0),
            "left_out": report.left_out if report else 0,
            "skipped": report.skipped if report else (),
            "findings": report.findings if report else (),
        }
        return answer(request, told, LintShape)


class VersionComparison(Resource):
    """/versions/{version}/comparison"""

    @operation(
        "compare_version",
        tag="Versions",
        scope="apis:read",
        answers=ComparisonShape,
        parameters=(
            _REVISION,
            OpenApiParameter("before", str, description="Version to compare with, `api:version` or id; itself else."),
            OpenApiParameter("before_revision", OpenApiTypes.INT, description="Its number; what runs when left out."),
        ),
    )
    def get(self, request: APIRequest, version: str) -> Response:
        """What callers notice when a revision takes the place of another, and which applications really call it."""
        found, query = editable_version(request, version), request.query_params
        other = editable_version(request, query["before"]) if query.get("before") else found
        revision = _revision(found, query.get("revision"), "revision")
        number = query.get("before_revision")
        before = _revision(other, number, "before_revision") if number else _running(other)
        comparison = compare_for_callers(before, revision)
        broken = operations_at_stake(comparison, before)
        told = {
            "before_revision_id": before.id,
            "revision_id": revision.id,
            "is_breaking": bool(comparison.breaking),
            "skipped": comparison.skipped,
            "left_out": comparison.left_out,
            "changes": comparison.changes,
            "callers": callers_of(other.id, broken, last(EVIDENCE_SPAN)) if broken else [],
            "anonymous": anonymous_of(other.id, broken, last(EVIDENCE_SPAN)) if broken else None,
        }
        return answer(request, told, ComparisonShape)


def _revision(version: APIVersion, number: str | None, field: str) -> Revision:
    """The revision of this number; the newest when none is given."""
    if number and not (number.isascii() and number.isdigit()):
        raise Invalid("request.invalid", f"`{number}` is not a number.", field=f"?{field}")
    wanted = int(number) if number else None
    revisions = version.revisions.all() if wanted is None else version.revisions.filter(number=wanted)
    revision = revisions.first()
    if revision is None:
        message = f"{version} has no revision {number}." if number else f"{version} has no revision."
        raise NotFound("request.not_found", message, field=f"?{field}")
    return revision


def _running(version: APIVersion) -> Revision:
    """What runs of the version; the newest when nothing does."""
    deployment = version.deployments.select_related("revision").first()
    return deployment.revision if deployment else _revision(version, None, "before")
