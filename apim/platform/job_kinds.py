"""Promotions of many things, exports of a long audit log and its check, as jobs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import date
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import User
from apim.audit import chain
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.audit.searching import csv_lines, filtered, json_lines, page_of
from apim.errors import Forbidden
from apim.gateways.models import Environment
from apim.jobs.kinds import JobKind, declare
from apim.jobs.models import Job
from apim.jobs.services import ask
from apim.jobs.work import Work
from apim.platform.models import Promotion
from apim.platform.promotion import promote

PROMOTION: Final = "promotion"
AUDIT_EXPORT: Final = "audit-export"
AUDIT_CHECK: Final = "audit-check"
ITEMS_AT_ONCE: Final = 20  # a version takes some hundredths of a second
EVENTS_AT_ONCE: Final = 20_000
FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "csv": ("audit.csv", "text/csv; charset=utf-8"),
    "jsonl": ("audit.jsonl", "application/jsonl"),
}
_AUDIT_LOG: Final = gettext_noop("Audit log")
_MOVING: Final = gettext_noop("Its items are set in the other environment, one by one.")
_WRITING: Final = gettext_noop("Entries are written to the file, the newest first.")
_CHECKING: Final = gettext_noop("Each entry is read, the oldest first.")
_EVENTS_A_PART: Final = 2_000
_DAYS: Final = ("since", "until")


def ask_for_promotion(
    *,
    source: Environment,
    target: Environment,
    items: Collection[str],
    by: Actor,
    user: User,
    page: str,
    reason: str,
    digest: str = "",
    waiver: str = "",
) -> Job:
    """The job that does what promote does. Shapes: page = the page of promotions between the two."""
    wanted = {
        "source": source.pk,
        "target": target.pk,
        "items": sorted(items),
        "reason": reason,
        "digest": digest,
        "waiver": waiver,
        "page": page,
    }
    title = f"{source} → {target}"
    return ask(kind=PROMOTION, subject=target.pk, title=title, wanted=wanted, by=by, user=user, page=page)


def ask_for_audit_export(*, filters: Mapping[str, Any], form: str, by: Actor, user: User, page: str) -> Job:
    """The job that writes what the filters leave to a file. Shapes: filters as in searching, form as in FORMATS."""
    told = {name: value.isoformat() if isinstance(value, date) else value for name, value in filters.items() if value}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    return ask(
        kind=AUDIT_EXPORT,
        subject=f"{user.pk} {form} {digest}",
        title=", ".join(map(str, told.values())) or FORMATS[form][0],
        wanted={"filters": told, "form": form},
        by=by,
        user=user,
        page=page,
        file=FORMATS[form],
    )


def ask_for_audit_check(*, by: Actor, user: User, page: str) -> Job:
    """The job that reads the chain of the audit log from its beginning to its end. Shapes: page tells what it found."""
    return ask(kind=AUDIT_CHECK, subject="", title=_AUDIT_LOG, wanted={"page": page}, by=by, user=user, page=page)


def _promote(work: Work) -> None:
    wanted = work.wanted
    environments = Environment.objects.editable_by(work.asker).in_bulk([wanted["source"], wanted["target"]])
    source, target = environments.get(wanted["source"]), environments.get(wanted["target"])
    if source is None or target is None:
        raise _forbidden()

    def keep(_: Promotion) -> None:
        work.finish(wanted["page"])

    promote(
        source=source,
        target=target,
        by=work.by,
        reason=wanted["reason"],
        items=wanted["items"],
        digest=wanted["digest"],
        waiver=wanted["waiver"],
        moved=lambda done, total: work.report(done, total, _MOVING),
        kept=keep,
    )


def _export(work: Work) -> None:
    """Write parts until the slice is over. Shapes: cursor = {"after": the last event's id, "written": how many}."""
    told = work.wanted["filters"]
    filters = dict.fromkeys(("actor", "action", "target", "kind", *_DAYS), "") | told
    filters |= {name: date.fromisoformat(told[name]) for name in _DAYS if name in told}
    events = filtered(AuditEvent.objects.visible_to(work.asker), filters)
    cursor = work.cursor or {"after": "", "written": 0, "total": events.count()}
    work.report(cursor["written"], cursor["total"], _WRITING)
    while True:
        page = page_of(events, after=cursor["after"], rows=_EVENTS_A_PART)
        with transaction.atomic():
            work.write(_text(page.events, work.wanted["form"], is_first=not cursor["after"]))
            written = cursor["written"] + len(page.events)
            work.report(written, max(written, cursor["total"]), _WRITING)
            cursor = {"after": page.next_after, "written": written, "total": cursor["total"]}
            work.keep(cursor)
            if not page.next_after:
                work.finish()
                return
        if work.is_slice_over:
            return


def _check(work: Work) -> None:
    """Check the chain until the slice is over."""
    if work.cursor is None:
        chain.begin_check()
    while True:
        with transaction.atomic():
            is_over = chain.check()
            state = chain.chain_state()
            work.report(state.checked_number, state.number, _CHECKING)
            work.keep({"begun": True})
            if is_over:
                work.finish(work.wanted["page"])
                return
        if work.is_slice_over:
            return


def _text(events: list[AuditEvent], form: str, *, is_first: bool) -> str:
    """The events as lines; the first part of a table begins with its head."""
    if form == "jsonl":
        return "".join(json_lines(events))
    return "".join(islice(csv_lines(events), 0 if is_first else 1, None))


def _forbidden() -> Forbidden:
    return Forbidden("platform.not_yours", gettext("It is not yours to change any more."))


declare(
    JobKind(PROMOTION, _("Promotion"), _promote),
    JobKind(AUDIT_EXPORT, _("Export of the audit log"), _export),
    JobKind(AUDIT_CHECK, _("Check of the audit log"), _check),
)
