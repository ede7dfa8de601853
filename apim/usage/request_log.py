"""The log of one application's calls, narrowed: by answer, operation, key and time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from apim.access.models import Application
from apim.usage.models import UsageRecord, UsageRecordQuerySet


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls. Shapes: "" and None are all; status is a class ("4xx") or one; operation is a part of its name."""

    status: str = ""
    operation: str = ""
    credential_id: str = ""
    since: datetime | None = None

    @property
    def is_narrowed(self) -> bool:
        """True when calls may be left out."""
        return bool(self.status or self.operation or self.credential_id or self.since)


def narrowed(application: Application, wanted: Wanted) -> UsageRecordQuerySet:
    """The calls, the newest first, since the application belongs to its organization."""
    calls = _log_of(application).answered(wanted.status)
    if wanted.operation:
        calls = calls.filter(operation__icontains=wanted.operation)
    if wanted.credential_id:
        calls = calls.filter(credential_id=wanted.credential_id)
    if wanted.since is not None:
        calls = calls.filter(at__gte=wanted.since)
    return calls.newest_first()


def page_of(application: Application, wanted: Wanted, *, limit: int, before: str = "") -> tuple[list[UsageRecord], str]:
    """A page backwards, and where the next one begins ("" = there is none). Shapes: before is what a page returned."""
    calls = narrowed(application, wanted)
    # A number longer than any of ours would not fit the column it is compared with.
    is_number = before.isascii() and before.isdecimal() and len(before) <= len(str(2**62))
    last = _log_of(application).filter(id=int(before)).first() if is_number else None
    older = calls.older_than(last) if last is not None else calls
    records = list(older[: limit + 1])
    return records[:limit], str(records[limit - 1].id) if len(records) > limit else ""


def _log_of(application: Application) -> UsageRecordQuerySet:
    calls: UsageRecordQuerySet = UsageRecord.objects.filter(application_id=application.pk)
    return calls.made_by(application.organization_id)
