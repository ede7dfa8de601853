"""/versions/{version}/arms and /groups: how a deployment is served now, without a new revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.api.lookups import named_environment
from apim.api.preconditions import answer
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.catalog import ArmsBody, ArmsShape, DeploymentShape, GroupsBody
from apim.api.views.versions import editable_version
from apim.catalog.services.deployments import shift_arms
from apim.catalog.services.groups import bind_to_groups

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


class VersionGroups(Resource):
    """/versions/{version}/groups"""

    @operation(
        "bind_to_groups",
        tag="Versions",
        scope="apis:write",
        body=GroupsBody,
        answers=DeploymentShape,
        example={"groups": ["internal"]},
    )
    def post(self, request: APIRequest, version: str) -> Response:
        """Has the version served by the gateways of these groups alone; none = by every gateway."""
        found, data = editable_version(request, version), self.read(GroupsBody)
        deployment = bind_to_groups(
            version=found,
            groups=data["groups"],
            by=request.actor,
            environment=named_environment(data["environment"]),
        )
        return answer(request, deployment, DeploymentShape)
