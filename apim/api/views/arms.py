"""/versions/{version}/arms: the weights of a canary as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.api.lookups import named_environment
from apim.api.preconditions import answer
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.catalog import ArmsBody, ArmsShape
from apim.api.views.versions import editable_version
from apim.catalog.services.deployments import shift_arms

if TYPE_CHECKING:
    from apim.api.request import APIRequest


class VersionArms(Resource):
    """/versions/{version}/arms"""

    @operation(
        "shift_arms",
        tag="Versions",
        scope="apis:write",
        body=ArmsBody,
        answers=ArmsShape,
        example={"weights": {"blue": 0, "green": 100}},
    )
    def post(self, request: APIRequest, version: str) -> Response:
        """Changes the weights of a canary's arms at once, without a new revision; none = those of the revision."""
        found, data = editable_version(request, version), self.read(ArmsBody)
        deployment = shift_arms(
            version=found,
            by=request.actor,
            weights=data["weights"],
            environment=named_environment(data["environment"]),
        )
        return answer(request, deployment, ArmsShape)
