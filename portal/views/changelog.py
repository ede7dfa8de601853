"""What changed of an API for callers, publication by publication: a page and an Atom feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apim.listing import labelled
from portal.changelog import Entry, entry_of, told
from portal.rendering import page
from portal.views.catalogue import callable_apis

if TYPE_CHECKING:
    from django.http import HttpRequest

    from apim.catalog.models import APIVersion

ENTRIES_A_PAGE: Final = 10
ENTRIES_A_FEED: Final = 30


def show_changelog(request: HttpRequest, api_name: str) -> HttpResponse:
    """The publications of an API's versions, the newest first; ?only=breaking narrows them."""
    api = get_object_or_404(callable_apis(request.user), name=api_name)
    versions: list[APIVersion] = api.shown_versions  # type: ignore[attr-defined]  # callable_apis adds it
    is_narrowed = request.GET.get("only") == "breaking"
    revisions = told(versions)
    if is_narrowed:
        revisions = revisions.filter(changes__0__impact="breaking")  # what breaks is kept first
    rows = Paginator(revisions, ENTRIES_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "section": "apis",
        "trail": [(_("APIs"), "/"), (api.display_name, f"/apis/{api.name}"), (_("Changelog"), "")],
        "api": api,
        "rows": rows,
        "entries": [entry_of(revision, is_narrowed=is_narrowed) for revision in rows],
        "is_narrowed": is_narrowed,
    }
    return page(request, "portal/changelog.html", context)


@require_safe
def show_feed(request: HttpRequest, api_name: str) -> HttpResponse:
    """The same as an Atom feed (RFC 4287), for readers that have no session: those of public APIs find something."""
    api = get_object_or_404(callable_apis(request.user), name=api_name)
    versions: list[APIVersion] = api.shown_versions  # type: ignore[attr-defined]  # callable_apis adds it
    changelog = request.build_absolute_uri(reverse("portal:changelog", args=[api.name]))
    feed = Atom1Feed(
        title=_("Changelog of %(api)s") % {"api": api.display_name},
        link=changelog,
        description="",
        feed_url=request.build_absolute_uri(request.path),
        author_name=str(api.organization),
    )
    for entry in map(entry_of, told(versions)[:ENTRIES_A_FEED]):
        feed.add_item(
            title=labelled(f"{api.display_name} {entry.revision.version.name}", entry.headline),
            link=changelog,
            description=_summary(entry),
            unique_id=f"{changelog}#{entry.revision.pk}",
            pubdate=entry.revision.published_at,
            updateddate=entry.revision.published_at,
        )
    return HttpResponse(feed.writeString("utf-8"), content_type=feed.content_type)


def _summary(entry: Entry) -> str:
    """The changes as a list in HTML, or the headline."""
    lines = ((change["message"],) for change in entry.changes)
    items = format_html_join("", "<li>{}</li>", lines)
    return f"<ul>{items}</ul>" if items else entry.headline
