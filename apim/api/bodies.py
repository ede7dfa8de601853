"""Bodies as they come in: size by the bytes that arrive, strict JSON, text that every database can hold."""

from __future__ import annotations

import json
from difflib import get_close_matches
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn

from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

from apim.api.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MIB: Final = 1 << 20
DEFAULT_MAX_BYTES: Final = MIB
DOCUMENT_MAX_BYTES: Final = 25 * MIB
MAX_DEPTH: Final = 100


class JSONBodyParser(BaseParser):
    """application/json: one object, no NaN, no doubled member, no NUL, at most `max_body_bytes` of the view."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,  # noqa: ARG002 - DRF's signature
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The body's object.

        Errors: 413 when the body is too large, whatever Content-Length says; 400 when it is not such JSON.
        """
        limit = parser_context["view"].max_body_bytes if parser_context else DEFAULT_MAX_BYTES
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise too_large(limit)
        try:
            value = json.loads(raw.decode(), parse_constant=_refuse_constant, object_pairs_hook=_object_of)
        except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
            message = f"The body is not JSON: {error}"
            raise ParseError(message) from None
        if not isinstance(value, dict):
            message = "The body must be a JSON object."
            raise ParseError(message)
        _check_texts(value, 0)
        return value


def too_large(limit: int) -> RequestError:
    """The refusal of a body of more than limit bytes."""
    return RequestError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request.body_too_large", f"The body may have {limit:,} bytes at most."
    )


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is no JSON number"
    raise ValueError(message)


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        message = f"the member {doubled!r} is there twice"
        raise ValueError(message)
    return result


def _check_texts(value: object, depth: int) -> None:
    """Refuse NUL and lone surrogates (PostgreSQL cannot store them) and nesting beyond any use."""
    if depth > MAX_DEPTH:
        message = f"The body is nested deeper than {MAX_DEPTH} levels."
        raise ParseError(message)
    if isinstance(value, str):
        if "\0" in value or (not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)):
            message = "Text may hold neither NUL nor a lone surrogate."
            raise ParseError(message)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_texts(name, depth)
            _check_texts(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner, depth + 1)


class Body(serializers.Serializer[Any]):
    """The shape of a request body: a field it does not name is an error that names the nearest one."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The validated fields that were sent."""
        if isinstance(data, dict):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            refuse_unknown(data, writable)
        result: dict[str, Any] = super().to_internal_value(data)
        return result


def refuse_unknown(data: Iterable[str], known: set[str]) -> None:
    """Raise for the members of data that are not known, each with the nearest name."""
    errors = {name: [unknown_message(name, known)] for name in data if name not in known}
    if errors:
        raise ValidationError({name: _error_details(messages) for name, messages in errors.items()})


def _error_details(messages: list[str]) -> Any:
    return ValidationError(messages, code="request.unknown_field").detail


def unknown_message(name: str, known: Iterable[str]) -> str:
    """`Unknown field "nmae"; did you mean "name"?`, or the names there are when none is near."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f'Unknown field "{name}"; did you mean "{near[0]}"?'
    return f'Unknown field "{name}"; there are: {", ".join(known) or "none"}.'
