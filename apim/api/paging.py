"""Lists: keyset pages by an opaque cursor, sorting and filtering by what the list names, nothing else.

Shapes: `?limit=50&after=<cursor>&sort=-created_at&filter[state]=active&fields=id,name&total=true` -> {data, next,
total?}.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Q
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from apim.api.problems import FieldError, RequestError

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from rest_framework import serializers

    from apim.api.request import APIRequest

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_VALUE_CHARACTERS: Final = 200
PARAMETERS: Final = ("limit", "after", "sort", "fields", "total")

Filter = Callable[[str], Q]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list may be sorted and filtered by.

    Shapes: sorts = public name -> model field, never null; the first one is the default, descending when it starts
    with "-". filters = public name -> condition.
    """

    sorts: dict[str, str]
    default_sort: str
    filters: dict[str, Filter] = field(default_factory=dict)


def equals(path: str, *, choices: tuple[str, ...] = ()) -> Filter:
    """The filter `path = value`; with choices, any other value is refused."""

    def condition(value: str) -> Q:
        if choices and value not in choices:
            message = f'"{value}" is none of {", ".join(choices)}.'
            raise ValueError(message)
        return Q(**{path: value})

    return condition


def is_set(path: str) -> Filter:
    """The filter `true` (path has a value) or `false`."""

    def condition(value: str) -> Q:
        if value not in {"true", "false"}:
            message = f'"{value}" is neither true nor false.'
            raise ValueError(message)
        return Q(**{f"{path}__isnull": value == "false"})

    return condition


def is_true(path: str) -> Filter:
    """The filter `true` or `false` of a boolean."""

    def condition(value: str) -> Q:
        if value not in {"true", "false"}:
            message = f'"{value}" is neither true nor false.'
            raise ValueError(message)
        return Q(**{path: value == "true"})

    return condition


def refers(path: str, *, name: str = "name") -> Filter:
    """The filter on a related object by its id or its name."""
    return lambda value: Q(**{f"{path}_id": value}) | Q(**{f"{path}__{name}": value})


def page(
    request: APIRequest, queryset: QuerySet[Any], listing: Listing, shape: type[serializers.BaseSerializer[Any]]
) -> Response:
    """One page of queryset as the query asks for it.

    Errors: 400 for an unknown parameter, filter, sort field or field (naming those there are), a limit above 200, a
    cursor of another list.
    """
    asked = _read_query(request, listing)
    one = shape(context={"request": request})
    if "fields" in request.query_params:
        keep_fields(one, request.query_params["fields"])
    queryset = queryset.filter(asked.condition)
    body: dict[str, Any] = {}
    if asked.wants_total:
        body["total"] = queryset.count()
    sign = "-" if asked.is_descending else ""
    ordered = queryset.order_by(f"{sign}{asked.field}", f"{sign}pk")
    rows = list((ordered.filter(asked.after) if asked.after else ordered)[: asked.limit + 1])
    has_more = len(rows) > asked.limit
    rows = rows[: asked.limit]
    body["data"] = [one.to_representation(row) for row in rows]
    body["next"] = _cursor_after(rows[-1], asked) if has_more else None
    return Response(body)


def keep_fields(shape: serializers.BaseSerializer[Any], names: str) -> None:
    """Leave in shape only the fields that names lists, with commas between them.

    Errors: 400 for a field that the shape does not have, or none at all.
    """
    wanted = {name.strip() for name in names.split(",")}
    fields = shape.fields if isinstance(shape, Serializer) else {}
    if unknown := sorted(wanted - set(fields)):
        message = f'Unknown field "{unknown[0]}"; there are: {", ".join(fields)}.'
        raise _refuse("fields", message, "request.unknown_parameter")
    for name in set(fields) - wanted:
        fields.pop(name)


@dataclass(frozen=True, slots=True)
class _Asked:
    limit: int
    sort: str
    field: str
    is_descending: bool
    condition: Q
    after: Q | None
    wants_total: bool


def _read_query(request: APIRequest, listing: Listing) -> _Asked:
    query = request.query_params
    condition = Q()
    for name in query:
        value = query[name]
        if "\0" in value or len(value) > max(MAX_VALUE_CHARACTERS, 1000 if name == "after" else 0):
            raise _refuse(name, f"The value may have {MAX_VALUE_CHARACTERS} characters at most and no NUL.")
        if name in PARAMETERS:
            continue
        if not (name.startswith("filter[") and name.endswith("]")):
            allowed = ", ".join((*PARAMETERS, *(f"filter[{each}]" for each in listing.filters)))
            raise _refuse(name, f'Unknown parameter "{name}"; there are: {allowed}.', "request.unknown_parameter")
        condition &= _read_filter(name, value, listing)
    sort = query.get("sort", listing.default_sort)
    is_descending = sort.startswith("-")
    field_name = listing.sorts.get(sort.removeprefix("-"))
    if field_name is None:
        allowed = ", ".join(listing.sorts)
        raise _refuse(
            "sort",
            f'Cannot sort by "{sort}"; there are: {allowed}, each with or without "-".',
            "request.unknown_parameter",
        )
    after = query.get("after")
    return _Asked(
        limit=_read_limit(query.get("limit")),
        sort=sort,
        field=field_name,
        is_descending=is_descending,
        condition=condition,
        after=_read_cursor(after, sort, field_name) if after else None,
        wants_total=query.get("total") == "true",
    )


def _read_filter(name: str, value: str, listing: Listing) -> Q:
    make = listing.filters.get(name[len("filter[") : -1])
    if make is None:
        allowed = ", ".join(f"filter[{each}]" for each in listing.filters) or "none"
        raise _refuse(name, f'Unknown filter "{name}"; there are: {allowed}.', "request.unknown_parameter")
    try:
        return make(value)
    except (ValueError, ValidationError) as error:
        raise _refuse(name, str(error)) from None


def _read_limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT)) and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise _refuse("limit", f"limit is a whole number from 1 to {MAX_LIMIT}.")


def _refuse(parameter: str, message: str, code: str = "request.invalid") -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, code, message, errors=(FieldError(f"?{parameter}", code, message),))


def _cursor_after(row: Model, asked: _Asked) -> str:
    value: Any = row
    for part in asked.field.split("__"):
        value = getattr(value, part)
    value = {"at": value.isoformat()} if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([asked.sort, value, row.pk]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, sort: str, field_name: str) -> Q:
    try:
        stored_sort, value, pk = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(value, dict):
            value = datetime.fromisoformat(value["at"])
        is_usable = stored_sort == sort and isinstance(value, str | int | datetime) and isinstance(pk, str | int)
    except (binascii.Error, ValueError, TypeError, KeyError, RecursionError):
        is_usable = False
    if not is_usable:
        raise _refuse(
            "after", "after is not a cursor of this list in this order; take it from `next`.", "request.invalid_cursor"
        )
    side = "lt" if sort.startswith("-") else "gt"
    return Q(**{f"{field_name}__{side}": value}) | Q(**{field_name: value, f"pk__{side}": pk})
