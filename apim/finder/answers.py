"""What words find, as values: a group of hits each for places, things and acts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from apim.catalog.searching import fold


@dataclass(frozen=True, slots=True)
class Hit:
    """Something to open or to do.

    Shapes: detail says where it is or whose, "" = nothing to say; fields are posted to url when is_posted, where an
    empty "next" is the page to come back to; key is the letter that leads there after g, "" = none.
    """

    label: str
    url: str
    icon: str
    detail: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    is_posted: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Hits under a heading. Shapes: name is the heading's id in the page, title what it says."""

    name: str
    title: str
    hits: tuple[Hit, ...]


def words_of(text: str) -> tuple[str, ...]:
    """The words of a search as they are compared."""
    return tuple(fold(text).split())


def fitting(hits: Collection[Hit], words: Collection[str]) -> tuple[Hit, ...]:
    """The hits that have each word in their label or detail, those that begin with the first word before others."""
    if not words:
        return tuple(hits)
    first = next(iter(words))
    found = [hit for hit in hits if all(word in fold(f"{hit.label} {hit.detail}") for word in words)]
    return tuple(sorted(found, key=lambda hit: not fold(hit.label).startswith(first)))
