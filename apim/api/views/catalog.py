"""APIs: /apis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.api.lookups import find_api, named_organization, require_editable, require_owner
from apim.api.paging import Listing, equals, is_set, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.catalog import APIBody, APIChanges, APIShape, ConsequencesShape, VersionBody, VersionShape
from apim.api.views.versions import VERSION_LISTING, with_deployments
from apim.catalog.models import API, APIVersion
from apim.catalog.services import (
    archive_api,
    create_api,
    create_version,
    delete_api,
    deletion_consequences,
    restore_api,
    update_api,
)

if TYPE_CHECKING:
    from apim.api.request import APIRequest

LISTING = Listing(
    sorts={"name": "name", "created_at": "created_at", "updated_at": "updated_at"},
    default_sort="name",
    filters={
        "name": equals("name"),
        "organization": refers("organization"),
        "team": equals("team"),
        "visibility": equals("visibility", choices=tuple(API.Visibility.values)),
        "archived": is_set("archived_at"),
    },
)


class APIs(Resource):
    """/apis"""

    @operation("list_apis", tag="APIs", scope="apis:read", lists=APIShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The APIs that the caller may see."""
        apis = API.objects.visible_to(request.user).select_related("organization")
        return page(request, apis, LISTING, APIShape)

    @operation(
        "create_api",
        tag="APIs",
        scope="apis:write",
        body=APIBody,
        answers=APIShape,
        status=201,
        example={"name": "bank", "display_name": "Bank API", "visibility": "public"},
    )
    def post(self, request: APIRequest) -> Response:
        """Makes an empty API."""
        data = self.read(APIBody)
        organization = named_organization(request.user, data.pop("organization"))
        require_owner(request.user, organization, data["team"])
        api = create_api(organization=organization, by=request.actor, **data)
        return answer_created(request, api, APIShape, "apis")


class OneAPI(Resource):
    """/apis/{api}"""

    @operation("get_api", tag="APIs", scope="apis:read", answers=APIShape)
    def get(self, request: APIRequest, api: str) -> Response:
        """The API with this id or name."""
        return answer(request, find_api(request.user, api), APIShape)

    @operation(
        "update_api",
        tag="APIs",
        scope="apis:write",
        body=APIChanges,
        answers=APIShape,
        example={"description": "Accounts and transfers."},
    )
    def patch(self, request: APIRequest, api: str) -> Response:
        """Changes the fields that are sent."""
        found, changes = self._lock(request, api), self.read(APIChanges)
        require_owner(request.user, found.organization, changes.get("team", found.team))
        return answer(request, update_api(api=found, changes=changes, by=request.actor), APIShape)

    @operation("delete_api", tag="APIs", scope="apis:write", status=204)
    def delete(self, request: APIRequest, api: str) -> Response:
        """Deletes the API with its versions; GET /apis/{api}/deletion says what goes with it."""
        delete_api(api=self._lock(request, api), by=request.actor)
        return Response(status=204)

    def _lock(self, request: APIRequest, reference: str) -> API:
        api = find_api(request.user, reference)
        require_editable(API.objects.editable_by(request.user), api)
        lock(api)
        check_match(request, api, APIShape)
        return api


class APIDeletion(Resource):
    """/apis/{api}/deletion"""

    @operation("preview_api_deletion", tag="APIs", scope="apis:read", answers=ConsequencesShape)
    def get(self, request: APIRequest, api: str) -> Response:
        """What deleting the API would take with it; deletes nothing."""
        found = find_api(request.user, api)
        require_editable(API.objects.editable_by(request.user), found)
        return answer(request, deletion_consequences(found), ConsequencesShape)


class ArchiveAPI(Resource):
    """/apis/{api}/archive"""

    @operation("archive_api", tag="APIs", scope="apis:write", answers=APIShape)
    def post(self, request: APIRequest, api: str) -> Response:
        """Takes the API out of the catalogue and off the gateways."""
        found = find_api(request.user, api)
        require_editable(API.objects.editable_by(request.user), found)
        return answer(request, archive_api(api=found, by=request.actor), APIShape)


class RestoreAPI(Resource):
    """/apis/{api}/restore"""

    @operation("restore_api", tag="APIs", scope="apis:write", answers=APIShape)
    def post(self, request: APIRequest, api: str) -> Response:
        """Brings an archived API back."""
        found = find_api(request.user, api)
        require_editable(API.objects.editable_by(request.user), found)
        return answer(request, restore_api(api=found, by=request.actor), APIShape)


class APIVersions(Resource):
    """/apis/{api}/versions"""

    @operation("list_versions_of_api", tag="Versions", scope="apis:read", lists=VersionShape, listing=VERSION_LISTING)
    def get(self, request: APIRequest, api: str) -> Response:
        """The versions of an API."""
        versions = APIVersion.objects.visible_to(request.user).filter(api=find_api(request.user, api))
        return page(request, with_deployments(versions), VERSION_LISTING, VersionShape)

    @operation(
        "create_version",
        tag="Versions",
        scope="apis:write",
        body=VersionBody,
        answers=VersionShape,
        status=201,
        example={"name": "v2"},
    )
    def post(self, request: APIRequest, api: str) -> Response:
        """Makes an empty draft version."""
        found = find_api(request.user, api)
        require_editable(API.objects.editable_by(request.user), found)
        version = create_version(api=found, by=request.actor, **self.read(VersionBody))
        return answer_created(request, version, VersionShape, "versions")
