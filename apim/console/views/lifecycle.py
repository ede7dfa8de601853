"""Acts on a version's state: submit, return, deprecate, reinstate, retire, block, unblock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext, ngettext

from apim.catalog.services import (
    block_version,
    deprecate_version,
    reinstate_version,
    retire_version,
    return_version,
    submit_version,
    unblock_version,
)
from apim.console.forms.versions import DeprecationForm, ReasonForm, ReturnForm
from apim.console.gate import publisher_page
from apim.console.pages import Confirmation, confirm, posted
from apim.console.scope import find_version_to_edit
from apim.ui.typed import TypedForm
from apim.usage import reports
from apim.usage.callers import callers_of_version

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.catalog.models import APIVersion
    from apim.console.gate import ConsoleRequest

CALLER_SPAN = timedelta(days=7)
_NAMED = 10  # of those who called, the ones with the most calls


@publisher_page
def version_submit(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks, then hands a draft to review."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=gettext("Submit %(api)s %(row)s for review?") % {"api": row.api.name, "row": row.name},
        consequences=(
            gettext("Everybody who may change the API sees that it waits for a second look."),
            gettext("Nothing changes for callers until somebody publishes it."),
        ),
        verb=gettext("Submit %(row)s") % {"row": row.name},
        back=_back(row),
        done=gettext("%(row)s is in review.") % {"row": row.name},
        undo=_page(row, "return"),
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: submit_version(version=row, by=by))


@publisher_page
def version_return(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks what is missing, then makes a version in review a draft again."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=gettext("Return %(api)s %(row)s to draft?") % {"api": row.api.name, "row": row.name},
        consequences=(gettext("What you write is kept in the audit log beside your name."),),
        verb=gettext("Return %(row)s") % {"row": row.name},
        back=_back(row),
        done=gettext("%(row)s is a draft again.") % {"row": row.name},
        is_danger=False,
    )
    form = ReturnForm(posted(request))
    return confirm(request, confirmation, lambda data, by: return_version(version=row, by=by, **data), form)


@publisher_page
def version_deprecate(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks for the dates and the successor, then tells callers in each answer."""
    row = find_version_to_edit(request.user, api, version)
    form = DeprecationForm(posted(request), version=row)
    confirmation = Confirmation(
        title=gettext("Deprecate %(api)s %(row)s") % {"api": row.api.name, "row": row.name},
        consequences=(
            *_callers(row),
            gettext(
                "It goes on working. Answers carry Deprecation, Sunset and Link headers; the portal shows the dates."
            ),
            gettext("You can take it back until the version is retired."),
        ),
        verb=gettext("Deprecate %(row)s") % {"row": row.name},
        back=_back(row),
        done=gettext("%(row)s is deprecated.") % {"row": row.name},
        undo=_page(row, "reinstate"),
        is_danger=False,
    )
    return confirm(request, confirmation, lambda data, by: deprecate_version(version=row, by=by, **data), form)


@publisher_page
def version_reinstate(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks, then takes a deprecation back."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=gettext("Take back the deprecation of %(api)s %(row)s?") % {"api": row.api.name, "row": row.name},
        consequences=(gettext("Answers no longer carry Deprecation and Sunset headers."),),
        verb=gettext("Take it back"),
        back=_back(row),
        done=gettext("%(row)s is published again.") % {"row": row.name},
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: reinstate_version(version=row, by=by))


@publisher_page
def version_retire(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks, then ends the version."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=gettext("Retire %(api)s %(row)s?") % {"api": row.api.name, "row": row.name},
        consequences=(
            *_callers(row),
            gettext("Every call to it is answered with 410 retired from now on."),
            gettext("This cannot be undone: a retired version stays retired."),
        ),
        verb=gettext("Retire %(row)s") % {"row": row.name},
        back=_back(row),
        done=gettext("%(row)s is retired.") % {"row": row.name},
    )
    form = TypedForm(posted(request), name=f"{row.api.name} {row.name}")
    return confirm(request, confirmation, lambda _, by: retire_version(version=row, by=by), form)


@publisher_page
def version_block(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks why, then stops the version at once."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=gettext("Block %(api)s %(row)s now?") % {"api": row.api.name, "row": row.name},
        consequences=(
            *_callers(row),
            gettext("No call reaches the upstream until you unblock it. Use this for a security fault."),
        ),
        verb=gettext("Block %(row)s") % {"row": row.name},
        back=_back(row),
        done=gettext("%(row)s is blocked.") % {"row": row.name},
        undo=_page(row, "unblock"),
    )
    form = ReasonForm(posted(request))
    return confirm(request, confirmation, lambda data, by: block_version(version=row, by=by, **data), form)


@publisher_page
def version_unblock(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks, then lets calls through again."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=gettext("Unblock %(api)s %(row)s?") % {"api": row.api.name, "row": row.name},
        consequences=(gettext("Calls reach the upstream again within a second."),),
        verb=gettext("Unblock %(row)s") % {"row": row.name},
        back=_back(row),
        done=gettext("%(row)s answers again.") % {"row": row.name},
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: unblock_version(version=row, by=by))


def _callers(row: APIVersion) -> tuple[str, ...]:
    """Who called it in the last 7 days: how many, and by name with their calls those who called most."""
    told = callers_of_version(row.pk, reports.last(CALLER_SPAN))
    count = len(told.callers)
    if count == 0 and not told.anonymous:
        return (gettext("No application has called it in the last 7 days."),)
    text = ngettext(
        "%(count)d application called it in the last 7 days.",
        "%(count)d applications called it in the last 7 days.",
        count,
    )
    sentences = [text % {"count": count}] if count else []
    for application, calls in told.callers[:_NAMED]:
        words = {"application": application, "organization": application.organization, "calls": f"{calls:,}"}
        named = ngettext(
            "%(application)s of %(organization)s: %(calls)s call.",
            "%(application)s of %(organization)s: %(calls)s calls.",
            calls,
        )
        sentences.append(named % words)
    if count > _NAMED:
        rest = ngettext("and %(count)d more application.", "and %(count)d more applications.", count - _NAMED)
        sentences.append(rest % {"count": count - _NAMED})
    if told.anonymous:
        nameless = ngettext(
            "%(calls)s call without a known key.", "%(calls)s calls without a known key.", told.anonymous
        )
        sentences.append(nameless % {"calls": f"{told.anonymous:,}"})
    return tuple(sentences)


def _page(row: APIVersion, act: str) -> str:
    return reverse(f"console:version-{act}", args=[row.api.name, row.name])


def _back(row: APIVersion) -> str:
    return reverse("console:version", args=[row.api.name, row.name])
