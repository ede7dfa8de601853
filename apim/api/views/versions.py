"""Versions and their revisions: /versions, /revisions, /imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from rest_framework.response import Response

from apim.api.bodies import DOCUMENT_MAX_BYTES
from apim.api.lookups import find_revision, find_version, named_environment, require_editable
from apim.api.paging import Listing, equals, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.accounts import ReasonBody
from apim.api.serializers.catalog import (
    DeploymentShape,
    DeprecateBody,
    PublishBody,
    RollbackBody,
    VersionChanges,
    VersionShape,
)
from apim.api.serializers.revisions import RevisionBody, RevisionDetailShape, RevisionShape
from apim.catalog.models import APIVersion, Revision
from apim.catalog.services import (
    block_version,
    deprecate_version,
    reinstate_version,
    retire_version,
    return_version,
    save_revision,
    submit_version,
    unblock_version,
    update_version,
)
from apim.errors import NotFound
from apim.releases import release_version, roll_back_version

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from apim.api.request import APIRequest

VERSION_LISTING = Listing(
    sorts={"name": "name", "created_at": "created_at", "updated_at": "updated_at"},
    default_sort="name",
    filters={
        "name": equals("name"),
        "api": refers("api"),
        "state": equals("state", choices=tuple(APIVersion.State.values)),
    },
)
REVISION_LISTING = Listing(sorts={"number": "number", "created_at": "created_at"}, default_sort="-number")


def with_deployments(versions: QuerySet[APIVersion]) -> QuerySet[APIVersion]:
    """Versions with all that VersionShape shows, in a fixed number of queries."""
    related = ("deployments__environment", "deployments__revision")
    return versions.select_related("api", "successor").prefetch_related(*related)


def editable_version(request: APIRequest, reference: str) -> APIVersion:
    """The version, which the caller may change."""
    version = find_version(request.user, reference)
    require_editable(APIVersion.objects.editable_by(request.user), version)
    return version


class Versions(Resource):
    """/versions"""

    @operation("list_versions", tag="Versions", scope="apis:read", lists=VersionShape, listing=VERSION_LISTING)
    def get(self, request: APIRequest) -> Response:
        """The versions of all APIs that the caller may see."""
        versions = with_deployments(APIVersion.objects.visible_to(request.user))
        return page(request, versions, VERSION_LISTING, VersionShape)


class OneVersion(Resource):
    """/versions/{version}"""

    @operation("get_version", tag="Versions", scope="apis:read", answers=VersionShape)
    def get(self, request: APIRequest, version: str) -> Response:
        """The version with this id, or `api:version`."""
        return answer(request, find_version(request.user, version), VersionShape)

    @operation("update_version", tag="Versions", scope="apis:write", body=VersionChanges, answers=VersionShape)
    def patch(self, request: APIRequest, version: str) -> Response:
        """Changes the documentation beside the reference."""
        found = editable_version(request, version)
        lock(found)
        check_match(request, found, VersionShape)
        changed = update_version(version=found, changes=self.read(VersionChanges), by=request.actor)
        return answer(request, changed, VersionShape)


class VersionRevisions(Resource):
    """/versions/{version}/revisions"""

    max_body_bytes = DOCUMENT_MAX_BYTES

    @operation("list_revisions", tag="Versions", scope="apis:read", lists=RevisionShape, listing=REVISION_LISTING)
    def get(self, request: APIRequest, version: str) -> Response:
        """The revisions of a version, the newest first, for those who may change it."""
        found = editable_version(request, version)
        revisions = Revision.objects.visible_to(request.user).filter(version=found).summaries()
        return page(request, revisions, REVISION_LISTING, RevisionShape)

    @operation(
        "save_revision",
        tag="Versions",
        scope="apis:write",
        body=RevisionBody,
        answers=RevisionDetailShape,
        status=201,
        example={"upstream": {"targets": [{"url": "http://127.0.0.1:9101", "weight": 100}]}, "note": "New upstream"},
    )
    def post(self, request: APIRequest, version: str) -> Response:
        """Saves a new state; what is left out keeps its last value, and equal content makes no new revision."""
        found = editable_version(request, version)
        revision = save_revision(version=found, by=request.actor, **self.read(RevisionBody))
        return answer_created(request, revision, RevisionDetailShape, "revisions")


class OneRevision(Resource):
    """/revisions/{revision}"""

    @operation("get_revision", tag="Versions", scope="apis:read", answers=RevisionDetailShape)
    def get(self, request: APIRequest, revision: str) -> Response:
        """One revision with its document and operations."""
        return answer(request, find_revision(request.user, revision), RevisionDetailShape)


class PublishVersion(Resource):
    """/versions/{version}/publish"""

    @operation(
        "publish_version",
        tag="Versions",
        scope="apis:write",
        body=PublishBody,
        answers=DeploymentShape,
        example={"revision": 7},
    )
    def post(self, request: APIRequest, version: str) -> Response:
        """Sends a revision to the gateways of an environment, the last one unless another is named.

        One that breaks applications which called what runs now in the last 30 days is refused with 409
        `releases.breaks_callers`, `changes` and `applications`, unless `waiver` says why it is right.
        """
        found, data = editable_version(request, version), self.read(PublishBody)
        deployment = release_version(
            version=found,
            by=request.actor,
            revision=_numbered(found, data.get("revision")),
            environment=named_environment(data["environment"]),
            waiver=data["waiver"],
        )
        return answer(request, deployment, DeploymentShape)


class RollbackVersion(Resource):
    """/versions/{version}/rollback"""

    @operation("rollback_version", tag="Versions", scope="apis:write", body=RollbackBody, answers=DeploymentShape)
    def post(self, request: APIRequest, version: str) -> Response:
        """Sends an earlier revision to the gateways again; one that never ran has to pass as when it is published."""
        found, data = editable_version(request, version), self.read(RollbackBody)
        deployment = roll_back_version(
            version=found,
            by=request.actor,
            to_number=data["to_number"],
            environment=named_environment(data["environment"]),
            waiver=data["waiver"],
        )
        return answer(request, deployment, DeploymentShape)


class SubmitVersion(Resource):
    """/versions/{version}/submit"""

    @operation("submit_version", tag="Versions", scope="apis:write", answers=VersionShape)
    def post(self, request: APIRequest, version: str) -> Response:
        """Hands a draft to review."""
        found = editable_version(request, version)
        return answer(request, submit_version(version=found, by=request.actor), VersionShape)


class ReturnVersion(Resource):
    """/versions/{version}/return"""

    @operation("return_version", tag="Versions", scope="apis:write", body=ReasonBody, answers=VersionShape)
    def post(self, request: APIRequest, version: str) -> Response:
        """Makes a version in review a draft again; the reason goes to the audit log."""
        found, data = editable_version(request, version), self.read(ReasonBody)
        return answer(request, return_version(version=found, by=request.actor, reason=data["reason"]), VersionShape)


class DeprecateVersion(Resource):
    """/versions/{version}/deprecate"""

    @operation(
        "deprecate_version",
        tag="Versions",
        scope="apis:write",
        body=DeprecateBody,
        answers=VersionShape,
        example={"sunset_at": "2027-06-30T00:00:00Z", "successor": "v2", "reason": ""},
    )
    def post(self, request: APIRequest, version: str) -> Response:
        """Announces the end: the gateway answers with Deprecation, Sunset and Link."""
        found, data = editable_version(request, version), self.read(DeprecateBody)
        changed = deprecate_version(
            version=found,
            by=request.actor,
            deprecated_at=data["deprecated_at"] or timezone.now(),
            sunset_at=data["sunset_at"],
            successor=_successor(request, found, data["successor"]),
            reason=data["reason"],
        )
        return answer(request, changed, VersionShape)


class ReinstateVersion(Resource):
    """/versions/{version}/reinstate"""

    @operation("reinstate_version", tag="Versions", scope="apis:write", answers=VersionShape)
    def post(self, request: APIRequest, version: str) -> Response:
        """Takes a deprecation back."""
        found = editable_version(request, version)
        return answer(request, reinstate_version(version=found, by=request.actor), VersionShape)


class RetireVersion(Resource):
    """/versions/{version}/retire"""

    @operation("retire_version", tag="Versions", scope="apis:write", answers=VersionShape)
    def post(self, request: APIRequest, version: str) -> Response:
        """Ends the version: the gateway answers 410."""
        found = editable_version(request, version)
        return answer(request, retire_version(version=found, by=request.actor), VersionShape)


class BlockVersion(Resource):
    """/versions/{version}/block"""

    @operation(
        "block_version",
        tag="Versions",
        scope="apis:write",
        body=ReasonBody,
        answers=VersionShape,
        example={"reason": "Leaks account numbers"},
    )
    def post(self, request: APIRequest, version: str) -> Response:
        """Stops all calls at once, for security."""
        found, data = editable_version(request, version), self.read(ReasonBody)
        return answer(request, block_version(version=found, by=request.actor, reason=data["reason"]), VersionShape)


class UnblockVersion(Resource):
    """/versions/{version}/unblock"""

    @operation("unblock_version", tag="Versions", scope="apis:write", answers=VersionShape)
    def post(self, request: APIRequest, version: str) -> Response:
        """Lets calls through again."""
        found = editable_version(request, version)
        return answer(request, unblock_version(version=found, by=request.actor), VersionShape)


def _numbered(version: APIVersion, number: int | None) -> Revision | None:
    if number is None:
        return None
    revision = version.revisions.filter(number=number).first()
    if revision is None:
        raise NotFound("request.not_found", f"{version} has no revision {number}.", field="revision")
    return revision


def _successor(request: APIRequest, version: APIVersion, reference: str | None) -> APIVersion | None:
    if not reference:
        return None
    sibling: Any = APIVersion.objects.visible_to(request.user).filter(api_id=version.api_id, name=reference).first()
    return sibling or find_version(request.user, reference)
