"""References that lead nowhere or outside of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from apim.catalog.faults import Fault
from apim.catalog.operations import clean_text
from apim.openapi.positions import Pointer
from apim.openapi.references import resolve_pointer


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
