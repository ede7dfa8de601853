"""Texts side by side, with what the reader's language puts between them: `a, b` is `a、b` in Japanese."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import pgettext


def enumerated(parts: Iterable[object]) -> str:
    """`a, b, c`: names and short phrases."""
    return comma().join(map(str, parts))


def clauses(parts: Iterable[object]) -> str:
    """`a; b`: phrases that may have commas of their own."""
    return semicolon().join(map(str, parts))


def labelled(name: object, value: object) -> str:
    """`name: value`."""
    return f"{name}{colon()}{value}"


def comma() -> str:
    """What stands between names."""
    return pgettext("between names", ", ")


def semicolon() -> str:
    """What stands between phrases."""
    return pgettext("between phrases", "; ")


def colon() -> str:
    """What stands between a name and its value."""
    return pgettext("between a name and its value", ": ")
