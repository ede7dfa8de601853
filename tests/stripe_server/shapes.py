"""The published shape of each object: the fields that the client's response types name."""

from __future__ import annotations

import functools
import typing
from typing import Any

from stripe._object_classes import OBJECT_CLASSES, get_object_class

_ABSENT = {"deleted"}  # only there when true


@functools.cache
def _annotations(kind: str) -> dict[str, Any]:
    return dict(get_object_class("V1", kind).__annotations__) if kind in OBJECT_CLASSES else {}


@functools.cache
def fields(kind: str) -> frozenset[str]:
    """Every field of an object of that kind; none for a kind without a type."""
    return frozenset(_annotations(kind)) - {"OBJECT_NAME"}


@functools.cache
def nullable(kind: str) -> tuple[str, ...]:
    """The fields that may be null."""
    return tuple(name for name, hint in _annotations(kind).items() if may_be_null(hint) and name not in _ABSENT)


def may_be_null(hint: Any) -> bool:
    """Whether a response type admits null."""
    return type(None) in typing.get_args(hint)
