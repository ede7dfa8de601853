"""Values of a document: places, readers that pass over a wrong type, and how much work a value is.

Total: a value of a wrong type counts as absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from apim.openapi.positions import Pointer
from apim.openapi.references import unescape

# Where something stands, as a chain from the inside out: a tuple for each of a million nested values would not fit.
Place = tuple[Any, str] | None
Node = Mapping[str, Any]

NAME_AT_MOST: Final = 1000  # a longer one would be written into the place of all that is within
_CHARACTERS_A_UNIT: Final = 256


def weight_of(value: Node) -> int:
    """The units of work that looking at a mapping once takes: its entries, theirs, and long texts."""
    return 1 + len(value) + sum(map(_weight, value.values()))


def _weight(value: object) -> int:
    if isinstance(value, str):
        return len(value) // _CHARACTERS_A_UNIT
    return len(value) if isinstance(value, dict | list) else 0


def is_short(name: object) -> bool:
    """True for a name that places may hold."""
    return not isinstance(name, str) or len(name) <= NAME_AT_MOST


def pointer_of(at: Place) -> Pointer:
    """The place from the outside in."""
    steps = []
    while at is not None:
        at, step = at
        steps.append(step)
    return tuple(reversed(steps))


def place_of(reference: str) -> Place:
    """The place that a reference within the document names."""
    at: Place = None
    for step in reference.removeprefix("#").split("/")[1:]:
        at = (at, unescape(step))
    return at


def place_text(at: Place) -> str:
    """The last two steps of a place that has two, as a pointer; "" for any other."""
    return f"/{at[0][1]}/{at[1]}" if at is not None and at[0] is not None and at[0][0] is None else ""


def node(value: object) -> Node:
    """value when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> list[Any]:
    """value when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """value without space around it when it is a text, else ""."""
    return value.strip() if isinstance(value, str) else ""


def texts(value: object) -> list[str]:
    """The texts in value when it is a list."""
    return [each for each in sequence(value) if isinstance(each, str)]


def same(value: object) -> str:
    """A text that equal values share, whatever their length; one for all that are nested too deep to be written."""
    try:
        return json.dumps(value, sort_keys=True, default=str)
    except (RecursionError, TypeError):  # TypeError: keys of YAML that cannot be sorted
        return "..."


def written(value: object, at_most: int = 80) -> str:
    """value as a text of one line for people."""
    try:
        found = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, TypeError):
        return "..."
    return found if len(found) <= at_most else f"{found[: at_most - 3]}..."
