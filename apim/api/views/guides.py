"""Guides: /apis/{api}/guides, /guides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.api.lookups import find_api, find_guide, require_editable
from apim.api.paging import Listing, equals, page
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.guides import GuideBody, GuideChanges, GuideShape
from apim.catalog.models import API, Guide
from apim.catalog.services.guides import create_guide, delete_guide, update_guide

if TYPE_CHECKING:
    from apim.api.request import APIRequest

LISTING = Listing(
    sorts={"position": "position", "updated_at": "updated_at"},
    default_sort="position",
    filters={"slug": equals("slug")},
)


class APIGuides(Resource):
    """/apis/{api}/guides"""

    @operation("list_guides", tag="APIs", scope="apis:read", lists=GuideShape, listing=LISTING)
    def get(self, request: APIRequest, api: str) -> Response:
        """The guides of an API; drafts for those who may change it."""
        guides = Guide.objects.visible_to(request.user).filter(api=find_api(request.user, api)).select_related("api")
        return page(request, guides, LISTING, GuideShape)

    @operation(
        "create_guide",
        tag="APIs",
        scope="apis:write",
        body=GuideBody,
        answers=GuideShape,
        status=201,
        example={"slug": "getting-started", "title": "Getting started", "body": "# First call", "is_published": True},
    )
    def post(self, request: APIRequest, api: str) -> Response:
        """Writes a guide."""
        found = find_api(request.user, api)
        require_editable(API.objects.editable_by(request.user), found)
        guide = create_guide(api=found, by=request.actor, **self.read(GuideBody))
        return answer_created(request, guide, GuideShape, "guides")


class OneGuide(Resource):
    """/guides/{guide}"""

    @operation("get_guide", tag="APIs", scope="apis:read", answers=GuideShape)
    def get(self, request: APIRequest, guide: str) -> Response:
        """The guide with this id."""
        return answer(request, find_guide(request.user, guide), GuideShape)

    @operation("update_guide", tag="APIs", scope="apis:write", body=GuideChanges, answers=GuideShape)
    def patch(self, request: APIRequest, guide: str) -> Response:
        """Changes the fields that are sent."""
        found = self._lock(request, guide)
        changed = update_guide(guide=found, changes=self.read(GuideChanges), by=request.actor)
        return answer(request, changed, GuideShape)

    @operation("delete_guide", tag="APIs", scope="apis:write", status=204)
    def delete(self, request: APIRequest, guide: str) -> Response:
        """Deletes the guide for good."""
        delete_guide(guide=self._lock(request, guide), by=request.actor)
        return Response(status=204)

    def _lock(self, request: APIRequest, reference: str) -> Guide:
        guide = find_guide(request.user, reference)
        require_editable(Guide.objects.editable_by(request.user), guide)
        lock(guide)
        check_match(request, guide, GuideShape)
        return guide
