"""How an endpoint is declared: `@operation(...)` above a method says its id, scope, shapes and guards in one place.

From the declaration come the scope check, the idempotency of POST, the transaction of a guarded change and the
OpenAPI document.
"""

from __future__ import annotations

from functools import cache, wraps
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from django.db import transaction
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers

from apim.api.idempotency import run_once
from apim.api.paging import DEFAULT_LIMIT, MAX_LIMIT, Listing
from apim.api.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.response import Response

Shape = type[serializers.BaseSerializer[Any]]
Direction = Literal["request", "response"]
Handler = TypeVar("Handler", bound="Callable[..., Response]")


class FieldErrorShape(serializers.Serializer[Any]):
    """One thing wrong with a request."""

    pointer = serializers.CharField(help_text="JSON pointer into the body; `?name` for a query parameter.")
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemShape(serializers.Serializer[Any]):
    """A refusal, as RFC 9457 has it."""

    type = serializers.URLField(help_text="Where this kind of problem is described.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    code = serializers.CharField(help_text="Never translated; what programs should look at.")
    errors = FieldErrorShape(many=True)  # type: ignore[assignment] # a field of that name, not DRF's property
    request_id = serializers.CharField()
    hint = serializers.CharField(required=False, help_text="What to do about it.")


REASONS: Final[dict[int, str]] = {
    400: "The body or the query is not valid",
    401: "No valid token or session",
    403: "The scope is missing, or the caller may see but not change this",
    404: "No such object, or none that the caller may know of",
    409: "The state of the object does not allow this now",
    411: "The body came without Content-Length",
    412: "The object changed since it was read",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "The Idempotency-Key was used with another request",
    428: "If-Match is missing",
}
IDEMPOTENCY_KEY: Final = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=False,
    description="Sent again within 24 hours with the same request, it has no second effect: the first answer returns.",
)
IF_MATCH: Final = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=False,
    description="The ETag of the object as it was read; 412 when it changed since.",
)


class EndpointSchema(AutoSchema):
    """Spectacular's reading of a view, with the shapes' docstrings left to the shapes."""

    def get_description(self) -> str:  # type: ignore[override] # spectacular's own signature
        """The method's own docstring, not the view's."""
        handler = getattr(self.view, self.method.lower(), None)
        return dedent("    " * 2 + (getattr(handler, "__doc__", None) or "")).strip()

    def get_serializer_name(self, serializer: serializers.Serializer[Any], direction: Direction) -> str:
        """The shape's name as people say it: `Plan` of PlanShape."""
        name: str = super().get_serializer_name(serializer, direction)
        return name.removesuffix("Shape")


def operation(
    name: str,
    *,
    tag: str,
    scope: str,
    body: Shape | None = None,
    answers: Shape | None = None,
    status: int = 200,
    lists: Shape | None = None,
    listing: Listing | None = None,
    parameters: tuple[OpenApiParameter, ...] = (),
    example: dict[str, Any] | None = None,
    keeps_key: bool = True,
    takes_key: bool = True,
    asks_provider: bool = False,
) -> Callable[[Handler], Handler]:
    """Declares a handler: operation id, scope, and the shapes of body and answer.

    A POST runs once for an Idempotency-Key (keeps_key False: the handler sees to it; takes_key False: it has no use;
    asks_provider: it asks a payment provider, so it runs outside a transaction);
    PATCH, PUT and DELETE run in one transaction, so that what If-Match was compared with is what is written.
    """

    def declare(handler: Handler) -> Handler:
        method = handler.__name__.upper()
        guarded = _guard(handler, method, keeps_key=keeps_key, asks_provider=asks_provider)
        headers = (
            (IDEMPOTENCY_KEY,)
            if method == "POST" and takes_key
            else ((IF_MATCH,) if method in {"PATCH", "PUT", "DELETE"} else ())
        )
        answer = _page_shape(lists) if lists else answers  # type: ignore[arg-type] # classes are hashable
        described = extend_schema(
            operation_id=name,
            tags=[tag],
            request=body,
            summary=name.replace("_", " ").capitalize(),
            parameters=[*parameters, *headers, *(_list_parameters(listing) if listing else ())],
            responses={status: answer or OpenApiResponse(description="Done"), **_problems(method)},
            examples=[OpenApiExample("Example", value=example, request_only=True)] if example else [],
            extensions={"x-required-scope": scope} if scope else {},
        )(guarded)
        described.scope = scope  # type: ignore[attr-defined]
        described.shapes = (body, answers, lists)  # type: ignore[attr-defined]
        return described

    return declare


def _guard(handler: Handler, method: str, *, keeps_key: bool, asks_provider: bool) -> Handler:
    if method == "POST" and keeps_key:

        @wraps(handler)
        def once(view: Any, request: Any, *args: Any, **kwargs: Any) -> Response:
            return run_once(request, lambda: handler(view, request, *args, **kwargs), asks_provider=asks_provider)

        return once  # type: ignore[return-value]
    if method in {"PATCH", "PUT", "DELETE"}:
        return transaction.atomic(handler)
    return handler


@cache
def _page_shape(shape: Shape) -> Any:
    return inline_serializer(
        name=f"{shape.__name__.removesuffix('Shape')}Page",
        fields={
            "data": shape(many=True),
            "next": serializers.CharField(allow_null=True, help_text="Cursor for `after`; null on the last page."),
            "total": serializers.IntegerField(required=False, help_text="Only with `total=true`."),
        },
    )


def _list_parameters(listing: Listing) -> tuple[OpenApiParameter, ...]:
    sorts = [f"{sign}{name}" for name in listing.sorts for sign in ("", "-")]
    return (
        OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {MAX_LIMIT}", default=DEFAULT_LIMIT),
        OpenApiParameter("after", str, description="`next` of the page before"),
        OpenApiParameter("sort", str, enum=sorts, default=listing.default_sort),
        OpenApiParameter("fields", str, description="Only these fields of each object, with commas between them"),
        OpenApiParameter("total", bool, description="Count all matches"),
        *(OpenApiParameter(f"filter[{name}]", str) for name in listing.filters),
    )


def _problems(method: str) -> dict[Any, Any]:
    statuses = {
        "GET": (400, 401, 403, 404),
        "POST": (400, 401, 403, 404, 409, 411, 413, 415, 422),
        "PATCH": (400, 401, 403, 404, 409, 411, 412, 413, 415),
        "PUT": (400, 401, 403, 404, 409, 411, 412, 413, 415, 428),
        "DELETE": (401, 403, 404, 409, 412),
    }[method]
    return {(status, MEDIA_TYPE): OpenApiResponse(ProblemShape, description=REASONS[status]) for status in statuses}
