"""References: where a `$ref` within a document leads, and those that lead nowhere or outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from apim.catalog.faults import Fault
from apim.catalog.operations import clean_text
from apim.catalog.positions import Pointer


def resolve_pointer(data: object, reference: str) -> tuple[bool, object]:
    """(True, value) for a reference within the document such as `#/components/schemas/Pet`; else (False, None)."""
    if not reference.startswith("#"):
        return False, None
    value = data
    for step in reference[1:].split("/")[1:]:
        name = _unescape(step)
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, Mapping) and name.isdigit() and int(name) in value:
            value = value[int(name)]  # YAML reads `200:` as a number
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return False, None
    return True, value


def _unescape(step: str) -> str:
    if "%" in step:
        step = unquote(step)
    return step.replace("~1", "/").replace("~0", "~")


def reference_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    """References to other files, and within the document to nothing. Iterative: a document may be deep."""
    stack: list[tuple[Pointer, object]] = [((), data)]
    while stack:
        pointer, value = stack.pop()
        if isinstance(value, Mapping):
            reference = value.get("$ref")
            if isinstance(reference, str) and "example" not in pointer and "examples" not in pointer[:-1]:
                yield from _judge_reference(data, reference, (*pointer, "$ref"))
            stack += [
                ((*pointer, str(name)), one)
                for name, one in reversed(list(value.items()))
                if isinstance(one, dict | list)
            ]
        elif isinstance(value, list):
            stack += [((*pointer, str(n)), one) for n, one in enumerate(value) if isinstance(one, dict | list)]


def _judge_reference(data: Mapping[str, Any], reference: str, pointer: Pointer) -> Iterator[Fault]:
    if not reference.startswith("#"):
        hint = "Bundle the files into one document first, for example with `redocly bundle`."
        yield Fault(pointer, f"`{clean_text(reference)}` is outside this document and is not fetched.", "error", hint)
    elif reference.startswith("#/") and not reference.startswith("#/paths") and not resolve_pointer(data, reference)[0]:
        yield Fault(pointer, f"`{clean_text(reference)}` leads nowhere.", "warning")
