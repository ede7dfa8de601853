"""Names for URLs, made from what people write. Pure."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from django.utils.text import slugify

if TYPE_CHECKING:
    from collections.abc import Collection

_LONGEST = 60


def free_name(display_name: str, taken: Collection[str]) -> str:
    """`My first app` as my-first-app, with a number when that is taken."""
    stem = slugify(display_name)[: _LONGEST - 5].strip("-_") or "app"
    if stem not in taken:
        return stem
    return next(name for number in count(2) if (name := f"{stem}-{number}") not in taken)
