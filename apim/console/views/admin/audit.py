"""The audit log: filters in the URL, before and after side by side, pages by key, and all of it as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from django.http import StreamingHttpResponse

from apim.audit.models import AuditEvent
from apim.audit.searching import csv_lines, filtered, json_lines, page_of
from apim.console.forms.admin import AuditFilterForm
from apim.console.gate import admin_page
from apim.console.pages import ROWS_A_PAGE, page

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_LONGEST_ID = 32


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
    shown = page_of(events, after=request.GET.get("after", "")[:_LONGEST_ID], rows=ROWS_A_PAGE)
    return page(
        request,
        "console/admin/audit.html",
        events=[(event, changes_of(event)) for event in shown.events],
        next_after=shown.next_after,
        is_later_page="after" in request.GET,
        filters=form,
        is_filtered=bool(request.GET.keys() - {"after"}),
    )


@admin_page
def audit_export(request: ConsoleRequest) -> HttpResponse:
    """What the filters leave, as CSV or, with ?format=jsonl, as JSON lines."""
    _, events = _asked(request)
    is_json = request.GET.get("format") == "jsonl"
    kind, name = ("application/jsonl", "audit.jsonl") if is_json else ("text/csv; charset=utf-8", "audit.csv")
    response = StreamingHttpResponse(json_lines(events) if is_json else csv_lines(events), content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return cast("HttpResponse", response)  # to the gate it is one: status and header fields


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
