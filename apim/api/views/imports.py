"""/imports: an OpenAPI document or an upstream alone becomes a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.response import Response

from apim.api.bodies import DOCUMENT_MAX_BYTES
from apim.api.idempotency import run_once
from apim.api.lookups import named_organization, require_editable, require_owner
from apim.api.preconditions import etag_of
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.imports import ImportBody, ImportShape
from apim.catalog.comparisons import Comparisons, compared_ahead
from apim.catalog.fetch import fetch_document
from apim.catalog.models import API
from apim.catalog.services import create_passthrough, import_document
from apim.releases import release_within

if TYPE_CHECKING:
    from apim.accounts.models import Organization
    from apim.api.request import APIRequest


class Imports(Resource):
    """/imports"""

    max_body_bytes = DOCUMENT_MAX_BYTES

    @operation(
        "import_document",
        tag="Versions",
        scope="apis:write",
        body=ImportBody,
        answers=ImportShape,
        status=201,
        keeps_key=False,
        takes_key=True,
        example={
            "name": "bank",
            "version": "v1",
            "upstream": "http://127.0.0.1:9101",
            "url": "http://127.0.0.1:9101/openapi.json",
            "publish": True,
        },
    )
    def post(self, request: APIRequest) -> Response:
        """Imports a document, or re-imports it: plans, policies and documentation are kept.

        What is wrong with a document is in `problems` with line and pointer; its valid parts are imported.
        """
        data = self.read(ImportBody)
        if "url" in data:  # fetched before any transaction: a slow server must not hold one open
            data["document"] = fetch_document(data.pop("url"))
        organization = self._organization(request, data["name"], data.pop("organization"))
        return compared_ahead(
            lambda comparisons: run_once(request, lambda: self._import(request, data, organization, comparisons))
        )

    def _organization(self, request: APIRequest, api_name: str, reference: str) -> Organization:
        """Whose API it is: that of the API of this name, else the one the body names."""
        api = API.objects.visible_to(request.user).select_related("organization").filter(name=api_name).first()
        if api is not None and not reference:
            require_editable(API.objects.editable_by(request.user), api)
            return api.organization
        organization = named_organization(request.user, reference)
        require_owner(request.user, organization, api.team if api else "")
        return organization

    def _import(
        self, request: APIRequest, data: dict[str, Any], organization: Organization, comparisons: Comparisons
    ) -> Response:
        names = {"api_name": data["name"], "version_name": data["version"], "upstream_url": data["upstream"]}
        if "methods" in data:
            version = create_passthrough(
                organization=organization, methods=data["methods"], prefix=data["prefix"], by=request.actor, **names
            )
            if data["publish"]:
                release_within(comparisons, version=version, by=request.actor, waiver=data["waiver"])
                version.refresh_from_db()
            revision = version.revisions.order_by("-number").first()
            body: dict[str, Any] = {
                "api": version.api,
                "version": version,
                "revision": revision,
                "problems": [],
                "changes": [],
            }
        else:
            imported = import_document(source=data["document"], organization=organization, by=request.actor, **names)
            if data["publish"]:
                release_within(
                    comparisons,
                    version=imported.version,
                    revision=imported.revision,
                    by=request.actor,
                    waiver=data["waiver"],
                )
            body = {
                "api": imported.api,
                "version": imported.version,
                "revision": imported.revision,
                "problems": imported.problems,
                "changes": imported.changes,
            }
        shown = ImportShape(body, context={"request": request}).data
        return Response(shown, status=201, headers={"ETag": etag_of(shown["version"])})
