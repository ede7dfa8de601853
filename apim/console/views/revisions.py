"""Revisions of a version: list, comparison, publish, roll back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext

from apim.catalog.services.deployments import rollback_target
from apim.console.comparison import compare_revisions
from apim.console.forms.versions import BreakingForm
from apim.console.gate import publisher_page
from apim.console.guide import guide_of
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.console.publication_points import checklist_of
from apim.console.replayed import replayed
from apim.console.scope import find_place, find_version_to_edit
from apim.errors import Conflict
from apim.gateways.services import default_environment
from apim.releases import release_version, roll_back_version, verdict_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.catalog.models import APIVersion, Revision
    from apim.console.gate import ConsoleRequest
    from apim.console.replayed import Replayed

SHOWN_AT_MOST = 50


@publisher_page
def revision_list(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Every saved state, the newest first, and where each runs."""
    place = find_place(request.user, api, version)
    revisions = place.version.revisions.prefetch_related("deployments__environment").defer("document")
    return page(
        request,
        "console/versions/revisions.html",
        api=place.api,
        version=place.version,
        can_edit=place.can_edit,
        rows=listing(request, revisions),
    )


@publisher_page
def revision_diff(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """What changed from one revision to another; ?from=1&to=2, by default the last two."""
    place = find_place(request.user, api, version)
    numbers = list(place.version.revisions.values_list("number", flat=True))
    newest = numbers[0] if numbers else 0
    after = _number(request, "to", newest)
    before = _number(request, "from", max(1, after - 1))
    rows = {row.number: row for row in place.version.revisions.filter(number__in=(before, after))}
    comparison = compare_revisions(rows[before], rows[after]) if {before, after} <= rows.keys() else None
    return page(
        request,
        "console/versions/diff.html",
        api=place.api,
        version=place.version,
        can_edit=place.can_edit,
        numbers=numbers,
        before=before,
        after=after,
        comparison=comparison,
    )


@publisher_page
def version_publish(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks, then sends the newest revision to the gateways; what breaks somebody who calls has to be typed."""
    row = find_version_to_edit(request.user, api, version)
    revision = row.revisions.first()
    verdict = verdict_on(version=row, revision=revision) if revision else None
    running = verdict.running if verdict else None
    must_type = verdict is not None and verdict.is_barred
    points = checklist_of(row, revision, verdict)
    is_blocked = any(point.state == "blocked" for point in points)
    confirmation = Confirmation(
        title=gettext("Publish %(api)s %(row)s?") % {"api": row.api.name, "row": row.name},
        consequences=_publish_consequences(row, revision, running),
        verb=gettext("Publish revision %(number)s") % {"number": revision.number}
        if revision and not is_blocked
        else "",
        back=reverse("console:version", args=[api, version]),
        onward=reverse("console:version-live", args=[api, version]),
        done=gettext("%(row)s is on its way to the gateways.") % {"row": row.name},
        is_danger=must_type,
        undo=_way_back(row, running, revision),
    )
    breaking = verdict.breaking if verdict else ()
    callers = verdict.callers if verdict else ()
    return confirm(
        request,
        confirmation,
        lambda data, by: release_version(version=row, by=by, revision=revision, waiver=data.get("reason", "")),
        BreakingForm(posted(request), name=f"{row.api.name} {row.name}") if must_type else None,
        template="console/versions/publish.html",
        api=row.api,
        version=row,
        points=points,
        guide=guide_of(row, current="version-publish"),
        skipped=verdict.comparison.skipped if verdict else (),
        changes=breaking[:SHOWN_AT_MOST],
        left_out=max(0, len(breaking) - SHOWN_AT_MOST),
        callers=callers[:SHOWN_AT_MOST],
        caller_count=len(callers),
        anonymous=verdict.anonymous if verdict else None,
        new_version=reverse("console:version-new", args=[api]),
        replayed=_replayed(running, revision),
    )


@publisher_page
def version_rollback(request: ConsoleRequest, api: str, version: str, number: int) -> HttpResponse:
    """Asks, then makes an earlier revision run again."""
    row = find_version_to_edit(request.user, api, version)
    target = get_object_or_404(row.revisions, number=number)
    try:
        rollback_target(version=row, to_number=number, environment=default_environment())
    except Conflict as refusal:
        return _impossible(request, row, refusal)
    running = _running(row)
    changes = compare_revisions(running, target).sentences if running else ()
    verdict = verdict_on(version=row, revision=target) if target.published_at is None else None  # it never ran
    must_type = verdict is not None and verdict.is_barred
    broken = (verdict.refusal().message,) if verdict is not None and must_type else ()
    confirmation = Confirmation(
        title=gettext("Run revision %(number)s of %(api)s %(row)s again?")
        % {"number": number, "api": row.api.name, "row": row.name},
        consequences=(
            gettext("Revision %(number)s stops running.") % {"number": running.number}
            if running
            else gettext("No revision runs now."),
            *changes,
            *broken,
            gettext("Revisions made since stay in the list; any of them can be run again."),
        ),
        verb=gettext("Roll back to revision %(number)s") % {"number": number},
        back=reverse("console:version-revisions", args=[api, version]),
        done=gettext("Revision %(number)s is on its way to the gateways.") % {"number": number},
        undo=_way_back(row, running, target),
    )
    return confirm(
        request,
        confirmation,
        lambda data, by: roll_back_version(version=row, to_number=number, by=by, waiver=data.get("reason", "")),
        BreakingForm(posted(request), name=f"{row.api.name} {row.name}") if must_type else None,
        template="console/versions/rollback.html",
        replayed=_replayed(running, target),
    )


def _impossible(request: ConsoleRequest, row: APIVersion, refusal: Conflict) -> HttpResponse:
    """The page of a way back that leads nowhere: why, and no button; 409 for who sends it nevertheless."""
    confirmation = Confirmation(
        title=gettext("This cannot be done"),
        consequences=tuple(filter(None, (refusal.message, refusal.hint))),
        verb="",
        back=reverse("console:version-revisions", args=[row.api.name, row.name]),
        done="",
    )
    response = page(request, "console/confirm.html", confirmation=confirmation)
    response.status_code = 409 if request.method == "POST" else 200
    return response


def _way_back(row: APIVersion, running: Revision | None, revision: Revision | None) -> str:
    """The page that makes what runs now run again, once revision took its place; "" where nothing would change."""
    if running is None or revision is None or running.pk == revision.pk:
        return ""
    return reverse("console:version-rollback", args=[row.api.name, row.name, running.number])


def _replayed(running: Revision | None, revision: Revision | None) -> Replayed | None:
    """The last calls under the revision; None where it would change nothing."""
    if running is None or revision is None or running.pk == revision.pk:
        return None
    return replayed(default_environment(), revision)


def _publish_consequences(row: APIVersion, revision: Revision | None, running: Revision | None) -> tuple[str, ...]:
    if revision is None:
        return (gettext("There is no revision yet: import a document or add an operation first."),)
    if running is None:
        return (
            gettext("Callers reach it at /%(api)s/%(row)s/ with a key of a product that holds it.")
            % {"api": row.api.name, "row": row.name},
        )
    if running.number == revision.number:
        return (gettext("Revision %(number)s runs already; it is sent once more.") % {"number": revision.number},)
    return (
        gettext("Revision %(number)s runs now; revision %(number2)s takes its place, without a failed request.")
        % {"number": running.number, "number2": revision.number},
        *compare_revisions(running, revision).sentences,
    )


def _running(row: APIVersion) -> Revision | None:
    deployment = row.deployments.select_related("revision").first()
    return deployment.revision if deployment else None


def _number(request: ConsoleRequest, name: str, default: int) -> int:
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else default
