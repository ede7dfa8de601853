"""Finding in the audit log: filters, pages by key, and the whole of what was found as a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Q

from apim.audit.models import AuditEvent
from apim.audit.words import kind_named
from apim.ui import downloads

if TYPE_CHECKING:
    from django.db.models import QuerySet

COLUMNS: Final = (
    "id", "at", "actor_kind", "actor_label", "actor_id", "action", "target_kind", "target_label", "target_id",
    "organization_id", "reason", "before", "after", "number", "digest",
)  # fmt: skip
_ROWS_A_FETCH: Final = 500


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, the newest first. Shapes: next_after is the key of the page that follows, "" = there is none."""

    events: list[AuditEvent]
    next_after: str


def filtered(events: QuerySet[AuditEvent], wanted: Mapping[str, Any]) -> QuerySet[AuditEvent]:
    """The events that fit. Shapes: wanted as AuditFilterForm cleans it; what is empty does not count."""
    if wanted["actor"]:
        events = events.filter(Q(actor_label__icontains=wanted["actor"]) | Q(actor_id=wanted["actor"]))
    if wanted["action"]:
        events = events.filter(action__icontains=wanted["action"])
    if wanted["target"]:
        events = events.filter(Q(target_label__icontains=wanted["target"]) | Q(target_id=wanted["target"]))
    if wanted["kind"]:
        events = events.filter(target_kind=kind_named(wanted["kind"]))
    if wanted["since"]:
        events = events.filter(at__gte=wanted["since"])
    if wanted["until"]:
        events = events.filter(at__lt=wanted["until"] + timedelta(days=1))
    return events


def page_of(events: QuerySet[AuditEvent], *, after: str, rows: int) -> EventPage:
    """The events that follow `after`, an id; the newest when it is "". As quick on the last page as on the first."""
    rest = events.filter(id__lt=after) if after else events
    found = list(rest.order_by("-id")[: rows + 1])
    return EventPage(found[:rows], found[rows - 1].id if len(found) > rows else "")


def csv_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    """The events as CSV for spreadsheets, its head first."""
    return downloads.csv_lines(COLUMNS, (list(_row(event).values()) for event in events))


def json_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    """The events as JSON, one a line, with before and after as they are."""
    for event in events:
        row = _row(event) | {"before": event.before, "after": event.after}
        yield json.dumps(row, ensure_ascii=False) + "\n"


def every(events: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    """All of them by keys and not by a cursor: no transaction stays open while somebody downloads slowly."""
    after = ""
    while True:
        page = page_of(events, after=after, rows=_ROWS_A_FETCH)
        yield from page.events
        after = page.next_after
        if not after:
            return


def _row(event: AuditEvent) -> dict[str, str]:
    texts = {name: getattr(event, name) for name in COLUMNS if name not in {"at", "before", "after"}}
    told = {"at": event.at.isoformat(), "before": _json(event.before), "after": _json(event.after)}
    return {name: (texts | told)[name] for name in COLUMNS}


def _json(state: object) -> str:
    return "" if state is None else json.dumps(state, ensure_ascii=False, sort_keys=True)
