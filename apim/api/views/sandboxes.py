"""/versions/{version}/sandbox: what answers those who try a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.api.preconditions import answer
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.sandboxes import SandboxBody, SandboxShape
from apim.api.views.versions import editable_version
from apim.catalog.services.sandboxes import name_sandbox_service

if TYPE_CHECKING:
    from apim.api.request import APIRequest


class VersionSandbox(Resource):
    """/versions/{version}/sandbox"""

    @operation("get_sandbox", tag="Versions", scope="apis:write", answers=SandboxShape)
    def get(self, request: APIRequest, version: str) -> Response:
        """What answers sandbox keys, for those who may change the version."""
        return answer(request, editable_version(request, version), SandboxShape)

    @operation(
        "name_sandbox_service",
        tag="Versions",
        scope="apis:write",
        body=SandboxBody,
        answers=SandboxShape,
        example={"upstream": {"targets": [{"url": "https://bank.test.example.com"}]}},
    )
    def post(self, request: APIRequest, version: str) -> Response:
        """Has a service of the owner's answer sandbox keys, at once and without a revision; null = the document."""
        found = editable_version(request, version)
        upstream = self.read(SandboxBody)["upstream"] or {}
        return answer(request, name_sandbox_service(version=found, upstream=upstream, by=request.actor), SandboxShape)
