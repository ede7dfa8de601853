"""Every refusal of the management API as an RFC 9457 problem: the one place that maps errors to HTTP.

Owns: status, code and shape of each refusal, and the request id. Must not know: any noun of the product.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError, transaction
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from apim.api.conventions import API_PATH
from apim.contention import is_cut_off, is_outrun, may_be_repeated
from apim.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, Problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from apim.api.request import APIRequest

MEDIA_TYPE: Final = "application/problem+json"
DOCUMENTATION_PATH: Final = f"{API_PATH}/docs"
RETRY_AFTER_S: Final = 30
_LATER: Final = "Send it again later, with the same `Idempotency-Key`: what was done meanwhile is not done twice."
LOGGER = logging.getLogger(__name__)

STATUS_OF_ERROR: Final[tuple[tuple[type[DomainError], HTTPStatus], ...]] = (
    (Invalid, HTTPStatus.BAD_REQUEST),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
)

# What HTTP itself refuses: the code and the sentence of each kind of exception of the framework.
CODE_OF_EXCEPTION: Final[tuple[tuple[type[Exception], str], ...]] = (
    (exceptions.ParseError, "request.unparseable"),
    (exceptions.NotAuthenticated, "request.unauthenticated"),
    (exceptions.AuthenticationFailed, "request.unauthenticated"),
    (exceptions.PermissionDenied, "request.forbidden"),
    (exceptions.NotFound, "request.not_found"),
    (exceptions.MethodNotAllowed, "request.method_not_allowed"),
    (exceptions.NotAcceptable, "request.not_acceptable"),
    (exceptions.UnsupportedMediaType, "request.unsupported_media_type"),
)

# Codes that belong to this layer; codes of the product (`catalog.name_taken`) are the services' own.
REQUEST_CODES: Final[dict[str, str]] = {
    "request.invalid": "A field or a parameter breaks a rule; `errors` names each.",
    "request.unknown_field": "The body has a field that this operation does not take.",
    "request.unknown_parameter": "The query has a parameter, filter or sort field that this list does not take.",
    "request.invalid_cursor": "`after` is not a cursor of this list in this order.",
    "request.unparseable": "The body is not JSON.",
    "request.unauthenticated": "There is no valid token or session.",
    "request.forbidden": "The caller may not do this.",
    "request.scope_missing": "The token lacks the scope of this operation.",
    "request.not_found": "There is no such route or object, or the caller may not know of it.",
    "request.ambiguous_name": "Several objects bear this name; use an id.",
    "request.method_not_allowed": "The route does not take this method; `Allow` says which it takes.",
    "request.not_acceptable": "The API answers in JSON only.",
    "request.unsupported_media_type": "Bodies are sent as application/json.",
    "request.length_required": "The body came without Content-Length.",
    "request.outrun": "Other requests changed the same things at the same moment, several times over.",
    "request.body_too_large": "The body is larger than this operation takes.",
    "request.precondition_failed": "The object changed since the caller read it (`If-Match`).",
    "request.precondition_required": "PUT needs `If-Match` with the ETag of the last answer.",
    "request.idempotency_mismatch": "The `Idempotency-Key` was used with another request.",
    "request.under_way": "Another request with the same `Idempotency-Key` has no answer yet.",
    "request.cut_off": "A request with the same `Idempotency-Key` was cut off, so whether it was done is not known.",
    "request.too_slow": "The database gave up what took too long; ask for less.",
    "request.unavailable": "The database cannot be reached; `Retry-After` says when to send the request again.",
    "request.unexpected": "A bug on our side; the log has the same request id.",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with the request. Shapes: pointer is a JSON pointer into the body, or "" for the whole."""

    pointer: str
    code: str
    message: str
    hint: str = ""


class RequestError(exceptions.APIException):
    """A refusal by this layer: its status, code, sentence and what to do about it."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, *, hint: str = "", errors: tuple[FieldError, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status_code = int(status)
        self.code = code
        self.message = message
        self.hint = hint
        self.errors = errors


def answer_exception(exception: Exception, context: Mapping[str, Any]) -> Response:
    """The problem response for whatever a view raised; an unexpected exception is logged and answers 500.

    Errors: what the database did in favour of another request goes on to who does the request again.
    """
    request: APIRequest = context["request"]
    if is_outrun(exception):
        if may_be_repeated(request):
            raise exception
        message = "Other requests change the same things right now."
        return _problem(request, 409, "request.outrun", message, "Read the object again, then retry.")
    _roll_back()
    if isinstance(exception, RequestError):
        return _problem(
            request, exception.status_code, exception.code, exception.message, exception.hint, exception.errors
        )
    if isinstance(exception, DomainError):
        return _domain_problem(request, exception)
    if isinstance(exception, exceptions.ValidationError):
        errors = tuple(_flatten(exception.get_full_details(), ""))
        first = _sentence(errors[0]) if errors else "The request is not valid."
        code = errors[0].code if len(errors) == 1 and errors[0].code.startswith("request.") else "request.invalid"
        return _problem(request, 400, code, first, "", errors)
    if isinstance(exception, Http404):
        exception = exceptions.NotFound()
    if isinstance(exception, PermissionDenied):
        exception = exceptions.PermissionDenied(*exception.args)
    for kind, code in CODE_OF_EXCEPTION:
        if isinstance(exception, kind) and isinstance(exception, exceptions.APIException):
            response = _problem(request, exception.status_code, code, str(exception.detail))
            _add_headers(response, exception, context)
            return response
    return _unexpected(request, exception)


def _unexpected(request: APIRequest, exception: Exception) -> Response:
    if is_cut_off(exception):
        hint = "Ask for less: a smaller page, a shorter time, more filters."
        return _problem(request, 503, "request.too_slow", "The database gave this up: it took too long.", hint)
    if isinstance(exception, (OperationalError, InterfaceError)):
        LOGGER.error("request %s found no database: %s", request.request_id, exception)
        response = _problem(request, 503, "request.unavailable", "The database cannot be reached.", _LATER)
        response["Retry-After"] = str(RETRY_AFTER_S)
        return response
    LOGGER.error("request %s failed", request.request_id, exc_info=exception)
    return _problem(request, 500, "request.unexpected", f"Something broke on our side. Report {request.request_id}.")


def _domain_problem(request: APIRequest, error: DomainError) -> Response:
    status = next((status for kind, status in STATUS_OF_ERROR if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)
    several = error.errors if isinstance(error, Problems) else (error,)
    errors = tuple(FieldError(pointer_of(each.field), each.code, each.message, each.hint) for each in several)
    has_detail = isinstance(error, Problems) or error.field
    response = _problem(request, int(status), error.code, error.message, error.hint, errors if has_detail else ())
    response.data |= error.evidence  # extension members, as RFC 9457 calls them
    return response


def _problem(  # noqa: PLR0917 - the members of RFC 9457
    request: APIRequest, status: int, code: str, detail: str, hint: str = "", errors: tuple[FieldError, ...] = ()
) -> Response:
    body: dict[str, Any] = {
        "type": f"{settings.BASE_URL}{DOCUMENTATION_PATH}#problem-{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "errors": [_member(error) for error in errors],
        "request_id": request.request_id,
    }
    if hint:
        body["hint"] = hint
    return Response(body, status=status, content_type=MEDIA_TYPE)


def _member(error: FieldError) -> dict[str, str]:
    found = {"pointer": error.pointer, "code": error.code, "message": error.message}
    return found | ({"hint": error.hint} if error.hint else {})


def _sentence(error: FieldError) -> str:
    """The error with the name of its field, for those who read only `detail`."""
    is_named = not error.pointer or error.code.startswith("request.")
    return error.message if is_named else f"{error.pointer[1:].replace('/', '.')}: {error.message}"


def _add_headers(response: Response, exception: exceptions.APIException, context: Mapping[str, Any]) -> None:
    if isinstance(exception, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        response["WWW-Authenticate"] = getattr(exception, "auth_header", 'Bearer realm="apim"')
    if isinstance(exception, exceptions.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)


def pointer_of(field: str) -> str:
    """The JSON pointer of a dotted field name: `items.0.name` gives `/items/0/name`."""
    if not field or field.startswith("/"):
        return field
    return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in field.split("."))


def _flatten(details: Any, pointer: str) -> Iterator[FieldError]:
    """The leaves of DRF's nested error details."""
    if isinstance(details, dict) and isinstance(details.get("message"), str) and "code" in details:
        code = details["code"]
        yield FieldError(pointer, code if "." in code else f"field.{code}", details["message"])
    elif isinstance(details, dict):
        for name, inner in details.items():
            here = pointer if name == "non_field_errors" else f"{pointer}{pointer_of(str(name))}"
            yield from _flatten(inner, here)
    else:
        for position, inner in enumerate(details):
            is_leaf = isinstance(inner, dict) and isinstance(inner.get("message"), str)
            yield from _flatten(inner, pointer if is_leaf else f"{pointer}/{position}")


def _roll_back() -> None:
    if transaction.get_connection().in_atomic_block and settings.DATABASES["default"].get("ATOMIC_REQUESTS"):
        transaction.set_rollback(True)
