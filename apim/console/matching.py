"""What a product's patterns match, before and after it is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F, OuterRef, Subquery

from apim.catalog.models import APIVersion, Revision
from apim.catalog.operations import matches


@dataclass(frozen=True, slots=True)
class Preview:
    """A version in a product: what its patterns match of its newest revision.

    Shapes: idle holds the patterns that match nothing; is_whole when there are no patterns.
    """

    version: APIVersion
    patterns: Sequence[str]
    matched: Sequence[Mapping[str, object]]
    total: int
    idle: Sequence[str]
    passthrough: Mapping[str, object] | None

    @property
    def is_whole(self) -> bool:
        """True when every operation belongs to the product, later ones included."""
        return not self.patterns


def previews_of(items: Sequence[tuple[APIVersion, Sequence[str]]]) -> list[Preview]:
    """A preview for each item; one query."""
    newest = Subquery(Revision.objects.filter(version=OuterRef("version")).order_by("-number").values("number")[:1])
    rows = Revision.objects.filter(version__in=[version for version, _ in items])
    rows = rows.annotate(newest=newest).filter(number=F("newest")).only("version", "operations", "passthrough")
    revisions = {row.version_id: row for row in rows}
    return [_preview(version, patterns, revisions.get(version.id)) for version, patterns in items]


def _preview(version: APIVersion, patterns: Sequence[str], revision: Revision | None) -> Preview:
    operations = revision.operations if revision else []
    return Preview(
        version=version,
        patterns=patterns,
        matched=[each for each in operations if not patterns or any(matches(pattern, each) for pattern in patterns)],
        total=len(operations),
        idle=[pattern for pattern in patterns if not any(matches(pattern, each) for each in operations)],
        passthrough=revision.passthrough if revision else None,
    )
