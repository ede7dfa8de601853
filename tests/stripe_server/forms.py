"""Form-encoded parameters in bracket notation. Source: docs.stripe.com/api (form-encoded request bodies)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from tests.stripe_server.errors import invalid

_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")


def parse(text: str) -> dict[str, Any]:
    """Nested dicts; lists stay dicts with the keys "0", "1", ... until a type says that they are lists."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, strict_parsing=False):
        matched = _NAME.match(name)
        if matched is None:
            raise invalid(f"Invalid request (check that the parameter name is well-formed): {name}")
        path = [matched[1], *_PART.findall(matched[2])]
        _put(found, path, value, name)
    return found


def _put(into: dict[str, Any], path: list[str], value: str, name: str) -> None:
    here = into
    for part in path[:-1]:
        inner = here.setdefault(_key(here, part), {})
        if not isinstance(inner, dict):
            raise invalid(f"Invalid parameter: {name} is given as a value and as a hash.", param=name)
        here = inner
    here[_key(here, path[-1])] = value


def _key(here: dict[str, Any], part: str) -> str:
    return part or str(len(here))


def label(path: tuple[str, ...]) -> str:
    """`("items", "0", "price")` as Stripe names it: `items[0][price]`."""
    return path[0] + "".join(f"[{part}]" for part in path[1:]) if path else ""
