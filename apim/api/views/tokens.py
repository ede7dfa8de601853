"""Oneself: /me and /tokens."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.utils import timezone
from rest_framework.response import Response

from apim.accounts.models import APIToken, Membership
from apim.accounts.services import issue_token, revoke_token
from apim.api.paging import Listing, is_set, page, refers
from apim.api.preconditions import answer, answer_created
from apim.api.problems import FieldError, RequestError
from apim.api.resource import ADMIN_SCOPE, Resource
from apim.api.schema import operation
from apim.api.serializers.accounts import IssuedTokenShape, MeShape, TokenBody, TokenShape
from apim.errors import NotFound

if TYPE_CHECKING:
    from apim.accounts.models import APITokenQuerySet
    from apim.api.request import APIRequest

LISTING = Listing(
    sorts={"created_at": "created_at"},
    default_sort="-created_at",
    filters={"revoked": is_set("revoked_at"), "user": refers("user", name="email")},
)


class Me(Resource):
    """/me"""

    @operation("get_me", tag="Me", scope="", answers=MeShape)
    def get(self, request: APIRequest) -> Response:
        """Who the caller is, and what the token allows."""
        memberships = Membership.objects.filter(user=request.user).select_related("user", "organization")
        scopes = request.auth.scopes if request.auth else None
        me = {"user": request.user, "memberships": memberships.order_by("organization__name"), "scopes": scopes}
        return answer(request, me, MeShape)


class Tokens(Resource):
    """/tokens"""

    @operation("list_tokens", tag="Me", scope="", lists=TokenShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The caller's tokens; those of everyone for admins."""
        return page(request, _visible(request), LISTING, TokenShape)

    @operation(
        "issue_token",
        tag="Me",
        scope="",
        body=TokenBody,
        answers=IssuedTokenShape,
        status=201,
        example={"name": "deploy", "scopes": ["apis:read", "apis:write"], "expires_at": "2027-01-01T00:00:00Z"},
    )
    def post(self, request: APIRequest) -> Response:
        """Makes a token for the caller, with no more scopes than the token that asks; the secret is shown once."""
        data = self.read(TokenBody)
        _require_own_scopes(request, data["scopes"])
        if data["expires_at"] and data["expires_at"] <= timezone.now():
            raise _invalid("/expires_at", "A token that has expired is of no use.")
        issued = issue_token(user=request.user, by=request.actor, **data)
        return answer_created(request, issued.token, IssuedTokenShape, "tokens", secret=issued.secret)


class OneToken(Resource):
    """/tokens/{token}"""

    @operation("get_token", tag="Me", scope="", answers=TokenShape)
    def get(self, request: APIRequest, token: str) -> Response:
        """One token, without its secret."""
        return answer(request, _find_token(request, token), TokenShape)

    @operation("revoke_token", tag="Me", scope="", answers=TokenShape)
    def delete(self, request: APIRequest, token: str) -> Response:
        """Kills the token for good; a token kills none that may do more than itself."""
        found = _find_token(request, token)
        _require_own_scopes(request, found.scopes)
        revoked = revoke_token(token=found, by=request.actor)
        return answer(request, revoked, TokenShape)


def _visible(request: APIRequest) -> APITokenQuerySet:
    """The tokens that the caller may see; other people's only in a session, or with the scope that they are for."""
    tokens = APIToken.objects.visible_to(request.user)
    return tokens if request.auth is None or ADMIN_SCOPE in request.auth.scopes else tokens.filter(user=request.user)


def _find_token(request: APIRequest, token_id: str) -> APIToken:
    token = _visible(request).filter(pk=token_id).first() if "\0" not in token_id else None
    if token is None:
        raise NotFound("request.not_found", "There is no such token that you may see.")
    return token


def _require_own_scopes(request: APIRequest, scopes: list[str]) -> None:
    if request.auth is None or ADMIN_SCOPE in request.auth.scopes:
        return
    if missing := sorted(set(scopes) - set(request.auth.scopes)):
        raise RequestError(
            HTTPStatus.FORBIDDEN,
            "request.scope_missing",
            f"Your own token lacks {', '.join(missing)}; it is no master of tokens that may do more.",
        )


def _invalid(pointer: str, message: str) -> RequestError:
    error = FieldError(pointer, "request.invalid", message)
    return RequestError(HTTPStatus.BAD_REQUEST, "request.invalid", message, errors=(error,))
