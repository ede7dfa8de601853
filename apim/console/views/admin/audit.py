"""The audit log: filters in the URL, before and after side by side, pages by key, and all of it as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from django.forms import Form
from django.http import StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext

from apim.accounts.services import actor_of
from apim.audit.chain import chain_state
from apim.audit.models import AuditEvent
from apim.audit.searching import csv_lines, every, filtered, json_lines, page_of
from apim.console.forms.admin import AuditFilterForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, page
from apim.console.views.jobs import to_job
from apim.platform.job_kinds import EVENTS_AT_ONCE, FORMATS, ask_for_audit_export
from apim.ui.forms import errors_told

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_LONGEST_ID = 32
_SHOWN = 25


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field before and after; None where there was no object."""

    name: str
    before: object
    after: object


@admin_page
def audit_list(request: ConsoleRequest) -> HttpResponse:
    """Who did what to what, the newest first."""
    form, events = _asked(request)
    shown = page_of(events, after=request.GET.get("after", "")[:_LONGEST_ID], rows=_SHOWN)
    return page(
        request,
        "console/admin/audit.html",
        events=[(event, changes_of(event)) for event in shown.events],
        next_after=shown.next_after,
        is_later_page="after" in request.GET,
        filters=form,
        chain=chain_state(),
        is_filtered=bool(request.GET.keys() - {"after"}),
    )


@admin_page
def audit_export(request: ConsoleRequest) -> HttpResponse:
    """What the filters leave, as CSV or, with ?format=jsonl, as JSON lines; of many entries, once a job has made it."""
    filters, events = _asked(request)
    form = "jsonl" if request.GET.get("format") == "jsonl" else "csv"
    if events[: EVENTS_AT_ONCE + 1].count() > EVENTS_AT_ONCE:
        return _export_later(request, filters, form)
    name, kind = FORMATS[form]
    rows = every(events)
    response = StreamingHttpResponse(json_lines(rows) if form == "jsonl" else csv_lines(rows), content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return cast("HttpResponse", response)  # to the gate it is one: status and header fields


def _export_later(request: ConsoleRequest, filters: AuditFilterForm, form: str) -> HttpResponse:
    """Asks, then has a job write the file."""
    back = f"{reverse('console:admin-audit')}?{request.GET.urlencode()}"
    confirmation = Confirmation(
        title=gettext("Write the file in the background?"),
        consequences=(
            gettext("More than %(count)d entries fit. A job writes them; you download the file from its page.")
            % {"count": EVENTS_AT_ONCE},
            gettext("Only you can have the file."),
        ),
        verb=gettext("Write the file"),
        back=back,
        done="",
        is_danger=False,
    )
    if request.method == "POST":
        by = actor_of(request.user)
        with errors_told(request):
            wanted = filters.cleaned_data if filters.is_valid() else {}
            return to_job(ask_for_audit_export(filters=wanted, form=form, by=by, user=request.user, page=back))
        return redirect("console:jobs")
    return page(request, "console/confirm.html", confirmation=confirmation, form=Form())


def changes_of(event: AuditEvent) -> list[FieldChange]:
    """The fields that differ, by name."""
    before, after = _mapping(event.before), _mapping(event.after)
    return [
        FieldChange(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _asked(request: ConsoleRequest) -> tuple[AuditFilterForm, QuerySet[AuditEvent]]:
    form = AuditFilterForm(request.GET or None)
    events: QuerySet[AuditEvent] = AuditEvent.objects.visible_to(request.user)
    return form, filtered(events, form.cleaned_data) if form.is_valid() else events


def _mapping(state: object) -> Mapping[str, object]:
    return state if isinstance(state, Mapping) else {}
