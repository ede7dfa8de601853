"""The API about itself: its OpenAPI document, its page, and the answer to routes that are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from apim.api.reference import describe, openapi_document
from apim.api.resource import Resource

if TYPE_CHECKING:
    from rest_framework.request import Request

    from apim.api.request import APIRequest


class OpenAPI(Resource):
    """/openapi.json, for everyone"""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: APIRequest) -> Response:  # noqa: ARG002 - the same for all
        """The OpenAPI document."""
        return Response(openapi_document())


class Reference(View):
    """/docs, for everyone"""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The reference as a page."""
        return render(request, "api/reference.html", {"api": describe()})


class Nowhere(Resource):
    """Every route that is not there: a problem with 404, whatever the method and whoever asks."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> NoReturn:  # noqa: ARG002 - DRF's signature
        """Refuse."""
        message = f"There is no {request.path} in this API."
        raise NotFound(message)
