"""Values that stand for a schema: its own examples, defaults and choices, else one made from its type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

JSON = Any  # a value of a JSON document

_FORMATS: Mapping[str, JSON] = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com",
    "url": "https://example.com",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "byte": "aGVsbG8=",
    "binary": "...",
    "password": "...",
}
NO_VALUE = object()
BLANK: Mapping[str, JSON] = {"array": [], "object": {}, "string": "string", "integer": 0, "number": 0, "boolean": True}


def given_value(value: Mapping[str, JSON]) -> JSON:
    """What the schema itself gives as a value; NO_VALUE when nothing."""
    if "example" in value:
        return value["example"]
    if examples := as_list(value.get("examples")):
        return examples[0]
    for word in ("const", "default"):
        if value.get(word) is not None:
            return value[word]
    choices = as_list(value.get("enum"))
    return choices[0] if choices else NO_VALUE


def scalar_value(kind: str, value: Mapping[str, JSON]) -> JSON:
    """A value of a scalar type, by its format and lower bound; None for a type that is none."""
    if kind == "string":
        return _FORMATS.get(str(value.get("format")), "string")
    if kind in {"integer", "number"}:
        least = value.get("minimum")
        return least if isinstance(least, int | float) and not isinstance(least, bool) else 1
    return {"boolean": True}.get(kind)


def first_type(value: Mapping[str, JSON]) -> str:
    """The first type that is not null, told from its other words when there is none; "" for any."""
    types = [one for one in as_list(value.get("type")) if one != "null"] or [value.get("type")]
    if isinstance(types[0], str):
        return types[0]
    return "object" if "properties" in value else "array" if "items" in value else ""


def as_list(value: JSON) -> Sequence[JSON]:
    """value when it is a list, else an empty one."""
    return value if isinstance(value, list) else []
