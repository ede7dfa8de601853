"""The audit log: filters in the URL, before and after side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from apim.audit.models import AuditEvent
from apim.console.forms.admin import AuditFilterForm
from apim.console.gate import admin_page
from apim.console.pages import listing, page

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field before and after; None where there was no object."""

    name: str
    before: object
    after: object


@admin_page
def audit_list(request: ConsoleRequest) -> HttpResponse:
    """Who did what to what, the newest first."""
    form = AuditFilterForm(request.GET or None)
    events: QuerySet[AuditEvent] = AuditEvent.objects.all()
    if form.is_valid():
        events = _filtered(events, form.cleaned_data)
    rows = listing(request, events)
    return page(
        request,
        "console/admin/audit.html",
        rows=rows,
        events=[(event, changes_of(event)) for event in rows],
        filters=form,
        is_filtered=bool(request.GET.keys() - {"page"}),
    )


def changes_of(event: AuditEvent) -> list[FieldChange]:
    """The fields that differ, by name."""
    before, after = _mapping(event.before), _mapping(event.after)
    return [
        FieldChange(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _mapping(state: object) -> Mapping[str, object]:
    return state if isinstance(state, Mapping) else {}


def _filtered(events: QuerySet[AuditEvent], wanted: Mapping[str, Any]) -> QuerySet[AuditEvent]:
    if wanted["actor"]:
        events = events.filter(Q(actor_label__icontains=wanted["actor"]) | Q(actor_id=wanted["actor"]))
    if wanted["action"]:
        events = events.filter(action__icontains=wanted["action"])
    if wanted["target"]:
        events = events.filter(Q(target_label__icontains=wanted["target"]) | Q(target_id=wanted["target"]))
    if wanted["since"]:
        events = events.filter(at__gte=wanted["since"])
    if wanted["until"]:
        events = events.filter(at__lt=wanted["until"] + timedelta(days=1))
    return events
