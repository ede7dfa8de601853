"""Documents as `apim apply` sends them: /documents/apply, /documents/export."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING

from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from apim.api.bodies import DOCUMENT_MAX_BYTES
from apim.api.problems import FieldError, RequestError
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.usage import AppliedShape, DocumentsBody, ExportShape
from apim.documents.services import apply_documents, export_documents

if TYPE_CHECKING:
    from apim.api.request import APIRequest

PARAMETERS = ("kind", "name")


class ApplyDocuments(Resource):
    """/documents/apply"""

    max_body_bytes = DOCUMENT_MAX_BYTES

    @operation(
        "apply_documents",
        tag="Documents",
        scope="apis:write products:write access:write",
        body=DocumentsBody,
        answers=AppliedShape,
        example={
            "documents": "apiVersion: apim.dev/v1\nkind: Organization\nmetadata: { name: acme }\nspec: {}\n",
            "files": {},
            "dry_run": True,
        },
    )
    def post(self, request: APIRequest) -> Response:
        """Brings about what the documents say, in one transaction; applying them twice changes nothing.

        `files` holds what the documents name with `$file`, by the path they name it with. `dry_run` changes nothing.
        """
        data = self.read(DocumentsBody)
        applied = apply_documents(
            text=data["documents"],
            files=data["files"],
            user=request.user,
            by=request.actor,
            is_dry_run=data["dry_run"],
            waiver=data["waiver"],
        )
        changes = [asdict(change) for change in applied.changes]
        return Response({"changes": changes, "warnings": list(applied.warnings)})


class ExportDocuments(Resource):
    """/documents/export"""

    @operation(
        "export_documents",
        tag="Documents",
        scope="apis:read products:read access:read",
        answers=ExportShape,
        parameters=(
            OpenApiParameter("kind", str, description="A kind in any case, singular or plural, or all", required=True),
            OpenApiParameter("name", str, description="Only this one"),
        ),
    )
    def get(self, request: APIRequest) -> Response:
        """What the caller may see, as documents that /documents/apply takes unchanged."""
        for name in request.query_params:
            if name not in PARAMETERS:
                message = f'Unknown parameter "{name}"; there are: {", ".join(PARAMETERS)}.'
                error = FieldError(f"?{name}", "request.unknown_parameter", message)
                raise RequestError(HTTPStatus.BAD_REQUEST, "request.unknown_parameter", message, errors=(error,))
        text = export_documents(
            kind=request.query_params.get("kind", "all"), name=request.query_params.get("name", ""), user=request.user
        )
        return Response({"documents": text})
