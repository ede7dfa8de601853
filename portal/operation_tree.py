"""The operations of a version as readers look for them: by tag, by words. Pure; thousands of operations are normal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.text import slugify

from apim.catalog.searching import is_found_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from apim.catalog.models import APIVersion

UNTAGGED = "Operations"
SHOWN_AT_ONCE = 150
_SEARCHED = ("method", "path", "summary", "operation_id")


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation and its page."""

    method: str
    path: str
    summary: str
    is_deprecated: bool
    url: str


@dataclass(frozen=True, slots=True)
class Group:
    """The operations of one tag, in the document's order."""

    tag: str
    anchor: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """What one page shows of the operations.

    Shapes: groups are all tags; open_tag is the one listed when the whole does not fit a page, "" when all are listed.
    """

    groups: tuple[Group, ...]
    open_tag: str
    total: int

    @property
    def listed(self) -> tuple[Group, ...]:
        """The groups whose operations the page lists."""
        return tuple(group for group in self.groups if not self.open_tag or group.tag == self.open_tag)


def build_tree(version: APIVersion, operations: Sequence[Mapping[str, Any]], wanted_tag: str = "") -> Tree:
    """All groups; with the wanted (or first) one open when there are too many operations for one page."""
    by_tag: dict[str, list[Entry]] = {}
    for operation in operations:
        entry = _entry(version, operation)
        for tag in operation.get("tags") or (UNTAGGED,):
            by_tag.setdefault(tag, []).append(entry)
    groups = tuple(
        Group(tag, slugify(tag, allow_unicode=True) or "operations", tuple(entries)) for tag, entries in by_tag.items()
    )
    if len(operations) <= SHOWN_AT_ONCE or not groups:
        return Tree(groups, "", len(operations))
    return Tree(groups, wanted_tag if wanted_tag in by_tag else groups[0].tag, len(operations))


def find_entries(version: APIVersion, operations: Sequence[Mapping[str, Any]], words: str) -> list[Entry]:
    """The operations in whose method, path, summary or id all words occur; at most a page of them.

    Words in Japanese, Korean and Chinese are found as in the catalogue.
    """
    found = []
    for operation in operations:
        if is_found_in(" ".join(str(operation.get(part, "")) for part in _SEARCHED), words):
            found.append(_entry(version, operation))
            if len(found) == SHOWN_AT_ONCE:
                break
    return found


def find_operation(operations: Sequence[Mapping[str, Any]], method: str, path: str) -> Mapping[str, Any] | None:
    """The operation with this method and path template."""
    return next((each for each in operations if each["method"] == method and each["path"] == path), None)


def operation_url(version: APIVersion, method: str, path: str) -> str:
    """The page of an operation: its method and path template, after the reference's own address."""
    return reverse("portal:operation", args=[version.api.name, version.name, method.lower(), path])


def _entry(version: APIVersion, operation: Mapping[str, Any]) -> Entry:
    return Entry(
        method=operation["method"],
        path=operation["path"],
        summary=operation.get("summary", ""),
        is_deprecated=bool(operation.get("deprecated")),
        url=operation_url(version, operation["method"], operation["path"]),
    )
