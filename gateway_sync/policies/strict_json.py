"""JSON that every reader reads alike: UTF-8, no NaN, no name twice in an object (RFC 8259 section 4).

Of two members of one name some readers take the first and some the last; what is checked here must be what is used
there.
"""

from __future__ import annotations

import json
from typing import NoReturn


def read_json(content: str | bytes) -> object:
    """The value.

    Errors: ValueError, with the reason, when it is not such JSON or nested too deeply.
    """
    text = content if isinstance(content, str) else content.decode()
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except RecursionError:
        message = "it is nested too deeply"
        raise ValueError(message) from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        message = f'the member "{doubled}" is there twice'
        raise ValueError(message)
    return found


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is no JSON number"
    raise ValueError(message)
