"""What changed of an API for callers, publication by publication."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q
from django.shortcuts import get_object_or_404

from apim.catalog.models import APIVersion, Revision
from portal.rendering import page
from portal.views.catalogue import callable_apis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

ENTRIES_A_PAGE: Final = 10
CHANGES_AN_ENTRY: Final = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """A publication. Shapes: changes as Revision.changes, those of words alone left out; against = another version."""

    revision: Revision
    against: str
    changes: list[Mapping[str, Any]]
    left_out: int
    words: int

    @property
    def is_breaking(self) -> bool:
        """True when it breaks callers of what it takes the place of."""
        return any(change["impact"] == "breaking" for change in self.changes)


def show_changelog(request: HttpRequest, api_name: str) -> HttpResponse:
    """The publications of an API's versions, the newest first; ?only=breaking narrows them."""
    api = get_object_or_404(callable_apis(request.user), name=api_name)
    versions: list[APIVersion] = api.shown_versions  # type: ignore[attr-defined]  # callable_apis adds it
    is_narrowed = request.GET.get("only") == "breaking"
    revisions = _told(versions)
    if is_narrowed:
        revisions = revisions.filter(changes__0__impact="breaking")  # what breaks is kept first
    rows = Paginator(revisions, ENTRIES_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "section": "apis",
        "trail": [("APIs", "/"), (api.display_name, f"/apis/{api.name}"), ("Changelog", "")],
        "api": api,
        "rows": rows,
        "entries": [_entry(revision, is_narrowed=is_narrowed) for revision in rows],
        "is_narrowed": is_narrowed,
    }
    return page(request, "portal/changelog.html", context)


def _told(versions: list[APIVersion]) -> QuerySet[Revision]:
    """Publications that callers notice: the first of each version, and those that change its contract."""
    earlier = Revision.objects.filter(version=OuterRef("version"), published_at__lt=OuterRef("published_at"))
    published = Revision.objects.filter(version__in=versions, published_at__isnull=False)
    changed = Q(changes__isnull=False) & ~Q(changes=[])
    told = published.filter(changed | ~Q(Exists(earlier)))
    return (
        told.select_related("version", "compared_with__version")
        .only("number", "published_at", "changes", "version__name", "compared_with__version__name")
        .order_by("-published_at", "-number")
    )


def _entry(revision: Revision, *, is_narrowed: bool) -> Entry:
    changes: list[Mapping[str, Any]] = revision.changes or []
    noticed = [change for change in changes if change["impact"] != "text"]
    shown = [change for change in noticed if change["impact"] == "breaking"] if is_narrowed else noticed
    before = revision.compared_with.version.name if revision.compared_with else ""
    return Entry(
        revision=revision,
        against="" if before == revision.version.name else before,
        changes=shown[:CHANGES_AN_ENTRY],
        left_out=max(0, len(shown) - CHANGES_AN_ENTRY),
        words=len(changes) - len(noticed),
    )
