"""Documents as `apim apply` sends them: /documents/apply, /documents/export."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from apim.api.bodies import DOCUMENT_MAX_BYTES
from apim.api.problems import FieldError, RequestError
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.replay import replay_answer
from apim.api.serializers.usage import AppliedShape, DocumentsBody, ExportShape
from apim.documents.services import apply_documents, export_documents
from apim.errors import Conflict
from gateway_sync.delivery.replay import Applying

if TYPE_CHECKING:
    from apim.api.request import APIRequest
    from gateway_sync.delivery.replay import Replay

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
        Where some of the last calls would be answered differently, it is refused with 409 `documents.answers_differ`
        and `calls`, unless `accept_answers` is true.
        """
        data = self.read(DocumentsBody)
        may_differ = data["dry_run"] or data["accept_answers"]
        answers = _Answers(may_differ=may_differ, with_calls=self.allows("usage:read"))
        applied = apply_documents(
            text=data["documents"],
            files=data["files"],
            user=request.user,
            by=request.actor,
            is_dry_run=data["dry_run"],
            waiver=data["waiver"],
            watch=Applying(user=request.user, hear=answers.hear),
        )
        changes = [asdict(change) for change in applied.changes]
        return Response({"changes": changes, "warnings": list(applied.warnings), "calls": answers.told})


class _Answers:
    """What the last calls would be answered; refuses when they may not be answered differently."""

    def __init__(self, *, may_differ: bool, with_calls: bool) -> None:
        self._may_differ, self._with_calls = may_differ, with_calls
        self.told: dict[str, Any] = {}

    def hear(self, made: Replay) -> None:
        """Errors: Conflict documents.answers_differ, with all that is told of it."""
        self.told = replay_answer(made, with_calls=self._with_calls)
        if not made.differences or self._may_differ:
            return
        message = f"{len(made.differences)} of the last {made.calls} calls would be answered differently."
        hint = "Look at them, and send `accept_answers: true` when that is right."
        raise Conflict("documents.answers_differ", message, hint=hint, evidence={"calls": self.told})


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
