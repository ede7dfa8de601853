"""Patterns that name operations: `GET /accounts*`, `* /accounts/{id}`. Products and policies read them alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_PATTERN = re.compile(r"([A-Z][A-Z-]{0,19}|\*) (/\S*|\*)")

EXACT, WILDCARD, WHOLE = 0, 1, 2  # how closely an operation is meant


def is_pattern(text: str) -> bool:
    """True for a method or `*`, a space, and a path."""
    return _PATTERN.fullmatch(text) is not None


def is_exact(text: str) -> bool:
    """True for a pattern that names one operation; `{*}` is a pass-through's own path."""
    return "*" not in text.replace("{*}", "")


def compile_pattern(text: str) -> re.Pattern[str]:
    """What the ids of the operations that it names match. Errors: ValueError for what is no pattern."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        message = f"{text!r} is no pattern"
        raise ValueError(message)
    return re.compile(_expression(match[1], match[2]))


def _expression(method: str, path: str) -> str:
    """The regular expression of a pattern: each * is any text. `{*}` is a pass-through's own path, taken as it is."""
    name = r"\S+" if method == "*" else re.escape(method)
    parts = re.split(r"(?<!\{)\*", path)
    return f"{name} {any_text_between([re.escape(part) for part in parts])}"


def weight_of(weights: Mapping[str, int], operation: str) -> int:
    """The weight of an operation's own name, else of the first pattern that fits it, else 1."""
    if operation in weights:
        return weights[operation]
    found = (weight for text, weight in weights.items() if compile_pattern(text).fullmatch(operation))
    return next(found, 1)


def any_text_between(parts: Sequence[str]) -> str:
    """The regular expression of parts with any text between them.

    Atomic groups: the first place of a part leaves the most for those after it, so no other place is ever tried, and
    one owner's pattern cannot stop the publishing of all.
    """
    first, *middle = parts[:-1] or parts
    rest = "".join(f"(?>.*?{part})" for part in middle)
    return first + rest + (f".*{parts[-1]}" if len(parts) > 1 else "")


class Operations:
    """The operations that a list of patterns names; without patterns all of them."""

    __slots__ = ("_exact", "_patterns", "is_whole")

    def __init__(self, texts: Sequence[str]) -> None:
        """Errors: ValueError for a text that is no pattern."""
        self.is_whole = not texts
        self._exact = frozenset(text for text in texts if is_exact(text))
        self._patterns = tuple(compile_pattern(text) for text in texts if not is_exact(text))
        for text in self._exact:
            compile_pattern(text)

    def rank(self, route_id: str) -> int | None:
        """0 when the operation is named, 1 when a wildcard names it, 2 when all are meant; None when it is not."""
        if self.is_whole:
            return WHOLE
        if route_id in self._exact:
            return EXACT
        return WILDCARD if any(pattern.fullmatch(route_id) for pattern in self._patterns) else None
