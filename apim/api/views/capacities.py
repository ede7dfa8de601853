"""/apis/{api}/capacity: what the services of an API bear, beside what is promised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.access.commitments import Commitment, commitments
from apim.api.lookups import find_api, require_editable
from apim.api.preconditions import answer, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.capacities import CapacityBody, CapacityShape
from apim.catalog.models import API
from apim.products.services import set_capacity

if TYPE_CHECKING:
    from apim.api.request import APIRequest


class APICapacity(Resource):
    """/apis/{api}/capacity"""

    @operation("get_api_capacity", tag="APIs", scope="products:read", answers=CapacityShape)
    def get(self, request: APIRequest, api: str) -> Response:
        """What the services bear, and what the plans of all subscribers promise together."""
        return answer(request, _commitment(_editable(request, api)), CapacityShape)

    @operation(
        "set_api_capacity",
        tag="APIs",
        scope="apis:write",
        body=CapacityBody,
        answers=CapacityShape,
        example={"calls_per_s": 500},
    )
    def put(self, request: APIRequest, api: str) -> Response:
        """Says what the services bear. It limits nobody: it warns where more is promised."""
        found = _editable(request, api)
        lock(found)
        check_match(request, _commitment(found), CapacityShape)
        set_capacity(api=found, by=request.actor, **self.read(CapacityBody))
        return answer(request, _commitment(found), CapacityShape)


def _editable(request: APIRequest, reference: str) -> API:
    api = find_api(request.user, reference)
    require_editable(API.objects.editable_by(request.user), api)
    return api


def _commitment(api: API) -> Commitment:
    return commitments([api])[0]
