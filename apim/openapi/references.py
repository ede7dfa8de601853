"""References: where a `$ref` within a document leads."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

_DIGITS_AT_MOST = 9


def resolve_pointer(data: object, reference: str) -> tuple[bool, object]:
    """(True, value) for a reference within the document such as `#/components/schemas/Pet`; else (False, None)."""
    if not reference.startswith("#"):
        return False, None
    value = data
    for step in reference[1:].split("/")[1:]:
        name = unescape(step)
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, Mapping) and is_index(name) and int(name) in value:
            value = value[int(name)]  # YAML reads `200:` as a number
        elif isinstance(value, list) and is_index(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return False, None
    return True, value


def unescape(step: str) -> str:
    """The key that a step of a pointer names (RFC 6901, in a URI fragment)."""
    if "%" in step:
        step = unquote(step)
    return step.replace("~1", "/").replace("~0", "~")


def is_index(step: str) -> bool:
    """True for a number that Python reads: not `²`, and not one of thousands of digits."""
    return len(step) <= _DIGITS_AT_MOST and step.isascii() and step.isdecimal()
