"""Reference: a contract as pages show it. Pure: the same text gives the same reference.

The outline of all operations is cheap; what one operation says in full is built when it is asked for, since a document
may hold thousands of them and schemas that name each other without end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apim.catalog.openapi import Document, read_contract
from apim.catalog.operation_details import Answer, Body, Content, DetailReader, Entry, OperationDetail, Parameter
from apim.catalog.operations import Operation, operation_name
from apim.catalog.samples import samples_for

# What pages need of a contract, in one place.
__all__ = [
    "Answer",
    "Body",
    "Content",
    "Entry",
    "Group",
    "OperationDetail",
    "Parameter",
    "Reference",
    "build_reference",
    "outline_reference",
    "reference_of",
    "samples_for",
]

_UNTAGGED = "Operations"


@dataclass(frozen=True, slots=True)
class Group:
    """The operations of one tag, in the document's order."""

    name: str
    anchor: str
    description: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A contract. `detail` reads one operation in full."""

    title: str
    version: str
    description: str
    groups: tuple[Group, ...]
    data: Mapping[str, Any] = field(repr=False, default_factory=dict)

    def entry(self, anchor: str) -> Entry | None:
        """The operation with this anchor."""
        return next((entry for group in self.groups for entry in group.entries if entry.anchor == anchor), None)

    def detail(self, entry: Entry) -> OperationDetail:
        """What the contract says of one operation."""
        return DetailReader(self.data).detail(entry)


def build_reference(document_text: str) -> Reference:
    """The reference of a document; an empty one for a text that cannot be read."""
    return reference_of(read_contract(document_text))


def reference_of(document: Document) -> Reference:
    """The reference of a document that was read."""
    info = document.data.get("info")
    version = info.get("version") if isinstance(info, Mapping) else None
    return Reference(
        title=document.title,
        version=str(version or ""),
        description=document.description,
        groups=_groups(document.operations, document.data.get("tags")),
        data=document.data,
    )


def outline_reference(title: str, operations: Sequence[Operation]) -> Reference:
    """The reference of a version without a document, from its operations alone."""
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one["path"], {})[one["method"].lower()] = {"summary": one["summary"]}
    return Reference(title=title, version="", description="", groups=_groups(operations, None), data={"paths": paths})


def _groups(operations: Sequence[Operation], tags: object) -> tuple[Group, ...]:
    """Operations by their first tag: declared tags first, in their order, then others as they come."""
    described = {
        str(tag["name"]): str(tag.get("description") or "")
        for tag in (tags if isinstance(tags, list) else ())
        if isinstance(tag, Mapping) and tag.get("name")
    }
    grouped: dict[str, list[Entry]] = {name: [] for name in described}
    anchors: set[str] = set()
    for operation in operations:
        name = operation["tags"][0] if operation["tags"] else _UNTAGGED
        anchor = _anchor(operation["operation_id"] or operation_name(operation), anchors)
        grouped.setdefault(name, []).append(
            Entry(anchor, operation["method"], operation["path"], operation["summary"], operation["deprecated"])
        )
    group_anchors: set[str] = set()
    return tuple(
        Group(name, _anchor(f"tag-{name}", group_anchors), described.get(name, ""), tuple(entries))
        for name, entries in grouped.items()
        if entries
    )


def _anchor(text: str, taken: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-") or "operation"
    anchor, number = plain, 2
    while anchor in taken:
        anchor, number = f"{plain}-{number}", number + 1
    taken.add(anchor)
    return anchor
