"""JSON fields of rows as values of one type.

They hold what services checked. Should one hold anything else, it becomes a value that the compiler refuses with a
Problem on the object, instead of an error that would stop everybody's publishing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def mapping(value: object) -> Mapping[str, Any]:
    """The object; empty for anything else."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> Iterable[Mapping[str, Any]]:
    """The objects of a list; nothing for anything else."""
    return (mapping(element) for element in value) if isinstance(value, list) else ()


def text(value: object) -> str:
    """The text; "" for anything else."""
    return value if isinstance(value, str) else ""


def texts(value: object) -> tuple[str, ...]:
    """The texts of a list; nothing for anything else."""
    return tuple(text(element) for element in value) if isinstance(value, list) else ()


def whole(value: object) -> int:
    """The whole number; -1, which no setting allows, for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
