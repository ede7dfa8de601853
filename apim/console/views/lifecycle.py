"""Acts on a version's state: submit, return, deprecate, reinstate, retire, block, unblock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext

from apim.catalog.services import (
    block_version,
    deprecate_version,
    reinstate_version,
    retire_version,
    return_version,
    submit_version,
    unblock_version,
)
from apim.console.forms.versions import DeprecationForm, ReasonForm, ReturnForm, TypedForm
from apim.console.gate import publisher_page
from apim.console.pages import Confirmation, confirm, posted
from apim.console.scope import find_version_to_edit
from apim.usage import reports

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.catalog.models import APIVersion
    from apim.console.gate import ConsoleRequest

CALLER_SPAN = timedelta(days=7)


@publisher_page
def version_submit(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks, then hands a draft to review."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=f"Submit {row.api.name} {row.name} for review?",
        consequences=(
            "Everybody who may change the API sees that it waits for a second look.",
            "Nothing changes for callers until somebody publishes it.",
        ),
        verb=f"Submit {row.name}",
        back=_back(row),
        done=f"{row.name} is in review.",
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: submit_version(version=row, by=by))


@publisher_page
def version_return(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks what is missing, then makes a version in review a draft again."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=f"Return {row.api.name} {row.name} to draft?",
        consequences=("What you write is kept in the audit log beside your name.",),
        verb=f"Return {row.name}",
        back=_back(row),
        done=f"{row.name} is a draft again.",
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
        title=f"Deprecate {row.api.name} {row.name}",
        consequences=(
            _callers(row),
            "It goes on working. Answers carry Deprecation, Sunset and Link headers; the portal shows the dates.",
            "You can take it back until the version is retired.",
        ),
        verb=f"Deprecate {row.name}",
        back=_back(row),
        done=f"{row.name} is deprecated.",
        is_danger=False,
    )
    return confirm(request, confirmation, lambda data, by: deprecate_version(version=row, by=by, **data), form)


@publisher_page
def version_reinstate(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks, then takes a deprecation back."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=f"Take back the deprecation of {row.api.name} {row.name}?",
        consequences=("Answers no longer carry Deprecation and Sunset headers.",),
        verb="Take it back",
        back=_back(row),
        done=f"{row.name} is published again.",
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: reinstate_version(version=row, by=by))


@publisher_page
def version_retire(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks, then ends the version."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=f"Retire {row.api.name} {row.name}?",
        consequences=(
            _callers(row),
            "Every call to it is answered with 410 retired from now on.",
            gettext("This cannot be undone: a retired version stays retired."),
        ),
        verb=f"Retire {row.name}",
        back=_back(row),
        done=f"{row.name} is retired.",
    )
    form = TypedForm(posted(request), name=f"{row.api.name} {row.name}")
    return confirm(request, confirmation, lambda _, by: retire_version(version=row, by=by), form)


@publisher_page
def version_block(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks why, then stops the version at once."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=f"Block {row.api.name} {row.name} now?",
        consequences=(
            _callers(row),
            "No call reaches the upstream until you unblock it. Use this for a security fault.",
        ),
        verb=f"Block {row.name}",
        back=_back(row),
        done=f"{row.name} is blocked.",
    )
    form = ReasonForm(posted(request))
    return confirm(request, confirmation, lambda data, by: block_version(version=row, by=by, **data), form)


@publisher_page
def version_unblock(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Asks, then lets calls through again."""
    row = find_version_to_edit(request.user, api, version)
    confirmation = Confirmation(
        title=f"Unblock {row.api.name} {row.name}?",
        consequences=("Calls reach the upstream again within a second.",),
        verb=f"Unblock {row.name}",
        back=_back(row),
        done=f"{row.name} answers again.",
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: unblock_version(version=row, by=by))


def _callers(row: APIVersion) -> str:
    count = reports.calling_applications(reports.Scope(version_ids=[row.id]), reports.last(CALLER_SPAN))
    if count == 0:
        return "No application has called it in the last 7 days."
    return f"{count} application{'' if count == 1 else 's'} called it in the last 7 days."


def _back(row: APIVersion) -> str:
    return reverse("console:version", args=[row.api.name, row.name])
