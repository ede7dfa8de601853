"""Who calls the management API: a scoped bearer token, or the browser's own session with its CSRF token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed

from apim.accounts.services import authenticate_token

if TYPE_CHECKING:
    from rest_framework.request import Request

    from apim.accounts.models import APIToken, User


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer apim_...`; the token becomes `request.auth`, its person `request.user`."""

    def authenticate(self, request: Request) -> tuple[User, APIToken] | None:
        """The person and the token; None without an Authorization header."""
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "bearer":
            message = "Send the token as `Authorization: Bearer <token>`."
            raise AuthenticationFailed(message)
        token = authenticate_token(secret.strip())
        if token is None or not token.user.is_active:
            message = "The token is unknown, expired or revoked."
            raise AuthenticationFailed(message)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        """The challenge of a 401."""
        return 'Bearer realm="apim"'


class BrowserAuthentication(SessionAuthentication):
    """The session of a page on the same origin; a write needs its CSRF token."""


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names bearer tokens."""

    target_class = TokenAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:  # noqa: ARG002 - spectacular's signature
        """The security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "A token of POST /tokens, limited to its scopes."}


class BrowserScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names the browser's session."""

    target_class = BrowserAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:  # noqa: ARG002 - spectacular's signature
        """The security scheme."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The session of a signed-in browser; writes also send X-CSRFToken.",
        }
