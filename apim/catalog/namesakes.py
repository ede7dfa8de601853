"""APIs that people see by one name, told apart by the name that each has alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from apim.catalog.models import API


def told_apart(apis: Iterable[API]) -> list[API]:
    """The APIs of a list or a choice, each with shown_name: its display name, with its name where others share that."""
    found = list(apis)
    namesakes: defaultdict[str, set[str]] = defaultdict(set)
    for api in found:
        namesakes[_as_read(api)].add(api.name)
    for api in found:
        is_alone = len(namesakes[_as_read(api)]) == 1
        api.shown_name = api.display_name if is_alone else f"{api.display_name} ({api.name})"  # type: ignore[attr-defined]
    return found


def _as_read(api: API) -> str:
    """Nobody tells names apart by capitals or blanks."""
    return " ".join(api.display_name.split()).casefold()
