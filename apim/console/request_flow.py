"""The way of a request through a version's policies, as blocks; and what one change of them makes. Pure.

Owns: which blocks stand where, which of them a narrower one replaces, and the list of policies after an act. Kinds
act in a fixed order; within a kind, policies act in the order of the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from django.utils.translation import gettext as _

from apim.catalog.operations import matches
from apim.ui.said import said
from gateway_sync.policies import ACCUMULATING, DESCRIPTIONS, KINDS

Policies = Sequence[Mapping[str, Mapping[str, Any]]]
Scope = Literal["environment", "version", "operation"]

SCOPES: Final[tuple[Scope, ...]] = ("environment", "version", "operation")


@dataclass(frozen=True, slots=True)
class Block:
    """A policy on the way. Shapes: index is its place in the version's list, -1 = inherited and not to be changed."""

    index: int
    kind: str
    scope: Scope
    settings: Mapping[str, Any]
    replaced_by: Scope | None = None
    conflict: str = ""
    has_earlier: bool = False
    has_later: bool = False

    @property
    def title(self) -> str:
        """The kind in words."""
        known = DESCRIPTIONS.get(self.kind)
        return said(known.title) if known is not None else self.kind

    @property
    def own_settings(self) -> dict[str, Any]:
        """The settings without those that every kind has."""
        return {name: value for name, value in self.settings.items() if name not in {"operations", "shadow"}}

    @property
    def operations(self) -> Sequence[str]:
        """The patterns of operations that it is for; none = all."""
        found: Sequence[str] = self.settings.get("operations") or ()
        return found

    @property
    def is_shadow(self) -> bool:
        """True when it is only counted."""
        return bool(self.settings.get("shadow"))

    @property
    def can_be_narrowed(self) -> bool:
        """True when a policy of the kind may be for some operations."""
        known = DESCRIPTIONS.get(self.kind)
        return known is not None and known.has_operations


def blocks_of(policies: Policies, inherited: Policies, operation: Mapping[str, Any] | None) -> list[Block]:
    """The blocks in the order in which they act; those of one operation when one is chosen, else all."""
    found = [Block(-1, kind, "environment", settings) for kind, settings in _pairs(inherited)]
    for index, (kind, settings) in enumerate(_pairs(policies)):
        patterns = settings.get("operations") or ()
        if operation is not None and patterns and not any(matches(pattern, operation) for pattern in patterns):
            continue
        found.append(Block(index, kind, "operation" if patterns else "version", settings))
    found.sort(key=lambda block: KINDS.index(block.kind) if block.kind in KINDS else len(KINDS))
    return [_marked(block, found, is_one=operation is not None) for block in found]


def _pairs(policies: Policies) -> list[tuple[str, Mapping[str, Any]]]:
    return [(kind, settings or {}) for policy in policies for kind, settings in policy.items()]


def _marked(block: Block, blocks: Sequence[Block], *, is_one: bool) -> Block:
    """The block with what others of its kind do to it."""
    peers = [other for other in blocks if other.kind == block.kind and other.is_shadow == block.is_shadow]
    own = [other.index for other in blocks if other.kind == block.kind and other.index >= 0]
    block = replace(
        block,
        has_earlier=block.index >= 0 and block.index != min(own),
        has_later=block.index >= 0 and block.index != max(own),
    )
    if block.kind in ACCUMULATING:
        return block
    narrower = [
        other.scope
        for other in peers
        if SCOPES.index(other.scope) > SCOPES.index(block.scope) and (is_one or other.scope == "version")
    ]
    if narrower:
        return replace(block, replaced_by=max(narrower, key=SCOPES.index))
    rivals = [other for other in peers if other.scope == block.scope == "operation" and other.index != block.index]
    if is_one and rivals:
        return replace(block, conflict=_("Another policy of this kind names the operation too: only one of them acts."))
    return block


def removed(policies: Policies, index: int) -> list[Mapping[str, Mapping[str, Any]]]:
    """The policies without one."""
    return [policy for position, policy in enumerate(policies) if position != index]


def moved(policies: Policies, index: int, operations: Sequence[str]) -> list[Mapping[str, Mapping[str, Any]]]:
    """The policies with one for these operations; none = for all of the version."""
    kind, settings = next(iter(policies[index].items()))
    kept = {name: value for name, value in (settings or {}).items() if name != "operations"}
    changed = {kind: {**kept, "operations": list(operations)} if operations else kept}
    return [changed if position == index else policy for position, policy in enumerate(policies)]


def shifted(policies: Policies, index: int, *, is_earlier: bool) -> list[Mapping[str, Mapping[str, Any]]]:
    """The policies with one before, or after, the next of its own kind; the order of kinds is fixed."""
    kind = next(iter(policies[index]))
    own = [position for position, policy in enumerate(policies) if kind in policy]
    place = own.index(index) + (-1 if is_earlier else 1)
    rows = list(policies)
    if 0 <= place < len(own):
        rows[index], rows[own[place]] = rows[own[place]], rows[index]
    return rows


def written(
    policies: Policies, index: int | None, kind: str, settings: Mapping[str, Any]
) -> list[Mapping[str, Mapping[str, Any]]]:
    """The policies with one written anew, or added at the end."""
    policy = {kind: dict(settings)}
    if index is None:
        return [*policies, policy]
    return [policy if position == index else each for position, each in enumerate(policies)]
