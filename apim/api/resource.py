"""The class under every view of the management API: who may call, how bodies come in, how errors go out."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.schemas.inspectors import ViewInspector
from rest_framework.views import APIView

from apim.api.authentication import BrowserAuthentication, TokenAuthentication
from apim.api.bodies import DEFAULT_MAX_BYTES, JSONBodyParser, too_large
from apim.api.problems import RequestError, answer_exception
from apim.api.request import APIRequest
from apim.api.schema import EndpointSchema
from apim.fields import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest
    from rest_framework.request import Request
    from rest_framework.response import Response

    from apim.api.bodies import Body

ADMIN_SCOPE = "admin"  # a token with it may do whatever its person may


class Resource(APIView):
    """A view whose methods are each declared with `schema.operation`."""

    authentication_classes: tuple[type[BaseAuthentication], ...] = (TokenAuthentication, BrowserAuthentication)
    permission_classes: tuple[type[BasePermission], ...] = (IsAuthenticated,)
    parser_classes: tuple[type[BaseParser], ...] = (JSONBodyParser,)
    renderer_classes = (JSONRenderer,)
    schema: ViewInspector | None = EndpointSchema()
    max_body_bytes = DEFAULT_MAX_BYTES
    request: APIRequest

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> APIRequest:  # noqa: ARG002 - DRF
        """The request with its fresh id."""
        made = APIRequest(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )
        made.request_id = request.META.get("HTTP_X_REQUEST_ID") or new_id("req")  # the edge has checked it
        return made

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse who may not call this operation, then bodies that say they are too large."""
        super().initial(request, *args, **kwargs)
        self._check_scope()
        if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower() and "CONTENT_LENGTH" not in request.META:
            raise RequestError(  # WSGI has no way to tell where such a body ends, so nothing of it would be read
                HTTPStatus.LENGTH_REQUIRED,
                "request.length_required",
                "The body came in chunks.",
                hint="Send it with Content-Length.",
            )
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > self.max_body_bytes:
            raise too_large(self.max_body_bytes)

    def _check_scope(self) -> None:
        handler = getattr(self, self.request.method.lower(), None) if self.request.method else None
        needed = getattr(handler, "scope", "").split()
        if missing := [scope for scope in needed if not self.allows(scope)]:
            raise RequestError(
                HTTPStatus.FORBIDDEN,
                "request.scope_missing",
                f"The token lacks the scope {', '.join(missing)}.",
                hint="Issue a token with this scope.",
            )

    def allows(self, scope: str) -> bool:
        """True where the token has the scope; who came without a token is bound by none."""
        token = self.request.auth
        return token is None or ADMIN_SCOPE in token.scopes or scope in token.scopes

    def permission_denied(self, request: Request, message: str | None = None, code: str | None = None) -> NoReturn:  # noqa: ARG002
        """401 for who did not sign in; what a person may see or change is checked per object."""
        raise NotAuthenticated

    def read(self, shape: type[Body]) -> dict[str, Any]:
        """The request's body, checked against shape.

        Errors: 400 naming each field at fault.
        """
        body = shape(data=self.request.data, context={"request": self.request})
        body.is_valid(raise_exception=True)
        data: dict[str, Any] = body.validated_data
        return data

    def get_exception_handler(self) -> Callable[[Exception, Mapping[str, Any]], Response]:
        """The one place that maps errors to HTTP."""
        return answer_exception

    def get_exception_handler_context(self) -> dict[str, Any]:
        """What that place is told."""
        return {"view": self, "request": self.request}

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """The response with the headers that every answer has."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final["X-Request-Id"] = self.request.request_id
        final["Cache-Control"] = "no-store"
        return final
